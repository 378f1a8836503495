"""Posting (记账): drafts become vouchers, in batches, in one transaction.

Order of work: check in Python, look for the idempotency keys, insert lines, bump the
counters, insert headers last; the header's trigger checks the whole, keeps balances and
guards, and seals. Core inserts only: a relationship would flush the header first.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, cast

from sqlalchemy import Table, insert, select, union_all, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, Problem, refuse, refuse_if, register
from charity.ids import new_ids
from charity.ledger import states
from charity.ledger.books import load_books
from charity.ledger.commitments import SALT_BYTES, commit_line
from charity.ledger.corrections import check_targets
from charity.ledger.drafting import facts, load_drafts
from charity.ledger.field_texts import header_values, line_values
from charity.ledger.judging import check_month, draft_value
from charity.ledger.models import Draft, Party, VoucherCounter
from charity.ledger.objections import objections
from charity.ledger.refusals import refused_by_database
from charity.ledger.rules import (
    Books,
    DraftVoucher,
    check_attachments,
    check_draft,
    derive_word,
    guarded_deltas,
    number_text,
    takes_restricted,
)
from charity.ledger.sealed_models import (
    FundGuard,
    FundMonth,
    Incident,
    Voucher,
    VoucherAttachment,
    VoucherLine,
)
from charity.ledger.spending import PUBLIC_TOPIC, check_spending, settle_hold
from charity.oplog.rules import register_acts
from charity.oplog.service import record
from charity.web.cache import bump

PROBLEMS = register(
    {
        "set_incomplete": N_(
            "These vouchers belong to one set and are posted together; %(missing)s are not ready."
        ),
        "date_before_last": N_(
            "Voucher of %(on)s: %(word)s-%(number)s of %(last)s is already posted in this month; "
            "numbers follow the dates. Date it %(last)s or later."
        ),
        "voucher_future": N_("A voucher cannot be dated after today (%(on)s)."),
    }
)
register_acts({"ledger.post": N_("Posted vouchers")})

# Core tables: an ORM insert would group rows by which columns are null, and flush the
# header before its lines.
_LINES = cast(Table, VoucherLine.__table__)
_LINKS = cast(Table, VoucherAttachment.__table__)
_HEADERS = cast(Table, Voucher.__table__)

#: Drafts posted in one transaction at the most (design of the ledger 3.3).
BATCH_LIMIT = 500


@dataclass(frozen=True, slots=True)
class PostedVoucher:
    """What posting answers for one draft."""

    draft_id: int
    voucher_id: int
    month: int
    word: str
    number: int
    was_posted_before: bool


@dataclass(slots=True)
class _Prepared:
    """One voucher on its way: its draft, the value judged, and its number once given."""

    row: Draft
    draft: DraftVoucher
    books: Books
    word: str
    voucher_id: int = 0
    number: int = 0
    deltas: Mapping[tuple[str, str], int] | None = None
    header: dict[str, Any] = field(default_factory=dict)


def post_drafts(session: Session, *, actor: Actor, draft_ids: Sequence[int], on: date) -> list[PostedVoucher]:
    """Post drafts, all or none, and return their numbers in the order asked.

    A draft posted before answers with its voucher. Inside a month and word the batch is
    numbered by date, then in the order asked; drafts of one set go together, those that
    bring money first.

    Args:
        actor: recorded as 记账; needs ``ledger.post`` and is neither maker nor cashier.
        draft_ids: at most ``BATCH_LIMIT``.
        on: today; nothing is dated after it.

    Raises:
        Refused: what keeps the first draft from being posted, e.g. ``fund_overdrawn``,
            ``period_closed``, ``date_before_last``, ``cashier_missing``.
    """
    if len(draft_ids) > BATCH_LIMIT:
        raise ValueError(f"at most {BATCH_LIMIT} drafts are posted at once")
    rows = load_drafts(session, actor.org_id, draft_ids)
    fresh = [row for row in rows if row.state != "posted"]
    prepared = _prepare(session, actor, fresh, on)
    if prepared:
        try:
            with session.no_autoflush:
                _insert(session, actor, prepared)
        except DBAPIError as error:
            raise refused_by_database(error) from error
        for item in prepared:
            item.row.state, item.row.voucher_id = "posted", item.voucher_id
            item.row.version += 1
        session.flush()
        _log(session, actor, prepared)
    numbers = {item.row.id: item for item in prepared}
    known = _known(session, actor.org_id, [row.voucher_id for row in rows if row.id not in numbers])
    return [_answer(row, numbers.get(row.id), known) for row in rows]


def _answer(
    row: Draft, fresh: _Prepared | None, known: Mapping[int, tuple[int, int, str, int]]
) -> PostedVoucher:
    """Return what posting answers for one draft, posted now or before."""
    if fresh is None:
        return PostedVoucher(row.id, *known[row.voucher_id or 0], True)
    return PostedVoucher(row.id, fresh.voucher_id, fresh.draft.month.code, fresh.word, fresh.number, False)


def _known(session: Session, org_id: int, ids: Sequence[int | None]) -> dict[int, tuple[int, int, str, int]]:
    """Return id → (id, month, word, number) of vouchers posted before."""
    if not ids:
        return {}
    found = session.execute(
        select(Voucher.id, Voucher.month, Voucher.word, Voucher.number).where(
            Voucher.org_id == org_id, Voucher.id.in_(ids)
        )
    )
    return {row[0]: (row[0], row[1], row[2], row[3]) for row in found}


def _prepare(session: Session, actor: Actor, rows: Sequence[Draft], on: date) -> list[_Prepared]:
    """Judge every draft and return them in the order of their numbers-to-be."""
    refuse_if(_check_sets(session, actor.org_id, rows))
    books: dict[date, Books] = {}
    result = []
    for row in rows:
        refuse_if(states.check_step("post", facts(row), actor.user_id, actor.permissions))
        draft = draft_value(row)
        if draft.voucher_on > on:
            raise refuse("voucher_future", "voucher_on", on=on)
        if draft.voucher_on not in books:
            books[draft.voucher_on] = load_books(session, actor.org_id, draft.voucher_on)
        codes = books[draft.voucher_on]
        refuse_if(check_draft(draft, codes) + check_attachments(draft))
        result.append(
            _Prepared(
                row,
                draft,
                codes,
                row.series or derive_word(draft.lines, codes),
                deltas=guarded_deltas(draft.lines, codes),
            )
        )
    result.sort(key=_posting_order)
    drafts = [item.draft for item in result]
    refuse_if(check_targets(session, actor.org_id, drafts) or objections(session, actor.org_id, drafts))
    _declare_incidents(session, actor, result)
    refuse_if(
        check_spending(session, actor.org_id, [(p.draft, p.deltas or {}, p.row.hold_id) for p in result])
    )
    return result


def _posting_order(item: _Prepared) -> tuple[int, date, int]:
    """Order by month and date; inside a set, what brings money to a fund comes first."""
    takes = item.row.set_id is not None and takes_restricted(item.deltas or {}, item.books)
    return item.draft.month.code, item.draft.voucher_on, int(takes)


def _check_sets(session: Session, org_id: int, rows: Sequence[Draft]) -> list[Problem]:
    """Return whether a set would be posted only in part."""
    sets = {row.set_id for row in rows if row.set_id is not None}
    if not sets:
        return []
    given = {row.id for row in rows}
    members = session.scalars(
        select(Draft.id).where(
            Draft.org_id == org_id, Draft.set_id.in_(sets), Draft.state.not_in(("posted", "discarded"))
        )
    ).all()
    missing = [draft_id for draft_id in members if draft_id not in given]
    return [Problem("set_incomplete", {"missing": len(missing)})] if missing else []


def _declare_incidents(session: Session, actor: Actor, items: Sequence[_Prepared]) -> None:
    """Freeze a fund that a correction of fact leaves overdrawn, before it is posted.

    The maker of the draft declares it and the reviewer seconds it. A purse that has got
    enough money since the draft was made is not frozen.
    """
    if not any(item.row.incident_reason for item in items):
        return
    after = _purses_after(session, actor.org_id, items)
    for item in items:
        if not item.row.incident_reason or item.row.reviewer_id is None or item.row.set_id is None:
            continue
        for (fund, earmark), delta in (item.deltas or {}).items():
            is_short = after[item.books.funds[fund].id, item.books.earmarks[earmark].id] < 0
            if delta < 0 and is_short and item.books.funds[fund].kind == "restricted":
                session.execute(
                    insert(Incident).values(
                        org_id=actor.org_id,
                        id=new_ids(1)[0],
                        fund_id=item.books.funds[fund].id,
                        earmark_id=item.books.earmarks[earmark].id,
                        month=item.draft.month.code,
                        reason=item.row.incident_reason,
                        set_id=item.row.set_id,
                        declared_by=item.row.maker_id,
                        seconded_by=item.row.reviewer_id,
                        declared_at=actor.at,
                    )
                )


def _purses_after(session: Session, org_id: int, items: Sequence[_Prepared]) -> dict[tuple[int, int], int]:
    """Return (fund, earmark) → the least fen a purse can spend after it all, now or at a month's end."""
    total: dict[tuple[int, int], int] = {}
    for item in items:
        for (fund, earmark), delta in (item.deltas or {}).items():
            key = item.books.funds[fund].id, item.books.earmarks[earmark].id
            total[key] = total.get(key, 0) + delta
    first = min(item.draft.month.code for item in items)
    funds = [fund for fund, _ in total]
    now = select(FundGuard.fund_id, FundGuard.earmark_id, FundGuard.available_fen).where(
        FundGuard.org_id == org_id, FundGuard.fund_id.in_(funds)
    )
    later = select(FundMonth.fund_id, FundMonth.earmark_id, FundMonth.available_fen).where(
        FundMonth.org_id == org_id, FundMonth.fund_id.in_(funds), FundMonth.month >= first
    )
    least: dict[tuple[int, int], int] = {}
    for fund_id, earmark_id, fen in session.execute(union_all(now, later)):
        key = fund_id, earmark_id
        least[key] = min(least.get(key, fen), fen)
    return {key: least.get(key, 0) + delta for key, delta in total.items()}


