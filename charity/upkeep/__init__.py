"""Keeping the house: backups, restores, upgrades, and how the installation fares.

Stands above every feature, because it looks at all of them. Nothing here changes the
books: a backup reads them, a restore writes another folder or an empty database.
"""
