"""Setting up books: the chart, cash-flow items, guards, funds, places of money, months.

Each verb may be repeated: what is there already stays as it is.
"""

from __future__ import annotations

from datetime import date
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, refuse, register
from charity.ids import new_id
from charity.ledger.chart import CHART
from charity.ledger.models import (
    Account,
    BookYear,
    Designation,
    DimensionKind,
    DimensionValue,
    Earmark,
    Fund,
    MoneyPlace,
    Period,
    PostingRule,
    ProjectTag,
    VoucherCounter,
)
from charity.ledger.openings import earmark_details, fund_details, place_details, rule_details
from charity.ledger.rules import words_of
from charity.oplog.rules import register_acts
from charity.oplog.service import record
from charity.periods import Month

PROBLEMS = register(
    {
        "account_code_unknown": N_("There is no account %(account)s in the chart."),
        "period_gap": N_("Open %(expected)s first; months are opened in order."),
        "month13_early": N_("Month 13 of %(year)s opens when December is open or closed."),
        "earmark_source": N_(
            "Only a provider of the money or the law restricts it; a council's wish is a designation."
        ),
        "code_taken": N_("The code %(code)s is taken by something else."),
        "rule_same_person": N_("A posting rule is approved by two people who did not write it."),
    }
)
register_acts(
    {
        "ledger.open_month": N_("Opened a month of the books"),
        "ledger.open_fund": N_("Opened a fund"),
        "ledger.open_earmark": N_("Opened an earmark"),
        "ledger.open_place": N_("Opened a place of money"),
        "ledger.write_rule": N_("Wrote a posting rule"),
        "ledger.approve_rule": N_("Approved a posting rule"),
    }
)


def _need(actor: Actor, permission: str) -> None:
    """Refuse an actor without a permission."""
    if not actor.may(permission):
        raise refuse("permission_missing", permission=permission)


def open_fund(
    session: Session,
    *,
    actor: Actor,
    code: str,
    name: str,
    name_en: str,
    kind: str,
    purpose: str,
    on: date,
    purpose_en: str = "",
    document_ref: str = "",
    colour: str = "general",
    position: int = 0,
) -> Fund:
    """Open a fund with its charter as default earmark; by agreement, never nested.

    Raises:
        Refused: ``permission_missing``, ``code_taken``.
    """
    _need(actor, "ledger.setup")
    if session.scalar(select(Fund.id).where(Fund.org_id == actor.org_id, Fund.code == code)) is not None:
        raise refuse("code_taken", "code", code=code)
    fund = Fund(
        org_id=actor.org_id,
        id=new_id(),
        code=code,
        name=name,
        name_en=name_en,
        kind=kind,
        purpose=purpose,
        purpose_en=purpose_en,
        document_ref=document_ref,
        colour=colour,
        position=position,
        opened_on=on,
        closed_on=None,
    )
    session.add(fund)
    session.flush()
    session.add(_charter(fund))
    session.flush()
    record(
        session,
        actor=actor,
        act="ledger.open_fund",
        subject_kind="fund",
        subject_no=code,
        summary=name,
        **fund_details(fund),
    )
    return fund


def _charter(fund: Fund) -> Earmark:
    """Return the default earmark of a fund: its charter."""
    return Earmark(
        org_id=fund.org_id,
        id=new_id(),
        fund_id=fund.id,
        code=fund.code,
        name=fund.name,
        name_en=fund.name_en,
        text=fund.purpose,
        source="charter" if fund.kind != "agency" else "agency",
        document_ref=fund.document_ref,
        is_default=True,
        from_on=fund.opened_on,
        until_on=None,
    )


def open_earmark(
    session: Session,
    *,
    actor: Actor,
    fund: str,
    code: str,
    name: str,
    text: str,
    source: str,
    on: date,
    name_en: str = "",
    document_ref: str = "",
) -> Earmark:
    """Open an earmark (限定用途) below a fund, or one matter of agency money.

    Args:
        source: provider, law or agency; a council does not restrict (财会〔2024〕25号).

    Raises:
        Refused: ``permission_missing``, ``earmark_source``, ``fund_unknown``, ``code_taken``.
    """
    _need(actor, "ledger.setup")
    if source not in ("provider", "law", "agency"):
        raise refuse("earmark_source", "source")
    owner = session.scalar(select(Fund).where(Fund.org_id == actor.org_id, Fund.code == fund))
    if owner is None:
        raise refuse("fund_unknown", "fund", line=1, fund=fund, on=on)
    if (
        session.scalar(select(Earmark.id).where(Earmark.org_id == actor.org_id, Earmark.code == code))
        is not None
    ):
        raise refuse("code_taken", "code", code=code)
    earmark = Earmark(
        org_id=actor.org_id,
        id=new_id(),
        fund_id=owner.id,
        code=code,
        name=name,
        name_en=name_en,
        text=text,
        source=source,
        document_ref=document_ref,
        is_default=False,
        from_on=on,
        until_on=None,
    )
    session.add(earmark)
    session.flush()
    record(
        session,
        actor=actor,
        act="ledger.open_earmark",
        subject_kind="earmark",
        subject_no=code,
        summary=name,
        **earmark_details(earmark, fund),
    )
    return earmark


