"""From gifts to drafts by posting rule: P01, P02, P03, P16, P53; many gifts to a voucher.

Imports ``db`` and lower, the ledger and this feature. A channel's gifts of one day are one
voucher a place (split where it grows long): one debit a fund and earmark, one credit a
gift and part. A gift with papers or over the limit has a voucher of its own. The drafts
count as reviewed when every rule they need is in force; else a person reviews them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

import charity.donations.guarding
import charity.donations.month_end  # noqa: F401 – whoever drafts gifts has postings and closing guarded
from charity.db import Actor
from charity.donations.models import Allocation, Donation
from charity.donations.origins import papers_of_source
from charity.donations.rules import CHANNEL_WORDS, booking_day
from charity.donations.settings import setting_of
from charity.donations.standing import stands
from charity.errors import N_, Refused, refuse
from charity.ledger.books import load_books
from charity.ledger.drafting import DraftOrigin, make_draft
from charity.ledger.models import Draft, MoneyPlace, Period
from charity.ledger.rules import Books, DraftLine, DraftVoucher, words_of
from charity.ledger.sealed_models import Voucher
from charity.ledger.setup import rule_in_force
from charity.oplog.rules import register_acts, register_labels
from charity.oplog.service import record
from charity.periods import Month

register_acts({"donations.draft": N_("Drafted vouchers for gifts")})
register_labels({"vouchers": N_("Vouchers")})

#: Credit lines of one voucher at the most; with its debits it stays below 500.
LINE_LIMIT = 450

#: What each posting rule says, in the words in which it is approved.
POSTING_RULES: dict[str, str] = {
    "P01": "非限定现金捐赠：借记库存现金或银行存款，贷记捐赠收入—非限定性收入。",
    "P02": "限定性现金捐赠：借记库存现金或银行存款，贷记捐赠收入—限定性收入，基金与限定用途按捐赠分配。",
    "P03": "平台捐赠：付款时按全额借记募捐平台待结算，贷记捐赠收入；手续费不冲减。",
    "P04": "平台结算：借记银行存款（净额）与筹资费用（手续费），"
    "按所结算捐赠的基金贷记募捐平台待结算，先收先结。",
    "P16": "受托代理现金：借记银行存款—受托代理资产，贷记受托代理负债，按委托人与受益人分户。",
    "P53": "来源不明的收款：借记银行存款，贷记其他应付款—待认领；查明后转入捐赠收入并重标资金。",
}


_GIFT_COLUMNS = (
    Donation.id,
    Donation.public_no,
    Donation.donor_id,
    Donation.amount_fen,
    Donation.channel,
    Donation.received_on,
    Donation.nature,
    Donation.unit_id,
    Donation.attachments,
    Donation.source_id,
)


@dataclass(frozen=True, slots=True)
class _Gift:
    """A gift with its parts in codes."""

    id: int
    public_no: str
    donor_id: int
    amount_fen: int
    channel: str
    place: str
    place_kind: str
    received_on: date
    nature: str
    unit_id: int | None
    attachments: tuple[str, ...]
    source_id: int | None
    parts: tuple[tuple[int, str, str, int], ...]

    @property
    def line_count(self) -> int:
        """Return how many credit lines it makes."""
        return max(len(self.parts), 1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which months are open, and how far their numbers have come."""

    open_months: tuple[int, ...]
    last_posted: dict[int, date]

    def day_for(self, received_on: date, on: date) -> date:
        """Return the date of a voucher, see ``rules.booking_day``."""
        return booking_day(received_on, on=on, open_months=self.open_months, last_posted=self.last_posted)


def load_calendar(session: Session, org_id: int, words: str) -> Calendar:
    """Return the open months of an org with the date of the last voucher in each.

    Args:
        words: ``single`` or ``three``, as the books say.
    """
    months = session.scalars(
        select(Period.month).where(Period.org_id == org_id, Period.is_open).order_by(Period.month)
    ).all()
    last: dict[int, date] = {}
    for month in months:
        for word in words_of(words):
            on = session.scalar(
                select(Voucher.voucher_on)
                .where(Voucher.org_id == org_id, Voucher.month == month, Voucher.word == word)
                .order_by(Voucher.number.desc())
                .limit(1)
            )
            if on is not None:
                last[month] = max(on, last.get(month, on))
    return Calendar(tuple(month for month in months if month % 100 <= 12), last)


