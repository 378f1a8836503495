"""Requests of the persons data is about: a copy, a correction, a deletion, or why not.

Stands above donors, receipts and logins, because it gathers what they hold.
"""
