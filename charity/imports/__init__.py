"""Staged files: drop, see what each row is, decide, book; nothing is half-booked.

An engine below the ledger: it knows files, rows and verdicts, and gets from above how a
row is judged and what booking it means (``kinds``). The same judge serves the preview and
the booking; a row that was booked once is never booked again.
"""
