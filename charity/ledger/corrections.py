"""Corrections only add: red reversals, differences, sets, corrections of fact.

A red voucher has the same accounts and sides as what it takes back, negative, so that
turnover shrinks as accountants expect; it is never reversed itself. Errors of a past
year go through 3201 in blue. Source: 会计基础工作规范 (财政部令第98号) art. 51(5).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, Problem, refuse, refuse_if, register
from charity.ids import new_id
from charity.ledger.books import load_books
from charity.ledger.completion_rules import complete
from charity.ledger.drafting import DraftOrigin, make_draft
from charity.ledger.models import Draft, Earmark, Fund, Period
from charity.ledger.reading import PostedRecord, read_voucher, read_vouchers
from charity.ledger.rules import DraftLine, DraftVoucher, guarded_deltas
from charity.ledger.sealed_models import FundGuard, Incident, IncidentCover, Voucher
from charity.money import format_yuan
from charity.oplog.rules import register_acts
from charity.oplog.service import record
from charity.periods import Month

PROBLEMS = register(
    {
        "red_not_reversed": N_(
            "%(number)s is a red voucher; it is not reversed itself. Enter the right one anew in blue."
        ),
        "voucher_reversed": N_(
            "%(number)s of %(month)s has been reversed already; there is nothing left to correct."
        ),
        "correction_prior_year": N_(
            "%(number)s belongs to %(year)s. "
            "Errors of a past year are corrected in blue through account 3201."
        ),
        "correction_below_zero": N_(
            "Line %(line)s has %(left)s left to correct; "
            "the difference of %(given)s would take it below zero."
        ),
        "correction_empty": N_("The new amounts are the old ones; there is nothing to correct."),
        "correction_period": N_("No open month holds %(on)s; open it first."),
        "correction_closing": N_("Opening and closing vouchers are not corrected; correct what they carry."),
        "correction_of_difference": N_(
            "%(number)s is itself a difference; correct the voucher it belongs to once more."
        ),
        "correction_stale": N_(
            "%(number)s of %(month)s was corrected meanwhile, and this draft no longer fits what is left. "
            "Discard it and prepare the correction anew."
        ),
        "incident_unknown": N_("There is no such open incident."),
    }
)
register_acts({"ledger.cover": N_("Ended an incident of an overdrawn fund")})


@dataclass(frozen=True, slots=True)
class Remainder:
    """What is left of a voucher after its differences: the line and its amount, fen ≥ 0."""

    line: DraftLine
    fen: int


def check_targets(session: Session, org_id: int, drafts: Sequence[DraftVoucher]) -> list[Problem]:
    """Return the first correction that no longer fits what is left of its voucher.

    A draft may wait while another correction of the same voucher is posted. What is left
    stays at zero or above on every line; a reversal leaves nothing, not even to correct.

    Args:
        drafts: about to be posted, in the order of their numbers.
    """
    kept: dict[int, tuple[PostedRecord, dict[DraftLine, int]]] = {}
    gone: set[int] = set()
    for draft in drafts:
        target_id = draft.reverses_id or draft.corrects_id
        if target_id is None:
            continue
        if target_id not in kept:
            original = read_voucher(session, org_id, target_id)
            parts = remainder(session, org_id, original)
            kept[target_id] = original, {_key(part.line): part.fen for part in parts}
            gone |= {target_id} if _is_reversed(session, org_id, target_id) else set()
        original, left = kept[target_id]
        values = {"number": original.number_text, "month": original.month}
        if target_id in gone:
            return [Problem("voucher_reversed", values)]
        if draft.reverses_id is not None:
            gone.add(target_id)
        for line in draft.lines:
            if not line.is_retag:
                left[_key(line)] = left.get(_key(line), 0) + line.debit_fen + line.credit_fen
        if any(left.values()) if draft.reverses_id is not None else min(left.values()) < 0:
            return [Problem("correction_stale", values)]
    return []


def _is_reversed(session: Session, org_id: int, voucher_id: int) -> bool:
    """Say whether a voucher has been taken back in full."""
    query = select(Voucher.id).where(Voucher.org_id == org_id, Voucher.reverses_id == voucher_id)
    return session.scalar(query) is not None


def _key(line: DraftLine) -> DraftLine:
    """Return a line without amount and summary, keeping its side."""
    side = 1 if line.debit_fen else 0
    return replace(line, debit_fen=side, credit_fen=1 - side, summary="")


def remainder(session: Session, org_id: int, original: PostedRecord) -> list[Remainder]:
    """Return what is left of a blue voucher, line for line, re-tags left out.

    Args:
        original: a posted blue voucher.
    """
    differences = session.scalars(
        select(Voucher.id).where(Voucher.org_id == org_id, Voucher.corrects_id == original.header["id"])
    ).all()
    left: dict[DraftLine, int] = {}
    first: dict[DraftLine, DraftLine] = {}
    for voucher in [original, *read_vouchers(session, org_id, differences)]:
        for posted in voucher.lines:
            if not posted.value.is_retag:
                key = _key(posted.value)
                first.setdefault(key, posted.value)
                left[key] = left.get(key, 0) + posted.value.debit_fen + posted.value.credit_fen
    return [Remainder(first[key], fen) for key, fen in left.items()]


def correctable_voucher(session: Session, actor: Actor, voucher_id: int, on: date) -> PostedRecord:
    """Return the voucher to be corrected on a day, or refuse it.

    Raises:
        Refused: ``voucher_unknown``, ``correction_closing``, ``red_not_reversed``,
            ``correction_of_difference``, ``correction_prior_year``, ``voucher_reversed``.
    """
    original = read_voucher(session, actor.org_id, voucher_id)
    header = original.header
    if header["kind"] in ("opening", "closing"):
        raise refuse("correction_closing")
    if header["colour"] == "red":
        raise refuse("red_not_reversed", number=original.number_text)
    if header["corrects_id"] is not None:
        # Its original's remainder counts it already; taken back alone it would count twice.
        raise refuse("correction_of_difference", number=original.number_text)
    # Month 13 is dated 31 December: a correction that lands there bears its own year.
    if header["voucher_on"].year != on.year:
        raise refuse("correction_prior_year", number=original.number_text, year=header["voucher_on"].year)
    if _is_reversed(session, actor.org_id, voucher_id):
        raise refuse("voucher_reversed", number=original.number_text, month=original.month)
    return original


def _is_month13(session: Session, org_id: int, year: int) -> bool:
    """Say whether the audit-adjustment period of a year is open."""
    period = session.get(Period, (org_id, year * 100 + 13))
    return period is not None and period.is_open


def _month_of(session: Session, org_id: int, on: date) -> Month:
    """Return the open month that holds a day."""
    month = Month.of(on)
    period = session.get(Period, (org_id, month.code))
    if period is None or not period.is_open:
        thirteenth = Month(on.year, 13)
        if thirteenth.holds(on) and _is_month13(session, org_id, on.year):
            return thirteenth
        raise refuse("correction_period", "on", on=on)
    return month


def cancel_summary(original: PostedRecord, verb: str) -> str:
    """Return the prescribed summary: 注销3月15日记-0007号凭证 or 订正….

    Source: 会计基础工作规范 art. 51(5); the words are prescribed in Chinese.
    """
    on: date = original.header["voucher_on"]
    return f"{verb}{on.month}月{on.day}日{original.number_text}号凭证"


def _red_lines(parts: Sequence[Remainder], summary: str) -> tuple[DraftLine, ...]:
    """Return the red lines that take the remainder back."""
    return tuple(_with_amount(part.line, -part.fen, summary) for part in parts if part.fen)


def _with_amount(line: DraftLine, fen: int, summary: str) -> DraftLine:
    """Return a line with another amount on its own side."""
    is_debit = line.debit_fen != 0
    return replace(line, debit_fen=fen if is_debit else 0, credit_fen=0 if is_debit else fen, summary=summary)


def reverse_voucher(
    session: Session,
    *,
    actor: Actor,
    voucher_id: int,
    on: date,
    idempotency_key: str = "",
    set_id: int | None = None,
) -> Draft:
    """Prepare the red voucher that takes a posted one back in full, with its differences.

    Args:
        actor: needs ``ledger.draft``.
        on: date of the red voucher; in an open month of the same year.

    Raises:
        Refused: ``red_not_reversed``, ``voucher_reversed``, ``correction_prior_year``,
            ``correction_period``, ``correction_closing``.
    """
    original = correctable_voucher(session, actor, voucher_id, on)
    summary = cancel_summary(original, "注销")
    draft = DraftVoucher(
        voucher_on=on,
        month=_month_of(session, actor.org_id, on),
        summary=summary,
        lines=_red_lines(remainder(session, actor.org_id, original), summary),
        kind="correction",
        colour="red",
        reverses_id=voucher_id,
    )
    origin = DraftOrigin(idempotency_key=idempotency_key, set_id=set_id, ref=original.header["ref"])
    return make_draft(session, actor=actor, draft=draft, origin=origin)


def correct_voucher(
    session: Session,
    *,
    actor: Actor,
    voucher_id: int,
    lines: Sequence[DraftLine],
    on: date,
    attachments: tuple[str, ...] = (),
    idempotency_key: str = "",
) -> tuple[Draft, Draft]:
    """Prepare a red reversal and the right voucher in blue, as one set.

    Args:
        lines: the voucher as it should have been.

    Returns:
        The red draft and the blue one.

    Raises:
        Refused: as :func:`reverse_voucher`.
    """
    original = correctable_voucher(session, actor, voucher_id, on)
    set_id = new_id()
    red = reverse_voucher(
        session,
        actor=actor,
        voucher_id=voucher_id,
        on=on,
        idempotency_key=f"{idempotency_key}/red" if idempotency_key else "",
        set_id=set_id,
    )
    blue = DraftVoucher(
        voucher_on=on,
        month=_month_of(session, actor.org_id, on),
        summary=cancel_summary(original, "订正"),
        lines=tuple(lines),
        kind="correction",
        attachments=attachments,
    )
    origin = DraftOrigin(
        idempotency_key=f"{idempotency_key}/blue" if idempotency_key else "",
        set_id=red.set_id,
        ref=original.header["ref"],
    )
    return red, make_draft(session, actor=actor, draft=blue, origin=origin)


def difference_voucher(
    session: Session,
    *,
    actor: Actor,
    voucher_id: int,
    amounts: Mapping[int, int],
    on: date,
    idempotency_key: str = "",
    set_id: int | None = None,
    incident_reason: str = "",
) -> Draft:
    """Prepare the voucher that corrects amounts only: more in blue, less in red.

    Args:
        amounts: line number of the original → right amount in fen.
        on: date of the difference.

    Raises:
        Refused: ``correction_below_zero``, ``correction_empty`` and as :func:`reverse_voucher`.
    """
    original = correctable_voucher(session, actor, voucher_id, on)
    changes = _changes(session, actor.org_id, original, amounts)
    summary = cancel_summary(original, "订正")
    colour = "blue" if all(fen > 0 for _, fen in changes) else "red"
    draft = DraftVoucher(
        voucher_on=on,
        month=_month_of(session, actor.org_id, on),
        summary=summary,
        lines=tuple(_with_amount(line, fen, summary) for line, fen in changes),
        kind="correction",
        colour=colour,
        corrects_id=voucher_id,
    )
    origin = DraftOrigin(
        idempotency_key=idempotency_key,
        set_id=set_id,
        ref=original.header["ref"],
        incident_reason=incident_reason,
    )
    return make_draft(session, actor=actor, draft=draft, origin=origin)


def _changes(
    session: Session, org_id: int, original: PostedRecord, amounts: Mapping[int, int]
) -> list[tuple[DraftLine, int]]:
    """Return the changed lines with their differences in fen."""
    left = {_key(part.line): part.fen for part in remainder(session, org_id, original)}
    changes: list[tuple[DraftLine, int]] = []
    problems: list[Problem] = []
    for posted in original.lines:
        if posted.value.is_retag or posted.line_no not in amounts:
            continue
        present = left[_key(posted.value)]
        given = amounts[posted.line_no] - present
        if amounts[posted.line_no] < 0:
            values = {"line": posted.line_no, "left": format_yuan(present), "given": format_yuan(given)}
            problems.append(Problem("correction_below_zero", values, f"lines-{posted.line_no - 1}"))
        if given:
            changes.append((posted.value, given))
    refuse_if(problems)
    if not changes:
        raise refuse("correction_empty")
    return changes


def correct_fact(
    session: Session,
    *,
    actor: Actor,
    voucher_id: int,
    amounts: Mapping[int, int],
    on: date,
    reason: str,
    idempotency_key: str = "",
) -> list[Draft]:
    """Prepare a correction of fact that may overdraw a restricted fund, as one set.

    What the fund has overspent moves to GEN in the same set, with its cash re-tag; where
    general money cannot bear it, the correction declares an incident, which freezes the
    fund until it is covered. The reviewer is the second person.

    Args:
        amounts: line number of the original → right amount in fen.
        reason: why the books were wrong; kept with the set.

    Returns:
        The drafts of the set, the move to GEN first where there is one.

    Raises:
        Refused: ``reason_missing`` and as :func:`difference_voucher`.

    Source: design of the ledger 3.1(5).
    """
    if not reason.strip():
        raise refuse("reason_missing", "reason")
    set_id = new_id()
    key = f"{idempotency_key}/difference" if idempotency_key else ""
    difference = difference_voucher(
        session,
        actor=actor,
        voucher_id=voucher_id,
        amounts=amounts,
        on=on,
        idempotency_key=key,
        set_id=set_id,
    )
    moves = _cover_by_general(session, actor, difference, on, reason.strip(), idempotency_key)
    session.flush()
    return [*moves, difference]


def _cover_by_general(
    session: Session, actor: Actor, difference: Draft, on: date, reason: str, idempotency_key: str
) -> list[Draft]:
    """Return the moves of overspends to GEN; what GEN cannot bear is declared an incident."""
    books = load_books(session, actor.org_id, on)
    value = complete(
        DraftVoucher(
            difference.voucher_on,
            Month.from_code(difference.month),
            difference.summary,
            tuple(DraftLine.from_json(line) for line in difference.lines),
            kind="correction",
            colour=difference.colour,
        ),
        books,
    )
    moves: list[Draft] = []
    shortfalls = _shortfalls(session, actor.org_id, guarded_deltas(value.lines, books))
    general = _available(session, actor.org_id, "GEN", books.funds["GEN"].default_earmark)
    for (fund, earmark), short in shortfalls.items():
        if books.funds[fund].kind != "restricted":
            continue
        if general < short:
            difference.incident_reason = reason
            continue
        general -= short
        part = f"{idempotency_key}/{fund}/{earmark}" if idempotency_key else ""
        origin = DraftOrigin(idempotency_key=part, set_id=difference.set_id, ref=difference.ref)
        draft = DraftVoucher(
            voucher_on=on,
            month=Month.from_code(difference.month),
            summary=difference.summary,
            lines=_move_lines(fund, earmark, short),
            kind="correction",
        )
        moves.append(make_draft(session, actor=actor, draft=draft, origin=origin))
    return moves


def _move_lines(fund: str, earmark: str, fen: int) -> tuple[DraftLine, ...]:
    """Return the lines that move spent aid from a restricted fund to GEN."""
    return (
        DraftLine("510101", debit_fen=fen, fund="GEN", activity_class="direct_aid"),
        DraftLine("510102", credit_fen=fen, fund=fund, earmark=earmark, activity_class="direct_aid"),
    )


def _available(session: Session, org_id: int, fund: str, earmark: str) -> int:
    """Return what a fund and earmark can spend now, in fen."""
    return (
        session.scalar(
            select(FundGuard.available_fen)
            .join(Fund, (Fund.org_id == FundGuard.org_id) & (Fund.id == FundGuard.fund_id))
            .join(Earmark, (Earmark.org_id == FundGuard.org_id) & (Earmark.id == FundGuard.earmark_id))
            .where(FundGuard.org_id == org_id, Fund.code == fund, Earmark.code == earmark)
        )
        or 0
    )


def _shortfalls(
    session: Session, org_id: int, deltas: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], int]:
    """Return what each fund and earmark would be short by, in fen."""
    result: dict[tuple[str, str], int] = defaultdict(int)
    for (fund, earmark), delta in deltas.items():
        after = _available(session, org_id, fund, earmark) + delta
        if after < 0:
            result[fund, earmark] = -after
    return result


def cover_incident(session: Session, *, actor: Actor, incident_id: int, note: str) -> None:
    """End an incident once its fund is back at zero or above.

    Raises:
        Refused: ``permission_missing``, ``incident_unknown``; ``guard_refused`` while the
            fund is still below zero.
    """
    if not actor.may("ledger.post"):
        raise refuse("permission_missing", permission="ledger.post")
    incident = session.get(Incident, (actor.org_id, incident_id))
    if incident is None or session.get(IncidentCover, (actor.org_id, incident_id)) is not None:
        raise refuse("incident_unknown")
    guard = session.get_one(
        FundGuard, (actor.org_id, incident.fund_id, incident.earmark_id), populate_existing=True
    )
    if guard.available_fen < 0:
        raise refuse(
            "fund_overdrawn",
            fund=session.get_one(Fund, (actor.org_id, incident.fund_id)).name,
            vouchers=incident.reason,
            short=format_yuan(-guard.available_fen),
            available="0.00",
            needed=format_yuan(-guard.available_fen),
        )
    session.add(
        IncidentCover(
            org_id=actor.org_id,
            incident_id=incident_id,
            covered_by=actor.user_id,
            covered_at=actor.at,
            note=note,
        )
    )
    session.flush()
    record(session, actor=actor, act="ledger.cover", subject_kind="fund", summary=note)