def open_money_place(
    session: Session,
    *,
    actor: Actor,
    code: str,
    name: str,
    kind: str,
    account: str,
    on: date,
    agency_account: str = "",
    number_tail: str = "",
    number_hash: str = "",
    institution: str = "",
    is_main: bool = False,
) -> MoneyPlace:
    """Open a place of money: a bank account, merchant number, cash box.

    Raises:
        Refused: ``permission_missing``, ``code_taken``, ``account_code_unknown``.
    """
    _need(actor, "ledger.setup")
    if session.scalar(
        select(MoneyPlace.id).where(MoneyPlace.org_id == actor.org_id, MoneyPlace.code == code)
    ):
        raise refuse("code_taken", "code", code=code)
    place = MoneyPlace(
        org_id=actor.org_id,
        id=new_id(),
        code=code,
        name=name,
        kind=kind,
        account_id=_account_id(session, account),
        agency_account_id=_account_id(session, agency_account) if agency_account else None,
        number_tail=number_tail,
        number_hash=number_hash,
        institution=institution,
        is_main=is_main,
        opened_on=on,
        closed_on=None,
    )
    session.add(place)
    session.flush()
    record(
        session,
        actor=actor,
        act="ledger.open_place",
        subject_kind="money_place",
        subject_no=code,
        summary=name,
        **place_details(place, account),
    )
    return place


def _account_id(session: Session, code: str) -> int:
    """Return the id of an account of the chart in force."""
    found = session.scalar(select(Account.id).where(Account.chart == CHART, Account.code == code))
    if found is None:
        raise refuse("account_code_unknown", "account", account=code)
    return found


def open_year(
    session: Session, *, actor: Actor, year: int, words: str = "single", closing: str = "year"
) -> BookYear:
    """Fix the settings of a year of books; once, before its first month opens."""
    _need(actor, "ledger.setup")
    known = session.get(BookYear, (actor.org_id, year))
    if known is not None:
        return known
    row = BookYear(org_id=actor.org_id, year=year, words=words, closing=closing, chart=CHART, audited_on=None)
    session.add(row)
    session.flush()
    return row


def open_month(session: Session, *, actor: Actor, month: Month) -> Period:
    """Open a month with a counter for every word; months open in order.

    Args:
        actor: needs ``ledger.close``.
        month: the next one, or month 13 once December is there.

    Raises:
        Refused: ``permission_missing``, ``period_gap``, ``month13_early``.
    """
    _need(actor, "ledger.close")
    known = session.get(Period, (actor.org_id, month.code))
    if known is not None:
        return known
    _hold_back_posters(session, actor.org_id)
    known = session.get(Period, (actor.org_id, month.code), populate_existing=True)
    if known is not None:
        return known  # by somebody else, while this waited
    _check_order(session, actor.org_id, month)
    open_year(session, actor=_with_setup(actor), year=month.year)
    year = session.get_one(BookYear, (actor.org_id, month.year))
    row = Period(
        org_id=actor.org_id,
        month=month.code,
        is_open=True,
        opened_by=actor.user_id,
        opened_at=actor.at,
        closed_by=None,
        closed_at=None,
    )
    session.add(row)
    session.flush()
    for word in words_of(year.words):
        session.add(VoucherCounter(org_id=actor.org_id, month=month.code, word=word, last_no=0, is_open=True))
    session.flush()
    record(session, actor=actor, act="ledger.open_month", subject_kind="month", subject_no=str(month))
    return row


def _hold_back_posters(session: Session, org_id: int) -> None:
    """Wait for every posting under way, and let none begin until this is committed.

    A month begins with what each purse holds at the end of the one before. A voucher that
    is written at the same moment would see no row of the new month to add itself to. Each
    poster holds the counter of its month before its header goes in, which adds it up.
    """
    counter = VoucherCounter
    session.execute(
        select(counter.word)
        .where(counter.org_id == org_id, counter.is_open)
        .order_by(counter.month, counter.word)
        .with_for_update()
    ).all()


def _with_setup(actor: Actor) -> Actor:
    """Return the actor with the right to fix a new year's default settings."""
    return Actor(
        actor.user_id, actor.org_id, actor.name, actor.permissions | {"ledger.setup"}, actor.at, actor.unit_id
    )


