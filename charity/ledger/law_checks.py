"""The laws of a voucher derived again from what is stored, whatever the guards let through.

Imports ``db`` and lower. Written apart from the pure rules and from the database's
conditions, so that an error in one of them is found by another. ``checks`` calls it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from charity.ledger.models import Account, BookYear, Earmark, Fund, MoneyPlace, Period, PostingRule
from charity.ledger.reading import PostedRecord
from charity.ledger.rules import (
    ACTIVITY_CLASSES,
    NET_ASSET_CHANGES,
    OPENING_SERIES,
    TAKEN_OVER_SERIES,
    DraftLine,
)
from charity.ledger.sealed_models import Voucher
from charity.places.models import Org, Unit

_AMOUNTS = ("debit_fen", "credit_fen", "quantity_milli")
_COUNTS = ("month", "number", "line_count", "total_fen", "attachment_count")
_NAMED = ("fund", "earmark", "designation", "project", "money_place", "cash_flow", "dimension1", "dimension2")


@dataclass(frozen=True, slots=True)
class Laws:
    """What vouchers are judged by, as it stands in the books of one org.

    Attributes:
        accounts: code → kind, restriction, whether it is postable, whether it is money.
        fund_kinds: code → restricted, general or agency.
        ends: (what, code) → last day of a fund, earmark or money place.
        words: year → single or three.
        first_month: first month ever opened; 0 when none is.
        rules: id of a posting rule two people approved → its first day.
        targets: id of a voucher → its month, kind, colour and the voucher it corrects.
        sets: sets of which a voucher names what it corrects.
    """

    accounts: Mapping[str, tuple[str, str, bool, bool]]
    fund_kinds: Mapping[str, str]
    ends: Mapping[tuple[str, str], date]
    words: Mapping[int, str]
    first_month: int
    rules: Mapping[int, date]
    targets: Mapping[int, tuple[int, str, str, int | None]]
    sets: frozenset[int]
    units: frozenset[int]
    orgs: frozenset[int]


def load_laws(session: Session, org_id: int) -> Laws:
    """Return what the vouchers of an org are judged by."""
    accounts = session.execute(
        select(Account.code, Account.kind, Account.restriction, Account.is_postable, Account.is_money)
    )
    sources = (
        ("fund", Fund.code, Fund.closed_on, Fund.org_id),
        ("earmark", Earmark.code, Earmark.until_on, Earmark.org_id),
        ("place", MoneyPlace.code, MoneyPlace.closed_on, MoneyPlace.org_id),
    )
    ends = {
        (what, code): end
        for what, column, last, owner in sources
        for code, end in session.execute(select(column, last).where(owner == org_id))
        if end is not None
    }
    rule, voucher = PostingRule, Voucher
    rules = session.execute(
        select(rule.id, rule.from_on).where(
            rule.org_id == org_id,
            rule.approved_at.is_not(None),
            rule.first_approver_id.is_not(None),
            rule.second_approver_id.is_not(None),
        )
    )
    named = func.coalesce(voucher.reverses_id, voucher.corrects_id)
    wanted = select(named).where(voucher.org_id == org_id, named.is_not(None))
    targets = session.execute(
        select(voucher.id, voucher.month, voucher.kind, voucher.colour, voucher.corrects_id).where(
            voucher.org_id == org_id, voucher.id.in_(wanted)
        )
    )
    sets = session.scalars(
        select(voucher.set_id).where(
            voucher.org_id == org_id, named.is_not(None), voucher.set_id.is_not(None)
        )
    )
    return Laws(
        accounts={code: (kind, restriction, bool(p), bool(m)) for code, kind, restriction, p, m in accounts},
        fund_kinds=dict(session.execute(select(Fund.code, Fund.kind).where(Fund.org_id == org_id)).all()),
        ends=ends,
        words=dict(
            session.execute(select(BookYear.year, BookYear.words).where(BookYear.org_id == org_id)).all()
        ),
        first_month=session.scalar(select(func.min(Period.month)).where(Period.org_id == org_id)) or 0,
        rules=dict(rules.all()),
        targets={row[0]: (row[1], row[2], row[3], row[4]) for row in targets},
        sets=frozenset(key for key in sets if key is not None),
        units=frozenset(session.scalars(select(Unit.id))),
        orgs=frozenset(session.scalars(select(Org.id))),
    )


def bad_numbers(record: PostedRecord) -> list[str]:
    """Return which stored figures are no whole numbers; then nothing can be summed."""
    messages = [
        f"{name} is {record.header[name]!r}, no whole number"
        for name in _COUNTS
        if not isinstance(record.header[name], int)
    ]
    for line in record.lines:
        for name in _AMOUNTS:
            value = getattr(line.value, name)
            if not isinstance(value, int) and not (value is None and name == "quantity_milli"):
                messages.append(f"line {line.line_no}: {name} is {value!r}, no whole number of fen")
    return messages


def law_faults(record: PostedRecord, laws: Laws) -> Iterator[str]:
    """Yield which laws a voucher breaks beside its sums, people and commitments."""
    yield from _kind_faults(record, laws)
    yield from _target_faults(record, laws)
    yield from _paper_faults(record)
    moved = [line for line in _own(record) if _is_money(line, laws)]
    if record.header["word"] != (word := _word(record, moved, laws)):
        yield f"has the word {record.header['word']}, its lines give {word}"
    if moved and record.header["cashier_id"] is None and record.header["kind"] in ("normal", "correction"):
        yield "moves money without the cashier's signature"
    yield from _flow_faults(record, laws)
    for posted in record.lines:
        for message in _line_faults(posted.value, record, laws):
            yield f"line {posted.line_no}: {message}"
        if posted.party_no.startswith("?"):
            yield f"line {posted.line_no}: names a party that is not there"
    yield from _retag_faults(record)


def _own(record: PostedRecord) -> list[DraftLine]:
    """Return the lines that are no re-tags."""
    return [line.value for line in record.lines if not line.value.is_retag]


def _is_money(line: DraftLine, laws: Laws) -> bool:
    """Say whether a line stands on money."""
    return line.account in laws.accounts and laws.accounts[line.account][3]


def _word(record: PostedRecord, moved: list[DraftLine], laws: Laws) -> str:
    """Return the word its lines of money give a voucher; an opening may stand in its own series."""
    if record.header["kind"] == "opening" and record.header["word"] in (OPENING_SERIES, TAKEN_OVER_SERIES):
        return str(record.header["word"])
    if laws.words.get(record.header["month"] // 100, "single") == "single":
        return "记"
    if not moved:
        return "转"
    return "付" if any(line.debit_fen == 0 for line in moved) else "收"


def _kind_faults(record: PostedRecord, laws: Laws) -> Iterator[str]:
    """Yield what an opening, closing or rule-made voucher must not be."""
    head = record.header
    if head["kind"] == "opening":
        if head["month"] != laws.first_month and head["word"] != TAKEN_OVER_SERIES:
            yield "opens the books in a month that is not their first"
        if head["reviewer_id"] is None:
            yield "opens the books without a reviewer"
    if head["kind"] == "closing":
        kinds = {laws.accounts.get(line.account, ("",))[0] for line in _own(record)}
        if kinds - {"income", "expense", "net_asset"}:
            yield "carries forward more than income, expense and net assets"
    rule = head["posting_rule_id"]
    if rule is not None and (rule not in laws.rules or laws.rules[rule] > head["voucher_on"]):
        yield "was made by a rule that two people had not approved"
    if rule is None and head["reviewer_id"] is None:
        yield "was not reviewed"


def _target_faults(record: PostedRecord, laws: Laws) -> Iterator[str]:
    """Yield what is wrong with what a correction names."""
    head = record.header
    key = head["reverses_id"] or head["corrects_id"]
    if key is None:
        if head["kind"] == "correction" and head["set_id"] not in laws.sets:
            yield "is a correction that names nothing"
        if head["colour"] == "red":
            yield "is red and names no voucher"
        return
    if head["kind"] != "correction":
        yield "names a voucher and is no correction"
    month, kind, colour, corrects = laws.targets.get(key, (0, "", "", None))
    if colour != "blue" or kind not in ("normal", "correction") or corrects is not None:
        yield "corrects what is not corrected: a red, opening or closing voucher, or a difference"
    elif month // 100 != head["month"] // 100:
        yield "takes back a voucher of another year"


def _paper_faults(record: PostedRecord) -> Iterator[str]:
    """Yield what is wrong with the number of attachments."""
    count = record.header["attachment_count"]
    if len(record.attachments) < count:
        yield f"has {len(record.attachments)} attachments in place of {count}"
    if count == 0 and record.header["kind"] == "normal":
        yield "was posted without a source document"


def _is_own_money(line: DraftLine, laws: Laws) -> bool:
    """Say whether a line stands on own money in hand, so that it has a cash-flow item."""
    if not _is_money(line, laws):
        return False
    return laws.accounts[line.account][1] != "agency" and line.account != "100901"


def _flow_faults(record: PostedRecord, laws: Laws) -> Iterator[str]:
    """Yield money lines that say nothing for the statement of cash flows."""
    if record.header["kind"] not in ("normal", "correction"):
        return
    lines = _own(record)
    outside = {line.debit_fen != 0 for line in lines if not _is_own_money(line, laws)}
    for line in lines:
        if _is_own_money(line, laws) and not line.cash_flow and (line.debit_fen == 0) in outside:
            yield f"money on {line.account} has no cash-flow item"


def _line_faults(line: DraftLine, record: PostedRecord, laws: Laws) -> Iterator[str]:
    """Yield what is wrong with what one line names."""
    kind = record.header["kind"]
    for name in _NAMED:
        if getattr(line, name).startswith("?"):
            yield f"names a {name.replace('_', ' ')} that is not there"
    if line.place_id is not None and line.place_id not in laws.units:
        yield "names a unit that is not there"
    if line.counterparty_org_id is not None and line.counterparty_org_id not in laws.orgs:
        yield "names a federation that is not there"
    if line.activity_class not in ("", *ACTIVITY_CLASSES):
        yield f"has the activity class {line.activity_class}"
    if line.net_asset_change not in ("", *NET_ASSET_CHANGES):
        yield f"has the net-asset change {line.net_asset_change}"
    if line.account not in laws.accounts:
        yield "names an account that is not there"
        return
    yield from _account_faults(line, laws)
    if (
        kind not in ("closing", "opening")
        and laws.accounts[line.account][0] == "net_asset"
        and not line.net_asset_change
    ):
        yield "does not say what kind of net-asset change it is"
    if kind in ("normal", "opening"):
        for what, code in (("fund", line.fund), ("earmark", line.earmark), ("place", line.money_place)):
            if laws.ends.get((what, code), date.max) < record.header["voucher_on"]:
                yield f"stands on the {what} {code}, which was closed"


def _account_faults(line: DraftLine, laws: Laws) -> Iterator[str]:
    """Yield what is wrong with a line's account beside its fund and its place of money."""
    _, restriction, is_postable, is_money = laws.accounts[line.account]
    fund = laws.fund_kinds.get(line.fund, "")
    allowed = {
        "any": {"restricted", "general"},
        "no": {"general"},
        "yes": {"restricted"},
        "agency": {"agency"},
    }
    if fund and fund not in allowed.get(restriction, set()):
        yield f"account {line.account} cannot carry fund {line.fund}"
    if not is_postable:
        yield f"account {line.account} is a heading"
    if is_money != bool(line.money_place):
        yield "money without its place, or a place without money"
    if line.is_retag and not is_money:
        yield "re-tags what is no money"


def _retag_faults(record: PostedRecord) -> Iterator[str]:
    """Yield re-tags that change how much lies somewhere."""
    moved: dict[tuple[str, str], int] = defaultdict(int)
    for posted in record.lines:
        line: Any = posted.value
        if line.is_retag:
            moved[line.account, line.money_place] += line.debit_fen - line.credit_fen
    if any(moved.values()):
        yield "its re-tags move money"