class Drafter:
    """Makes the drafts of one act: codes, limits and rules are looked up once."""

    def __init__(self, session: Session, *, actor: Actor, on: date) -> None:
        """Look up what all drafts of the act need.

        Args:
            actor: becomes the maker; needs ``ledger.draft``.
            on: today.
        """
        if not actor.may("ledger.draft"):
            raise refuse("permission_missing", permission="ledger.draft")
        self._session, self._actor, self._on = session, actor, on
        self._books: dict[date, Books] = {}
        self._rules: dict[str, int | None] = {}
        self._papers: dict[int | None, tuple[str, ...]] = {None: ()}
        self.books = self._books_of(on)
        self.calendar = load_calendar(session, actor.org_id, self.books.words)
        self.limit_fen: int = setting_of(session, actor.org_id, "own_voucher_limit_fen", on)

    def _books_of(self, day: date) -> Books:
        if day not in self._books:
            self._books[day] = load_books(self._session, self._actor.org_id, day)
        return self._books[day]

    def rule_for(self, codes: Iterable[str]) -> int | None:
        """Return the rule to name on a draft; None unless every one needed is in force."""
        found = []
        for code in codes:
            if code not in self._rules:
                rule = rule_in_force(self._session, self._actor.org_id, code, self._on)
                self._rules[code] = rule.id if rule is not None else None
            found.append(self._rules[code])
        return found[-1] if found and None not in found else None

    def papers_of(self, source_id: int | None) -> tuple[str, ...]:
        """Return the source document a gift was read from: its file or its list of slips."""
        if source_id not in self._papers:
            self._papers[source_id] = papers_of_source(self._session, self._actor.org_id, source_id)
        return self._papers[source_id]

    def draft(self, gifts: Sequence[_Gift]) -> list[Draft]:
        """Draft gifts of one place and day; those with papers or over the limit alone."""
        alone = [gift for gift in gifts if gift.attachments or gift.amount_fen >= self.limit_fen]
        together = [gift for gift in gifts if not gift.attachments and gift.amount_fen < self.limit_fen]
        groups = [[gift] for gift in alone] + list(_runs(together))
        return [draft for group in groups if (draft := self._draft_group(group)) is not None]

    def _draft_group(self, gifts: Sequence[_Gift]) -> Draft | None:
        """Draft one voucher and link its gifts; when it cannot be, say so at the gifts."""
        first = gifts[0]
        day = self.calendar.day_for(first.received_on, self._on)
        books = self._books_of(day)
        voucher = _voucher(gifts, day, self.papers_of(first.source_id), books)
        origin = DraftOrigin(
            posting_rule_id=self.rule_for(_rules_needed(gifts, books)),
            batch_id=first.source_id,
            ref=first.public_no if len(gifts) == 1 else "",
        )
        try:
            with self._session.begin_nested():
                row = self._make(voucher, origin, books)
        except Refused as refused:
            self._mark(gifts, {"blocked_by": refused.problems[0].code})
            return None
        self._mark(gifts, {"draft_id": row.id, "blocked_by": ""})
        return row

    def _make(self, voucher: DraftVoucher, origin: DraftOrigin, books: Books) -> Draft:
        """Make a draft; one that a rule may not make yet is left to a person."""
        try:
            with self._session.begin_nested():
                return make_draft(self._session, actor=self._actor, draft=voucher, origin=origin, books=books)
        except Refused:
            if origin.posting_rule_id is None:
                raise
            by_hand = replace(origin, posting_rule_id=None)
            return make_draft(self._session, actor=self._actor, draft=voucher, origin=by_hand, books=books)

    def _mark(self, gifts: Sequence[_Gift], values: dict[str, object]) -> None:
        ids = [gift.id for gift in gifts]
        for start in range(0, len(ids), 500):
            self._session.execute(
                update(Donation)
                .where(Donation.org_id == self._actor.org_id, Donation.id.in_(ids[start : start + 500]))
                .values(**values, version=Donation.version + 1)
                .execution_options(synchronize_session=False)
            )


def _runs(gifts: Sequence[_Gift]) -> Iterator[list[_Gift]]:
    """Yield runs of gifts whose credit lines fit into one voucher."""
    run: list[_Gift] = []
    lines = 0
    for gift in gifts:
        if run and lines + gift.line_count > LINE_LIMIT:
            yield run
            run, lines = [], 0
        run.append(gift)
        lines += gift.line_count
    if run:
        yield run


