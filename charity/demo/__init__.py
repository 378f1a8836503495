"""An invented federation with a believable year, made through the same services as real books.

No real city, person or body: whatever resembles one is chance. The same seed and date
give the same books.
"""
