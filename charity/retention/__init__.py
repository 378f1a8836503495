"""Retention (保管期限): how long what is kept, what may go when, and holds that beat it.

Only tells and holds: nothing in this product is destroyed by itself, and posted books
cannot be destroyed at all. Stands above the features whose records it counts.
"""
