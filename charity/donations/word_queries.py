"""Reads of the office: the learned words in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from charity.donations.models import PurposeRule
from charity.ledger.models import Earmark, Fund, MoneyPlace


@dataclass(frozen=True, slots=True)
class WordRow:
    """A learned word in force: what it means, where, and who taught it.

    Attributes:
        keyword: folded word; empty: the default of its place.
        place: name of the place it holds for; empty for all.
        purse: fund and earmark as one text.
    """

    id: int
    keyword: str
    place: str
    fund: str
    purse: str
    version: int
    made_by_name: str
    made_at: datetime


def learned_words(session: Session, org_id: int) -> tuple[WordRow, ...]:
    """Return the learned words in force, by word."""
    rows = session.execute(
        select(PurposeRule, Fund.code, Fund.name, Earmark.name, Earmark.is_default, MoneyPlace.name)
        .join(Fund, and_(Fund.org_id == PurposeRule.org_id, Fund.id == PurposeRule.fund_id))
        .join(Earmark, and_(Earmark.org_id == PurposeRule.org_id, Earmark.id == PurposeRule.earmark_id))
        .outerjoin(
            MoneyPlace,
            and_(MoneyPlace.org_id == PurposeRule.org_id, MoneyPlace.id == PurposeRule.money_place_id),
        )
        .where(PurposeRule.org_id == org_id, PurposeRule.retired_at.is_(None))
        .order_by(PurposeRule.keyword, PurposeRule.money_place_id)
    )
    return tuple(
        WordRow(
            id=rule.id,
            keyword=rule.keyword,
            place=place or "",
            fund=fund,
            purse=fund_name if is_default else f"{fund_name}／{earmark_name}",
            version=rule.version,
            made_by_name=rule.made_by_name,
            made_at=rule.made_at,
        )
        for rule, fund, fund_name, earmark_name, is_default, place in rows
    )
