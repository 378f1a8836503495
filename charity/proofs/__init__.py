"""The proof log (存证): a public Merkle tree over posted voucher lines, signed head by head.

Stands above the ledger and below whatever shows a proof. The posting transaction knows
nothing of it: a sequencer follows the books, appends leaves, and signs what it appended.
"""