def _rules_needed(gifts: Sequence[_Gift], books: Books) -> list[str]:
    """Return the codes of the rules a voucher follows, the telling one last."""
    needed = set()
    for gift in gifts:
        if gift.nature == "unidentified":
            needed.add("P53")
        for _position, fund, _earmark, _fen in gift.parts:
            kind = books.funds[fund].kind
            if kind == "agency":
                needed.add("P16")
            elif gift.place_kind == "merchant":
                needed.add("P03")
            else:
                needed.add("P02" if kind == "restricted" else "P01")
    return sorted(needed)


def _voucher(gifts: Sequence[_Gift], day: date, papers: tuple[str, ...], books: Books) -> DraftVoucher:
    """Return the voucher of gifts of one place and day; its summaries carry numbers, no names."""
    first = gifts[0]
    place = books.places[first.place]
    debits: dict[tuple[str, str, str], int] = defaultdict(int)
    credits: list[DraftLine] = []
    for gift in gifts:
        for position, fund, earmark, fen in _parts_of(gift, books):
            credit = _income_account(gift, fund, books)
            debit = place.account
            if books.funds[fund].kind == "agency":
                debit = place.agency_account or ""
            debits[fund, earmark, debit] += fen
            credits.append(
                DraftLine(
                    account=credit,
                    credit_fen=fen,
                    fund=fund,
                    earmark=earmark,
                    summary=f"收捐赠 {gift.public_no}",
                    source_kind="gift",
                    source_id=gift.id,
                    source_step=position,
                    party_id=gift.donor_id,
                    place_id=gift.unit_id,
                )
            )
    summary = _summary(gifts)
    lines = [
        DraftLine(
            account=account,
            debit_fen=fen,
            fund=fund,
            earmark=earmark,
            summary=summary,
            money_place=place.code,
        )
        for (fund, earmark, account), fen in sorted(debits.items())
    ]
    attachments = tuple(dict.fromkeys([*first.attachments, *papers] if len(gifts) == 1 else papers))
    return DraftVoucher(
        voucher_on=day,
        month=Month.of(day),
        summary=summary,
        lines=(*lines, *credits),
        attachments=attachments,
    )


def _parts_of(gift: _Gift, books: Books) -> Sequence[tuple[int, str, str, int]]:
    """Return the parts of a gift; money nobody has claimed stands in general money."""
    if gift.nature == "unidentified":
        return [(1, "GEN", books.funds["GEN"].default_earmark, gift.amount_fen)]
    return gift.parts


def _income_account(gift: _Gift, fund: str, books: Books) -> str:
    """Return the account a part is credited to."""
    if gift.nature == "unidentified":
        return "220901"
    return {"restricted": "410102", "general": "410101", "agency": "2601"}[books.funds[fund].kind]


def _summary(gifts: Sequence[_Gift]) -> str:
    """Return the summary of a voucher, in Chinese, with numbers and no names."""
    first = gifts[0]
    what = CHANNEL_WORDS[first.channel] + ("待认领款" if first.nature == "unidentified" else "捐赠")
    if len(gifts) == 1:
        return f"收{what} {first.public_no}"
    return f"收{first.received_on.isoformat()}{what} {len(gifts)}笔"


def load_gifts(session: Session, org_id: int, books: Books, ids: Sequence[int]) -> list[_Gift]:
    """Return gifts with their parts, locked, by place, day and key; those not found are left out."""
    fund_codes = {info.id: code for code, info in books.funds.items()}
    earmark_codes = {info.id: code for code, info in books.earmarks.items()}
    rows: list[Any] = []
    parts: dict[int, list[tuple[int, str, str, int]]] = defaultdict(list)
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        found = session.execute(
            select(*_GIFT_COLUMNS, MoneyPlace.code.label("place"), MoneyPlace.kind.label("place_kind"))
            .join(
                MoneyPlace,
                (MoneyPlace.org_id == Donation.org_id) & (MoneyPlace.id == Donation.money_place_id),
            )
            .where(Donation.org_id == org_id, Donation.id.in_(some))
            .order_by(Donation.id)
            .with_for_update(of=Donation)
        )
        rows.extend(found)
        for part in session.execute(
            select(Allocation.__table__)
            .where(Allocation.org_id == org_id, Allocation.donation_id.in_(some))
            .order_by(Allocation.donation_id, Allocation.position)
        ).mappings():
            codes = (fund_codes[part["fund_id"]], earmark_codes[part["earmark_id"]])
            parts[part["donation_id"]].append((part["position"], *codes, part["amount_fen"]))
    gifts = [
        _Gift(
            id=gift.id,
            public_no=gift.public_no,
            donor_id=gift.donor_id,
            amount_fen=gift.amount_fen,
            channel=gift.channel,
            place=gift.place,
            place_kind=gift.place_kind,
            received_on=gift.received_on,
            nature=gift.nature,
            unit_id=gift.unit_id,
            attachments=tuple(gift.attachments),
            source_id=gift.source_id,
            parts=tuple(parts[gift.id]),
        )
        for gift in rows
    ]
    return sorted(gifts, key=lambda gift: (gift.source_id or 0, gift.place, gift.received_on, gift.id))


