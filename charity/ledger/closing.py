"""Closing a month (结账): a list of what blocks it, then one way; carrying forward.

A closed month is never opened again, not even by an administrator (财会〔2024〕12号 art. 21).
After December a month 13 stays open for the auditors' adjustments.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from charity.db import Actor, sum_of
from charity.errors import N_, Problem, refuse, refuse_if, register
from charity.ledger.blockers import Blocker, blockers_above
from charity.ledger.drafting import DraftOrigin, make_draft
from charity.ledger.models import (
    Account,
    BalanceAssertion,
    BookYear,
    Draft,
    Earmark,
    Fund,
    MoneyPlace,
    Period,
    VoucherCounter,
)
from charity.ledger.refusals import refused_by_database
from charity.ledger.rules import DraftLine, DraftVoucher
from charity.ledger.sealed_models import Balance, DayTotal
from charity.ledger.spending import PUBLIC_TOPIC
from charity.money import format_yuan
from charity.oplog.rules import register_acts
from charity.oplog.service import record
from charity.periods import Month
from charity.web.cache import bump

PROBLEMS = register(
    {
        "close_not_open": N_("%(month)s is not open."),
        "close_not_over": N_("%(month)s is not over yet; it can be closed from %(next)s."),
        "close_earlier_open": N_("%(earlier)s is still open; months are closed in order."),
        "close_drafts": N_("%(count)s drafts of %(month)s are not posted: post, re-date or discard them."),
        "close_agency": N_(
            "Agency assets and liabilities of %(matter)s differ by %(difference)s; "
            "1801 and agency cash are one pair with 2601."
        ),
        "close_unbalanced": N_("The trial balance of %(month)s does not tie; run flask check."),
        "close_assertion": N_(
            "%(place)s: the statement says %(stated)s on %(on)s, the books say %(booked)s. "
            "Find the difference."
        ),
        "close_carry_forward": N_(
            "Income and expense of %(month)s are not carried forward yet (%(count)s balances). "
            "Make and post the closing voucher."
        ),
        "close_prior_year": N_(
            "Account 3201 still holds %(amount)s in fund %(fund)s; close it to 3101 or 3102."
        ),
        "close_audit": N_(
            "The audit of %(year)s is not recorded as signed; until then month 13 stays open for adjustments."
        ),
        "close_month13": N_(
            "Open month 13 of %(year)s first: the auditors' adjustments and the carry-forward go there."
        ),
        "carry_not_here": N_(
            "With a year-end closing, income and expense are carried forward in month 13, not in %(month)s."
        ),
        "nothing_to_carry": N_("There is nothing to carry forward in %(month)s."),
        "audit_signed": N_(
            "The audit of %(year)s was recorded as signed on %(on)s; that is not changed any more."
        ),
        "audit_needs_month13": N_("Open month 13 of %(year)s first."),
    }
)
register_acts(
    {
        "ledger.close": N_("Closed a month of the books"),
        "ledger.sign_audit": N_("Recorded the signed audit of a year"),
    }
)


def close_blockers(session: Session, org_id: int, month: Month, on: date) -> list[Blocker]:
    """Return everything that keeps a month from being closed; empty when it may close.

    Args:
        month: an open month.
        on: today.
    """
    period = session.get(Period, (org_id, month.code))
    if period is None or not period.is_open:
        return [Blocker(Problem("close_not_open", {"month": month}), "ledger.months")]
    blockers = []
    if on <= month.last_on:
        blockers.append(Blocker(Problem("close_not_over", {"month": month, "next": month.next().first_on})))
    if (earlier := _earlier_open(session, org_id, month)) is not None:
        blockers.append(Blocker(Problem("close_earlier_open", {"earlier": earlier}), "ledger.months"))
    waiting = session.scalar(
        select(func.count())
        .select_from(Draft)
        .where(Draft.org_id == org_id, Draft.month == month.code, Draft.state.not_in(("posted", "discarded")))
    )
    if waiting:
        values = {"count": waiting, "month": month}
        blockers.append(Blocker(Problem("close_drafts", values), "ledger.drafts"))
    blockers += [Blocker(problem, "ledger.months") for problem in _check_year_end(session, org_id, month)]
    blockers += [Blocker(problem) for problem in _check_pairs(session, org_id, month)]
    blockers += [Blocker(problem, "ledger.funds") for problem in _check_assertions(session, org_id, month)]
    blockers += [
        Blocker(problem, "ledger.carry_forward") for problem in _check_carried(session, org_id, month)
    ]
    return blockers + blockers_above(session, org_id, month)


def _earlier_open(session: Session, org_id: int, month: Month) -> Month | None:
    """Return the first open calendar month before this one (month 13 waits for its audit)."""
    codes = session.scalars(
        select(Period.month)
        .where(Period.org_id == org_id, Period.month < month.code, Period.is_open)
        .order_by(Period.month)
    )
    return next((Month.from_code(code) for code in codes if code % 100 != 13), None)


def _check_year_end(session: Session, org_id: int, month: Month) -> list[Problem]:
    """Return what the end of a year still asks for: the signed audit, and month 13 of the year before."""
    if month.number == 13:
        year = session.get(BookYear, (org_id, month.year))
        is_audited = year is not None and year.audited_on is not None
        return [] if is_audited else [Problem("close_audit", {"year": month.year})]
    before = month.year - 1
    december, thirteenth = Month(before, 12).code, Month(before, 13).code
    known = session.scalars(
        select(Period.month).where(Period.org_id == org_id, Period.month.in_((december, thirteenth)))
    ).all()
    if december in known and thirteenth not in known:
        return [Problem("close_month13", {"year": before})]
    return []


def _check_pairs(session: Session, org_id: int, month: Month) -> list[Problem]:
    """Return agency matters whose pair differs, and whether the trial balance ties."""
    problems = []
    rows = session.execute(
        select(Earmark.code, sum_of(Balance.debit_fen - Balance.credit_fen))
        .join(Fund, (Fund.org_id == Balance.org_id) & (Fund.id == Balance.fund_id))
        .join(Earmark, (Earmark.org_id == Balance.org_id) & (Earmark.id == Balance.earmark_id))
        .where(Balance.org_id == org_id, Balance.month <= month.code, Fund.kind == "agency")
        .group_by(Earmark.code)
    )
    for matter, fen in rows:
        if fen:
            problems.append(Problem("close_agency", {"matter": matter, "difference": format_yuan(fen)}))
    difference = session.scalar(
        select(sum_of(Balance.debit_fen - Balance.credit_fen)).where(
            Balance.org_id == org_id, Balance.month <= month.code
        )
    )
    if difference:
        problems.append(Problem("close_unbalanced", {"month": month}))
    return problems


def place_balance(session: Session, org_id: int, place_id: int, on: date) -> int:
    """Return what a money place holds at the end of a day by the books, own and agency, in fen."""
    return (
        session.scalar(
            select(sum_of(DayTotal.debit_fen - DayTotal.credit_fen)).where(
                DayTotal.org_id == org_id, DayTotal.money_place_id == place_id, DayTotal.on <= on
            )
        )
        or 0
    )


def _check_assertions(session: Session, org_id: int, month: Month) -> list[Problem]:
    """Return the last stated balance of each place in the month that the books do not have."""
    rows = session.execute(
        select(BalanceAssertion, MoneyPlace.code)
        .join(
            MoneyPlace,
            (MoneyPlace.org_id == BalanceAssertion.org_id)
            & (MoneyPlace.id == BalanceAssertion.money_place_id),
        )
        .where(
            BalanceAssertion.org_id == org_id,
            BalanceAssertion.on >= month.first_on,
            BalanceAssertion.on <= month.last_on,
        )
        .order_by(BalanceAssertion.on, BalanceAssertion.id)
    )
    last = {code: stated for stated, code in rows}
    problems = []
    for code, stated in last.items():
        booked = place_balance(session, org_id, stated.money_place_id, stated.on)
        if booked != stated.balance_fen:
            values = {"place": code, "on": stated.on, "stated": format_yuan(stated.balance_fen)}
            problems.append(Problem("close_assertion", {**values, "booked": format_yuan(booked)}))
    return problems


def _must_carry(session: Session, org_id: int, month: Month) -> bool:
    """Say whether this month must be carried forward before it closes.

    With 年结转 that is the last period of the year: month 13 when it is open, else none
    (December closes, month 13 carries).
    """
    year = session.get(BookYear, (org_id, month.year))
    return month.number == 13 or (year is not None and year.closing == "month")


def _check_carried(session: Session, org_id: int, month: Month) -> list[Problem]:
    """Return what is not carried forward, and prior-year adjustments left open in month 13."""
    if not _must_carry(session, org_id, month):
        return []
    left = _unclosed(session, org_id, month)
    problems = [Problem("close_carry_forward", {"month": month, "count": len(left)})] if left else []
    if month.number == 13:
        rows = session.execute(
            select(Fund.code, sum_of(Balance.debit_fen - Balance.credit_fen))
            .join(Account, Account.id == Balance.account_id)
            .join(Fund, (Fund.org_id == Balance.org_id) & (Fund.id == Balance.fund_id))
            .where(
                Balance.org_id == org_id,
                Balance.month <= month.code,
                Account.code.in_(("320101", "320102")),
            )
            .group_by(Fund.code)
        )
        problems += [
            Problem("close_prior_year", {"fund": fund, "amount": format_yuan(fen)})
            for fund, fen in rows
            if fen
        ]
    return problems


def _unclosed(session: Session, org_id: int, month: Month) -> Sequence[tuple[str, str, str, str, int]]:
    """Return (account, restriction, fund, earmark, debit less credit) of the year still open up to a month.

    Of the month's own year: what the auditors adjust in month 13 is carried there, and a
    January beside it must not carry it a second time.
    """
    rows = session.execute(
        select(
            Account.code,
            Account.restriction,
            Fund.code,
            Earmark.code,
            sum_of(Balance.debit_fen - Balance.credit_fen),
        )
        .join(Account, Account.id == Balance.account_id)
        .join(Fund, (Fund.org_id == Balance.org_id) & (Fund.id == Balance.fund_id))
        .join(Earmark, (Earmark.org_id == Balance.org_id) & (Earmark.id == Balance.earmark_id))
        .where(
            Balance.org_id == org_id,
            Balance.month >= Month(month.year, 1).code,
            Balance.month <= month.code,
            Account.kind.in_(("income", "expense")),
        )
        .group_by(Account.code, Account.restriction, Fund.code, Earmark.code)
        .order_by(Account.code, Fund.code, Earmark.code)
    )
    return [(code, restriction, fund, earmark, fen) for code, restriction, fund, earmark, fen in rows if fen]


def make_closing_draft(session: Session, *, actor: Actor, month: Month) -> Draft:
    """Prepare the voucher that carries income and expense forward to net assets.

    Done again it carries only what has come since: the balances still open.

    Args:
        actor: needs ``ledger.draft``; another person reviews and posts it.
        month: the open month it is dated in, on its last day.

    Raises:
        Refused: ``carry_not_here``, ``nothing_to_carry``, ``permission_missing``.

    Source: posting rules P48 and P49; 财会〔2024〕25号.
    """
    if not _must_carry(session, actor.org_id, month):
        raise refuse("carry_not_here", month=month)
    left = _unclosed(session, actor.org_id, month)
    if not left:
        raise refuse("nothing_to_carry", month=month)
    summary = f"结转{month.year}年{month.number}月收支" if month.number < 13 else f"结转{month.year}年收支"
    lines = []
    totals: dict[tuple[str, str, str], int] = {}
    for account, restriction, fund, earmark, fen in left:
        lines.append(_on_side(account, fund, earmark, -fen, summary))
        key = ("3102" if restriction == "yes" else "3101", fund, earmark)
        totals[key] = totals.get(key, 0) + fen
    lines += [_on_side(code, fund, ear, fen, summary) for (code, fund, ear), fen in totals.items() if fen]
    done = session.scalar(
        select(func.count())
        .select_from(Draft)
        .where(Draft.org_id == actor.org_id, Draft.month == month.code, Draft.kind == "closing")
    )
    draft = DraftVoucher(month.last_on, month, summary, tuple(lines), kind="closing")
    return make_draft(
        session, actor=actor, draft=draft, origin=DraftOrigin(idempotency_key=f"closing-{month.code}-{done}")
    )


def _on_side(account: str, fund: str, earmark: str, fen: int, summary: str) -> DraftLine:
    """Return a blue line: a debit for a positive amount, a credit for a negative one."""
    return DraftLine(
        account,
        debit_fen=max(fen, 0),
        credit_fen=max(-fen, 0),
        fund=fund,
        earmark=earmark,
        summary=summary,
    )


def close_month(session: Session, *, actor: Actor, month: Month, on: date) -> None:
    """Close a month, for good; all words of it at once.

    Args:
        actor: needs ``ledger.close``.
        month: the earliest open one.
        on: today.

    Raises:
        Refused: ``permission_missing`` and every blocker.

    Source: 财会〔2024〕12号 art. 24.
    """
    if not actor.may("ledger.close"):
        raise refuse("permission_missing", permission="ledger.close")
    period = session.get(Period, (actor.org_id, month.code), with_for_update=True, populate_existing=True)
    if period is not None and not period.is_open:
        raise refuse("close_not_open", month=month)
    refuse_if(blocker.problem for blocker in close_blockers(session, actor.org_id, month, on))
    count = session.scalar(
        select(sum_of(VoucherCounter.last_no)).where(
            VoucherCounter.org_id == actor.org_id, VoucherCounter.month == month.code
        )
    )
    try:
        session.execute(
            update(VoucherCounter)
            .where(VoucherCounter.org_id == actor.org_id, VoucherCounter.month == month.code)
            .values(is_open=False)
            .execution_options(synchronize_session="fetch")
        )
        session.execute(
            update(Period)
            .where(Period.org_id == actor.org_id, Period.month == month.code)
            .values(is_open=False, closed_by=actor.user_id, closed_at=actor.at)
            .execution_options(synchronize_session="fetch")
        )
    except DBAPIError as error:
        raise refused_by_database(error) from error
    bump(session, actor.org_id, PUBLIC_TOPIC)
    record(
        session,
        actor=actor,
        act="ledger.close",
        subject_kind="month",
        subject_no=str(month),
        count=count or 0,
    )


def sign_audit(session: Session, *, actor: Actor, year: int, audited_on: date) -> None:
    """Record that the audit of a year is signed; month 13 may then be closed.

    Raises:
        Refused: ``permission_missing``, ``audit_needs_month13``, ``audit_signed``.
    """
    if not actor.may("ledger.close"):
        raise refuse("permission_missing", permission="ledger.close")
    if session.get(Period, (actor.org_id, year * 100 + 13)) is None:
        raise refuse("audit_needs_month13", year=year)
    row = session.get_one(BookYear, (actor.org_id, year))
    if row.audited_on == audited_on:
        return
    if row.audited_on is not None:
        raise refuse("audit_signed", year=year, on=row.audited_on)
    row.audited_on = audited_on
    session.flush()
    record(session, actor=actor, act="ledger.sign_audit", subject_kind="year", subject_no=str(year))


def state_balance(
    session: Session, *, actor: Actor, money_place: str, on: date, balance_fen: int, source: str
) -> None:
    """Record what a bank statement or a cash count says; the close compares it.

    Raises:
        Refused: ``permission_missing``, ``money_place_wrong``.
    """
    if not (actor.may("ledger.sign") or actor.may("ledger.draft")):
        raise refuse("permission_missing", permission="ledger.sign")
    place = session.scalar(
        select(MoneyPlace.id).where(MoneyPlace.org_id == actor.org_id, MoneyPlace.code == money_place)
    )
    if place is None:
        raise refuse("money_place_wrong", "money_place", line=1, place=money_place, account="")
    known = session.scalar(
        select(BalanceAssertion.id).where(
            BalanceAssertion.org_id == actor.org_id,
            BalanceAssertion.money_place_id == place,
            BalanceAssertion.on == on,
            BalanceAssertion.source == source,
        )
    )
    if known is None:
        session.add(
            BalanceAssertion(
                org_id=actor.org_id,
                money_place_id=place,
                on=on,
                balance_fen=balance_fen,
                source=source,
                stated_by=actor.user_id,
                stated_at=actor.at,
            )
        )
        session.flush()
