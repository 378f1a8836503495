"""What the public may see of a gift or a payment; pure.

A natural person without a recorded choice is 爱心人士. Months are merged by
``ledger.small_cells``.
Source: 慈善法 (2023) art. 82; 个人信息保护法 art. 25.
"""

from __future__ import annotations

from charity.errors import N_
from charity.names import mask_name

#: What stands in place of a name, by kind of donor: English message ids.
UNNAMED = {
    "person": N_("A kind giver"),
    "anonymous": N_("A kind giver"),
    "group": N_("A group of kind givers"),
    "company": N_("A kind organisation"),
    "public_body": N_("A kind organisation"),
    "organisation": N_("A kind organisation"),
}


def display_name(name: str, kind: str, publish_as: str) -> tuple[str, bool]:
    """Return how a giver is called in public, and whether that is a message id.

    Args:
        name: as recorded; may be empty.
        kind: of the donor.
        publish_as: the gift's choice: name, masked or anonymous.
    """
    if publish_as == "name" and name:
        return name, False
    if publish_as == "masked" and name:
        return mask_name(name), False
    return UNNAMED.get(kind, UNNAMED["person"]), True


def row_kind(voucher_kind: str, amount_fen: int) -> str:
    """Return what a row of the list of gifts is: gift, refund or correction.

    A correction mends an entry and moves no money, whichever way it points; only a
    refund gives money back.

    Args:
        voucher_kind: normal or correction.
        amount_fen: negative takes back.
    """
    if voucher_kind == "correction":
        return "correction"
    return "refund" if amount_fen < 0 else "gift"
