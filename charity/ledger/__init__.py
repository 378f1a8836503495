"""The ledger: chart, funds, drafts, posting, holds, corrections, closing.

Owns the laws of the books: every voucher balances inside every fund and earmark,
posted is forever, numbers have no gaps, money is spent only where money is.
"""
