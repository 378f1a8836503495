"""Learned words: what a person decided once about a purpose holds for the next gifts.

Imports ``db`` and lower and this feature. A rule is versioned and never changed; learning
one allocates at once the waiting gifts that it makes clear.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.models import Donation, PurposeRule
from charity.donations.purpose_rules import check_keyword, fold_keyword
from charity.donations.recording import FixedPart, insert_parts, load_purposes
from charity.donations.rules import Part
from charity.donations.service import draft_if_maker, find_place, fix_parts, need
from charity.errors import N_, refuse, refuse_if, register
from charity.ids import new_id
from charity.ledger.books import load_books
from charity.oplog.rules import register_acts, register_labels
from charity.oplog.service import record

PROBLEMS = register({"purpose_rule_unknown": N_("There is no such rule in force.")})
register_acts(
    {
        "donations.learn": N_("Learned what a word means"),
        "donations.forget": N_("Ended a learned word"),
        "donations.apply": N_("Allocated waiting gifts by learned words"),
    }
)
register_labels({"keyword": N_("Learned word")})

#: Waiting gifts looked at in one act.
APPLY_LIMIT = 500


def learn_purpose(
    session: Session,
    *,
    actor: Actor,
    keyword: str,
    fund: str,
    earmark: str = "",
    place: str = "",
    on: date,
) -> PurposeRule:
    """Remember that a word means a fund; an earlier version of the word ends.

    Args:
        actor: needs ``donations.record`` or ``imports.book``.
        keyword: as people write it; empty only with a place, whose default it becomes.
        fund, earmark: codes; an empty earmark means the fund's charter.
        place: code of the place it holds for; empty for all.
        on: today.

    Raises:
        Refused: ``keyword_empty``, ``keyword_long``, ``gift_fund_unknown``,
            ``gift_earmark_unknown``, ``gift_agency_place``, ``gift_place_unknown``.
    """
    need(actor, "donations.record", "imports.book")
    if keyword.strip() or not place:
        refuse_if(check_keyword(keyword))
    books = load_books(session, actor.org_id, on)
    info = find_place(books, place) if place else None
    anywhere = info or next(iter(books.places.values()))
    fixed = fix_parts(books, anywhere, 1, [Part(fund, earmark)])[0]
    word, place_id = fold_keyword(keyword), info.id if info else 0
    version = _retire(session, actor, word, place_id) + 1
    rule = PurposeRule(
        org_id=actor.org_id,
        id=new_id(),
        keyword=word,
        money_place_id=place_id,
        fund_id=fixed.fund_id,
        earmark_id=fixed.earmark_id,
        version=version,
        made_by=actor.user_id,
        made_by_name=actor.name[:80],
        made_at=actor.at,
        retired_at=None,
    )
    session.add(rule)
    session.flush()
    record(
        session,
        actor=actor,
        act="donations.learn",
        keyword=word,
        fund=f"{fund}/{earmark}" if earmark else fund,
        place=place,
    )
    apply_purposes(session, actor=actor, on=on)
    return rule


def _retire(session: Session, actor: Actor, word: str, place_id: int) -> int:
    """End the version of a word that is in force; return the number of the last version."""
    same = (
        PurposeRule.org_id == actor.org_id,
        PurposeRule.keyword == word,
        PurposeRule.money_place_id == place_id,
    )
    session.execute(
        update(PurposeRule)
        .where(*same, PurposeRule.retired_at.is_(None))
        .values(retired_at=actor.at)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(select(func.max(PurposeRule.version)).where(*same)) or 0


def forget_purpose(session: Session, *, actor: Actor, rule_id: int) -> PurposeRule:
    """End a learned word; gifts it allocated stay as they are.

    Raises:
        Refused: ``purpose_rule_unknown``.
    """
    need(actor, "donations.record", "imports.book")
    rule = session.get(PurposeRule, (actor.org_id, rule_id), with_for_update=True)
    if rule is None or rule.retired_at is not None:
        raise refuse("purpose_rule_unknown")
    rule.retired_at = actor.at
    session.flush()
    record(session, actor=actor, act="donations.forget", keyword=rule.keyword)
    return rule


def apply_purposes(session: Session, *, actor: Actor, on: date) -> int:
    """Allocate the waiting gifts that the learned words now make clear; return how many.

    Args:
        actor: recorded; drafts are made when the actor makes vouchers.
        on: today.
    """
    need(actor, "donations.record", "imports.book")
    books = load_books(session, actor.org_id, on)
    purposes = load_purposes(session, actor.org_id, on)
    places = {info.id: info for info in books.places.values()}
    waiting = session.scalars(
        select(Donation)
        .where(Donation.org_id == actor.org_id, Donation.is_allocated.is_(False))
        .order_by(Donation.id)
        .limit(APPLY_LIMIT)
        .with_for_update()
    ).all()
    done = []
    for donation in waiting:
        target = purposes.target_of(donation.stated_purpose, donation.money_place_id)
        place = places.get(donation.money_place_id)
        if target is None or place is None:
            continue
        if books.funds[target.fund].kind == "agency" and place.agency_account is None:
            continue
        fund_id, earmark_id = books.funds[target.fund].id, books.earmarks[target.earmark].id
        part = FixedPart(fund_id, earmark_id, donation.amount_fen, target.rule_id)
        insert_parts(session, actor.org_id, donation.id, [part])
        donation.is_allocated, donation.version = True, donation.version + 1
        done.append(donation)
    session.flush()
    if done:
        record(
            session,
            actor=actor,
            act="donations.apply",
            count=len(done),
            amount_fen=sum(donation.amount_fen for donation in done),
        )
        draft_if_maker(session, actor=actor, donation_ids=[donation.id for donation in done], on=on)
    return len(done)
