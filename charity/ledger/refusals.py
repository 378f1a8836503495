"""What the database refused, as problems people can read.

A guard that fires is a race that Python's check could not see, or a fault; either way
the person gets a sentence and nothing was changed.
"""

from __future__ import annotations

import re

from sqlalchemy.exc import DBAPIError

from charity.errors import N_, Problem, Refused, register

PROBLEMS = register(
    {
        "guard_refused": N_(
            "The books refused this (%(code)s). Nothing was changed; reload the page and try again."
        ),
        "fund_overdrawn_meanwhile": N_(
            "Someone spent from this fund a moment ago and the money no longer suffices. "
            "Nothing was changed; reload the page to see what is left."
        ),
        "stock_overdrawn_meanwhile": N_(
            "There are fewer goods in store than this voucher takes out. Nothing was changed."
        ),
        "already_reversed": N_("This voucher has been reversed already; it is reversed once only."),
        "corrected_meanwhile": N_(
            "Somebody corrected this voucher a moment ago, and this correction no longer fits what is left. "
            "Nothing was changed; discard the draft and prepare the correction anew."
        ),
        "posted_meanwhile": N_("This was posted a moment ago; reload the page to see its number."),
    }
)

_CONSTRAINTS = (
    (("ledger: correction_stale",), "corrected_meanwhile"),
    (("pk_ledger_hold_event", "ledger_hold_event.step_no"), "hold_ended"),
    (("ck_ledger_fund_guard_available", "ck_ledger_fund_month_available"), "fund_overdrawn_meanwhile"),
    (("ck_ledger_stock_guard_value",), "stock_overdrawn_meanwhile"),
    (("ux_ledger_voucher_reverses", "ledger_voucher.reverses_id"), "already_reversed"),
    (
        ("voucher_org_id_idempotency_key", "ledger_voucher.idempotency_key", "voucher_exists"),
        "posted_meanwhile",
    ),
)


def refused_by_database(error: DBAPIError) -> Exception:
    """Return a refusal for a guard's error, or the error itself when it is another's.

    Args:
        error: what SQLAlchemy raised; transient errors are returned as they are, so that
            the whole transaction is tried again.
    """
    text = str(error.orig)
    for names, code in _CONSTRAINTS:
        if any(name in text for name in names):
            return Refused(Problem(code))
    if match := re.search(r"ledger: (\w+)(?: may only grow)?", text):
        return Refused(Problem("guard_refused", {"code": match[1]}))
    if match := re.search(r"ck_ledger_\w+", text):
        return Refused(Problem("guard_refused", {"code": match[0]}))
    return error
