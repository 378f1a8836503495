"""What the operation log keeps of funds, earmarks, places and rules when they are opened.

The entry is what the row is compared with ever after, see ``master_checks``.
"""

from __future__ import annotations

from typing import Any

from charity.errors import N_
from charity.ledger.models import Earmark, Fund, MoneyPlace, PostingRule
from charity.oplog.rules import register_labels

register_labels(
    {
        "fund_kind": N_("Kind of fund"),
        "fund_code": N_("Code of the fund"),
        "full_name": N_("Name in full"),
        "purpose": N_("What it is for"),
        "restricted_by": N_("Restricted by"),
        "place_kind": N_("Kind of place"),
        "account_code": N_("Account"),
        "rule_version": N_("Version"),
        "rule_text": N_("What the rule does"),
    }
)


def fund_details(fund: Fund) -> dict[str, Any]:
    """Return what the act of opening a fund tells of it."""
    return {"full_name": fund.name, "fund_kind": fund.kind, "purpose": fund.purpose}


def earmark_details(earmark: Earmark, fund: str) -> dict[str, Any]:
    """Return what the act of opening an earmark tells of it; ``fund`` is the fund's code."""
    return {
        "fund_code": fund,
        "full_name": earmark.name,
        "purpose": earmark.text,
        "restricted_by": earmark.source,
    }


def place_details(place: MoneyPlace, account: str) -> dict[str, Any]:
    """Return what the act of opening a place of money tells of it; ``account`` is a code."""
    return {"full_name": place.name, "place_kind": place.kind, "account_code": account}


def rule_details(rule: PostingRule) -> dict[str, Any]:
    """Return what the act of writing a posting rule tells of it."""
    return {"rule_version": rule.version, "rule_text": rule.text}