def _insert(session: Session, actor: Actor, items: list[_Prepared]) -> None:
    """Write lines, counters, headers; in that order."""
    for item, voucher_id in zip(items, new_ids(len(items)), strict=True):
        item.voucher_id = voucher_id
    parties = _public_numbers(session, actor.org_id, items)
    lines: list[dict[str, Any]] = []
    links: list[dict[str, Any]] = []
    for item in items:
        item.header = _header_row(item, actor)
        lines += _line_rows(item, parties)
        links += _attachment_rows(item)
    session.execute(insert(_LINES), lines)
    if links:
        session.execute(insert(_LINKS), links)
    _number(session, actor.org_id, items)
    for item in items:
        if item.row.hold_id is not None:
            settle_hold(session, actor=actor, hold_id=item.row.hold_id, voucher_id=item.voucher_id)
    session.execute(insert(_HEADERS), [{**item.header, "number": item.number} for item in items])


def _number(session: Session, org_id: int, items: Sequence[_Prepared]) -> None:
    """Give numbers: one bump per month and word, refused when closed."""
    groups: dict[tuple[int, str], list[_Prepared]] = defaultdict(list)
    for item in items:
        groups[item.draft.month.code, item.word].append(item)
    for (month, word), group in sorted(groups.items(), key=lambda pair: pair[0]):
        last = session.execute(
            update(VoucherCounter)
            .where(
                VoucherCounter.org_id == org_id,
                VoucherCounter.month == month,
                VoucherCounter.word == word,
                VoucherCounter.is_open,
            )
            .values(last_no=VoucherCounter.last_no + len(group))
            .returning(VoucherCounter.last_no)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()
        if last is None:
            refuse_if(check_month(session, org_id, group[0].draft.month))
            raise refuse("period_not_open", "voucher_on", month=group[0].draft.month)
        _check_dates(session, org_id, month, word, last - len(group), group[0])
        for number, item in enumerate(group, start=last - len(group) + 1):
            item.number = number


def _check_dates(
    session: Session, org_id: int, month: int, word: str, last_no: int, first: _Prepared
) -> None:
    """Refuse a voucher dated before the last one of its month and word (序时)."""
    if last_no == 0:
        return
    last_on = session.execute(
        select(Voucher.voucher_on).where(
            Voucher.org_id == org_id, Voucher.month == month, Voucher.word == word, Voucher.number == last_no
        )
    ).scalar_one_or_none()
    if last_on is not None and last_on > first.draft.voucher_on:
        raise refuse(
            "date_before_last",
            "voucher_on",
            on=first.draft.voucher_on,
            word=word,
            number=last_no,
            last=last_on,
        )


def _public_numbers(session: Session, org_id: int, items: Sequence[_Prepared]) -> dict[int, str]:
    """Return the random numbers of the parties named, for their commitments."""
    wanted = {line.party_id for item in items for line in item.draft.lines if line.party_id is not None}
    result: dict[int, str] = {}
    ids = sorted(wanted)
    for start in range(0, len(ids), 500):
        rows = session.execute(
            select(Party.id, Party.public_no).where(
                Party.org_id == org_id, Party.id.in_(ids[start : start + 500])
            )
        )
        result.update(dict(rows.all()))
    return result


def _line_rows(item: _Prepared, parties: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return the rows of a voucher's lines, with salts and commitments."""
    books, draft = item.books, item.draft
    header = header_values(item.header)
    attachments = ",".join(draft.attachments)
    salts = os.urandom(SALT_BYTES * len(draft.lines))
    rows = []
    for number, line in enumerate(draft.lines, start=1):
        summary = line.summary or draft.summary
        salt = salts[(number - 1) * SALT_BYTES : number * SALT_BYTES]
        party = parties[line.party_id] if line.party_id is not None else ""
        place = f"{item.voucher_id}:{number}/{len(draft.lines)}"
        values = line_values(
            replace(line, summary=summary), draft.voucher_on, party, header, attachments, place
        )
        rows.append(
            {
                "org_id": item.row.org_id,
                "voucher_id": item.voucher_id,
                "line_no": number,
                "voucher_on": draft.voucher_on,
                "month": draft.month.code,
                "summary": summary,
                "account_id": books.accounts[line.account].id,
                "debit_fen": line.debit_fen,
                "credit_fen": line.credit_fen,
                "fund_id": books.funds[line.fund].id,
                "earmark_id": books.earmarks[line.earmark].id,
                "designation_id": books.designations[line.designation] if line.designation else None,
                "project_id": books.projects[line.project] if line.project else None,
                "source_kind": line.source_kind or None,
                "source_id": line.source_id,
                "source_step": line.source_step,
                "money_place_id": books.places[line.money_place].id if line.money_place else None,
                "place_id": line.place_id,
                "party_id": line.party_id,
                "counterparty_org_id": line.counterparty_org_id,
                "activity_class": line.activity_class or None,
                "cash_flow_item_id": books.cash_flow_items[line.cash_flow] if line.cash_flow else None,
                "quantity_milli": line.quantity_milli,
                "unit": line.unit or None,
                "is_retag": line.is_retag,
                "beneficiary_code": line.beneficiary_code or None,
                "net_asset_change": line.net_asset_change or None,
                "dimension1_id": books.dimensions[1, line.dimension1] if line.dimension1 else None,
                "dimension2_id": books.dimensions[2, line.dimension2] if line.dimension2 else None,
                "salt": salt,
                "commitments": commit_line(salt, values),
                "tx": 0,
            }
        )
    return rows


def _attachment_rows(item: _Prepared) -> list[dict[str, Any]]:
    """Return the links to a voucher's source documents."""
    return [
        {"org_id": item.row.org_id, "voucher_id": item.voucher_id, "sha256": sha256, "position": position}
        for position, sha256 in enumerate(item.draft.attachments, start=1)
    ]


def _header_row(item: _Prepared, actor: Actor) -> dict[str, Any]:
    """Return the row of a voucher's header."""
    row, draft = item.row, item.draft
    return {
        "org_id": actor.org_id,
        "id": item.voucher_id,
        "month": draft.month.code,
        "word": item.word,
        "number": item.number,
        "voucher_on": draft.voucher_on,
        "kind": draft.kind,
        "colour": draft.colour,
        "summary": draft.summary,
        "line_count": len(draft.lines),
        "total_fen": draft.total_fen,
        "attachment_count": len(draft.attachments),
        "reverses_id": draft.reverses_id,
        "corrects_id": draft.corrects_id,
        "set_id": row.set_id,
        "posting_rule_id": row.posting_rule_id,
        "batch_id": row.batch_id,
        "ref": row.ref,
        "idempotency_key": row.idempotency_key,
        "request_sha256": row.request_sha256,
        "maker_id": row.maker_id,
        "makers": ",".join(map(str, row.makers)),
        "made_at": row.made_at,
        "reviewer_id": row.reviewer_id,
        "reviewed_at": row.reviewed_at,
        "cashier_id": row.cashier_id,
        "signed_at": row.signed_at,
        "poster_id": actor.user_id,
        "posted_at": actor.at,
        "tx": 0,
    }


def _log(session: Session, actor: Actor, items: Sequence[_Prepared]) -> None:
    """Log the batch: how many, which numbers, how much."""
    bump(session, actor.org_id, PUBLIC_TOPIC)
    first, last = items[0], items[-1]
    numbers = f"{first.draft.month} {number_text(first.word, first.number)}"
    if len(items) > 1:
        numbers += f" … {last.draft.month} {number_text(last.word, last.number)}"
    record(
        session,
        actor=actor,
        act="ledger.post",
        subject_kind="voucher",
        subject_no=numbers,
        summary=first.draft.summary if len(items) == 1 else "",
        count=len(items),
        amount_fen=sum(item.draft.total_fen for item in items),
    )
