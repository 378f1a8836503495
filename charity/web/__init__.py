"""The shell every feature shares: access, forms, pages, limits, caching, languages.

May import Flask and everything below it; features import from its modules. It knows no
feature: what it needs from above (orgs, users, permissions) are hooks in ``context``.
"""