def _check_order(session: Session, org_id: int, month: Month) -> None:
    """Refuse a month that would leave a gap behind the last one."""
    codes = session.scalars(select(Period.month).where(Period.org_id == org_id)).all()
    calendar_months = sorted(code for code in codes if code % 100 != 13)
    if month.number == 13:
        if month.year * 100 + 12 not in codes:
            raise refuse("month13_early", year=month.year)
        return
    if calendar_months:
        expected = Month.from_code(calendar_months[-1]).next()
        if month != expected:
            raise refuse("period_gap", expected=expected)


def add_project_tag(session: Session, *, actor: Actor, code: str, name: str, name_en: str = "") -> ProjectTag:
    """Add a project as a dimension of the books."""
    return _add_small(session, actor, ProjectTag, code, name=name, name_en=name_en)


def add_designation(
    session: Session, *, actor: Actor, code: str, name: str, document_ref: str
) -> Designation:
    """Add a council's designation inside GEN."""
    return _add_small(session, actor, Designation, code, name=name, document_ref=document_ref)


Small = TypeVar("Small", ProjectTag, Designation)


def _add_small(session: Session, actor: Actor, model: type[Small], code: str, **values: str) -> Small:
    """Add a row of a small coded table, or refuse a code that is taken."""
    _need(actor, "ledger.setup")
    if session.scalar(select(model.id).where(model.org_id == actor.org_id, model.code == code)) is not None:
        raise refuse("code_taken", "code", code=code)
    row = model(org_id=actor.org_id, id=new_id(), code=code, **values)
    session.add(row)
    session.flush()
    return row


def name_dimension(session: Session, *, actor: Actor, slot: int, name: str) -> DimensionKind:
    """Name one of the two user-defined dimensions."""
    _need(actor, "ledger.setup")
    row = session.merge(DimensionKind(org_id=actor.org_id, slot=slot, name=name))
    session.flush()
    return row


def add_dimension_value(session: Session, *, actor: Actor, slot: int, code: str, name: str) -> DimensionValue:
    """Add a value of a user-defined dimension.

    Raises:
        Refused: ``permission_missing``, ``code_taken``.
    """
    _need(actor, "ledger.setup")
    known = select(DimensionValue.id).where(
        DimensionValue.org_id == actor.org_id, DimensionValue.slot == slot, DimensionValue.code == code
    )
    if session.scalar(known) is not None:
        raise refuse("code_taken", "code", code=code)
    row = DimensionValue(org_id=actor.org_id, id=new_id(), slot=slot, code=code, name=name)
    session.add(row)
    session.flush()
    return row


def write_posting_rule(session: Session, *, actor: Actor, code: str, text: str, on: date) -> PostingRule:
    """Write a new version of a posting rule; it is in force after two approvals."""
    _need(actor, "ledger.setup")
    versions = session.scalars(
        select(PostingRule.version).where(PostingRule.org_id == actor.org_id, PostingRule.code == code)
    ).all()
    rule = PostingRule(
        org_id=actor.org_id,
        id=new_id(),
        code=code,
        version=max(versions, default=0) + 1,
        text=text,
        from_on=on,
        author_id=actor.user_id,
        first_approver_id=None,
        second_approver_id=None,
        approved_at=None,
    )
    session.add(rule)
    session.flush()
    record(
        session,
        actor=actor,
        act="ledger.write_rule",
        subject_kind="posting_rule",
        subject_no=code,
        summary=text,
        **rule_details(rule),
    )
    return rule


def approve_posting_rule(session: Session, *, actor: Actor, rule_id: int) -> PostingRule:
    """Approve a posting rule, first or second; two people other than its author.

    Raises:
        Refused: ``permission_missing``, ``rule_same_person``.

    Source: 财会〔2024〕11号 art. 17.
    """
    _need(actor, "ledger.approve_rule")
    rule = session.get_one(PostingRule, (actor.org_id, rule_id), with_for_update=True)
    if rule.approved_at is not None:
        return rule
    if actor.user_id in (rule.author_id, rule.first_approver_id):
        raise refuse("rule_same_person")
    if rule.first_approver_id is None:
        rule.first_approver_id = actor.user_id
    else:
        rule.second_approver_id, rule.approved_at = actor.user_id, actor.at
    session.flush()
    record(session, actor=actor, act="ledger.approve_rule", subject_kind="posting_rule", subject_no=rule.code)
    return rule


def rule_in_force(session: Session, org_id: int, code: str, on: date) -> PostingRule | None:
    """Return the newest approved version of a posting rule on a day, or None."""
    return session.scalar(
        select(PostingRule)
        .where(
            PostingRule.org_id == org_id,
            PostingRule.code == code,
            PostingRule.approved_at.is_not(None),
            PostingRule.from_on <= on,
        )
        .order_by(PostingRule.version.desc())
        .limit(1)
    )
