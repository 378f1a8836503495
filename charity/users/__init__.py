"""Users: logins, membership of orgs, roles, sign-in, and the separation of duties.

Making, checking, cash and posting are different people: this feature holds it when a
role is granted, the ledger holds it again when an act is done. May import ``places``,
``messages``, ``jobs``, ``oplog``, ``web`` and lower.
"""