def undrafted(org_id: int) -> tuple[object, ...]:
    """Return the conditions of gifts that wait for their first draft."""
    return (
        Donation.org_id == org_id,
        Donation.draft_id.is_(None),
        Donation.is_allocated,
        Donation.blocked_by == "",
    )


def draft_next(session: Session, *, actor: Actor, source_id: int, on: date) -> int:
    """Draft the next gifts of one file: whole days of one place, as many as one voucher may hold.

    Args:
        actor: becomes the maker; needs ``ledger.draft``.
        source_id: the file or batch.
        on: today.

    Returns:
        How many gifts were worked on; 0 when none waits.
    """
    rows = session.execute(
        select(Donation.id, Donation.money_place_id, Donation.received_on)
        .where(*undrafted(actor.org_id), Donation.source_id == source_id)  # type: ignore[arg-type]
        .order_by(Donation.money_place_id, Donation.received_on, Donation.id)
        .limit(LINE_LIMIT)
    ).all()
    last = rows[-1][1:] if len(rows) == LINE_LIMIT else None
    # A day that may go on behind the limit waits for the next turn, so that it is not parted.
    whole = [row.id for row in rows if row[1:] != last]
    ids = whole or [row.id for row in rows]
    _draft_ids(session, actor=actor, ids=ids, on=on)
    return len(ids)


def draft_donations(
    session: Session, *, actor: Actor, on: date, donation_ids: Sequence[int] | None = None
) -> list[Draft]:
    """Draft the vouchers of gifts that have none: the given ones, or all that wait.

    A gift whose draft was discarded, or whose voucher was reversed in full, is drafted
    again when it is named; one that waits for its purpose, or has a living draft, is left.

    Args:
        actor: becomes the maker; needs ``ledger.draft``.
        on: today.
        donation_ids: keys of gifts; None for the next few hundred that wait.

    Raises:
        Refused: ``permission_missing``.
    """
    if not actor.may("ledger.draft"):
        raise refuse("permission_missing", permission="ledger.draft")
    if donation_ids is None:
        query = select(Donation.id).where(*undrafted(actor.org_id))  # type: ignore[arg-type]
        ids: Sequence[int] = session.scalars(query.order_by(Donation.id).limit(LINE_LIMIT)).all()
    else:
        ids = _draftable(session, actor.org_id, donation_ids)
    return _draft_ids(session, actor=actor, ids=ids, on=on)


def _draftable(session: Session, org_id: int, ids: Sequence[int]) -> list[int]:
    """Return which of these gifts may be drafted now: no draft is alive, and nothing of them stands.

    A voucher reversed and made anew in one set carries the gift on; it is not drafted again.
    """
    is_over = or_(Donation.draft_id.is_(None), Draft.state.in_(("discarded", "posted")))
    found: list[int] = []
    for start in range(0, len(ids), 500):
        found += session.scalars(
            select(Donation.id)
            .outerjoin(Draft, (Draft.org_id == Donation.org_id) & (Draft.id == Donation.draft_id))
            .where(
                Donation.org_id == org_id,
                Donation.id.in_(ids[start : start + 500]),
                Donation.is_allocated,
                is_over,
                func.coalesce(stands(), 0) <= 0,
            )
        )
    return found


def _draft_ids(session: Session, *, actor: Actor, ids: Sequence[int], on: date) -> list[Draft]:
    """Draft gifts by source, place, channel and day, and log it once."""
    if not ids:
        return []
    drafter = Drafter(session, actor=actor, on=on)
    groups: dict[tuple[object, ...], list[_Gift]] = defaultdict(list)
    for gift in load_gifts(session, actor.org_id, drafter.books, ids):
        groups[gift.source_id, gift.place, gift.channel, gift.nature, gift.received_on].append(gift)
    drafts = [draft for group in groups.values() for draft in drafter.draft(group)]
    if drafts:
        amount = sum(draft.total_fen for draft in drafts)
        record(
            session,
            actor=actor,
            act="donations.draft",
            subject_kind="draft",
            vouchers=len(drafts),
            count=len(ids),
            amount_fen=amount,
        )
    return drafts
