"""The judge of bank, platform and donor files: what each row is, and why.

Imports ``db`` and lower, the ledger, the imports engine and this feature; reads only. The
same judge fills the preview and is asked again at booking. A doubt is a question to a
person, never a guess: only what is surely a gift is called one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity import sealed
from charity.donations.bank_items import find_payment
from charity.donations.identifiers import plain
from charity.donations.models import Donation, Refund
from charity.donations.purpose_rules import PurposeBook
from charity.donations.recording import load_purposes, same_gift_key
from charity.donations.returning import Movement, booked_elsewhere, find_gift, other_refund
from charity.donations.rules import NAME_LIMIT, platform_of
from charity.errors import N_, register
from charity.imports.kinds import FileFacts, Judgement, PlaceChoice
from charity.imports.models import ImportRow
from charity.intake.forms import CHANNEL_FORMS, FUND_FLOW_FORMS, PERSONAL_FORMS
from charity.intake.people import is_unnamed
from charity.intake.rows import NOTE_CODES, IncomingRow
from charity.ledger.models import MoneyPlace
from charity.names import clean_line

PROBLEMS = register(
    {
        "row_booked": N_("This row was booked from a file before."),
        "row_repeated": N_("The same order stands in row %(row)s of this file already."),
        "row_future": N_("The day of this row, %(on)s, is after today."),
        "row_unidentified": N_(
            "Nothing in this row says that it is a gift. Book it as one, or to 220901 until its giver "
            "is found."
        ),
        "row_may_be_grant": N_("The money comes from public finance; a grant is booked to 4401 by hand."),
        "row_may_not_be_gift": N_("The words of this row (%(word)s) rather mean something else than a gift."),
        "row_alike": N_(
            "Gift %(gift)s of the same day, amount and name is recorded already. Is this another?"
        ),
        "row_alike_elsewhere": N_(
            "A movement of the same day and amount was booked from %(file)s, another form of this account's "
            "statement. Book it only if it is another."
        ),
        "row_own_transfer": N_("The other side is our own account %(place)s."),
        "row_money_out": N_("Money out; payments are matched in the bank reconciliation."),
        "row_refund_unmatched": N_("The payment this refund belongs to (%(reference)s) is not known here."),
        "row_refund_doubtful": N_("This may be a gift given back; say which one on the gift's page."),
        "row_refund_alike": N_(
            "Gift %(gift)s was given back this sum on the same day already. Is this another?"
        ),
        "row_account_other": N_(
            "This row is of an account that ends in %(tail)s, which %(place)s does not; say which account "
            "the file is from."
        ),
        "row_bill_better": N_(
            "This bill tells neither giver nor purpose; drop the platform's trade bill of the day, or book "
            "it from here."
        ),
        "row_payout": N_("The platform paid this out; it is booked from the bank's file."),
        "row_neutral": N_("The platform counts this row neither as income nor as spending (%(status)s)."),
        "row_fee_alone": N_(
            "The payment this fee was taken for (%(reference)s) is not in this file; its own bill has it."
        ),
        "row_return_unmatched": N_(
            "No single payment of the last %(days)s days fits this returned transfer; look for it by hand."
        ),
        "row_settlement_unknown": N_("It is not clear which platform paid this out; say which on its place."),
        "row_kind_unclear": N_("It is not clear what this row is."),
        "row_name_long": N_("The name has %(count)s characters; at most %(limit)s can be kept."),
        "purpose_unclear": N_("The purpose is not clear; the gift will wait in the queue for a fund."),
    }
)

_GIFT_WORDS = re.compile(
    r"捐|善款|慈善|爱心|助学|救助|帮扶|公益|救灾|赈灾|扶贫|济困|助残|助老|助医|一日捐|献爱心|donat", re.I
)
_OTHER_WORDS = re.compile(
    r"会费|房租|租金|货款|工资|借款|还款|贷款|保证金|押金|往来款|报销|退税|理财|赎回|补贴|经费|服务费|培训费|"
    r"投标|中标|水电|物业|社保|公积金|劳务"
)
_FINANCE = re.compile(r"财政局|国库|财政所|财政厅|财政专户|国库集中支付|财政拨款|预算内|补助资金")
#: A number of fewer digits is the end of one.
_WHOLE_DIGITS = 8


@dataclass(frozen=True, slots=True)
class _Place:
    """A place of money as the judge sees it."""

    id: int
    code: str
    name: str
    kind: str
    number_hash: str
    tail: str
    words: str

    def is_account(self, number: str) -> bool | None:
        """Say whether an account number, whole or masked, is this place's; None when not known."""
        return self.fits(fingerprint(number))

    def fits(self, own_hash: str) -> bool | None:
        """Say whether a :func:`fingerprint` is this place's; None when one of them is not known."""
        if own_hash.startswith("…"):
            return self.tail.endswith(own_hash[1:]) if self.tail else None
        return own_hash == self.number_hash if own_hash and self.number_hash else None


def load_places(session: Session, org_id: int) -> list[_Place]:
    """Return the open places of money, in the order of codes."""
    rows = session.scalars(
        select(MoneyPlace)
        .where(MoneyPlace.org_id == org_id, MoneyPlace.closed_on.is_(None))
        .order_by(MoneyPlace.code)
    )
    return [
        _Place(
            row.id,
            row.code,
            row.name,
            row.kind,
            row.number_hash,
            row.number_tail,
            f"{row.name} {row.institution}",
        )
        for row in rows
    ]


def merchant_of(places: Sequence[_Place], text: str) -> _Place | None:
    """Return the one merchant place a payout is from; None when that is not clear."""
    merchants = [place for place in places if place.kind == "merchant"]
    channel = platform_of(text)
    named = [place for place in merchants if channel and platform_of(place.words) == channel]
    if len(named) == 1:
        return named[0]
    return merchants[0] if len(merchants) == 1 and not named else None


def fingerprint(number: str) -> str:
    """Return what is kept of a file's own number, to be compared with those of places.

    A number that is masked, or only the end of one, is kept by its last four digits
    behind ``…``; a whole one by its keyed hash.
    """
    if "*" in number or 0 < len(plain(number)) < _WHOLE_DIGITS:
        end = plain(number.rpartition("*")[2])[-4:]
        return f"…{end}" if end else ""
    return sealed.keyed_hash(plain(number)) if plain(number) else ""


def choose_places(session: Session, org_id: int, form: str, own_hash: str) -> list[PlaceChoice]:
    """Return the places a file may be from; the one whose number the file names matches.

    A file without a number matches the only place of the right kind, unless that one has a
    number on record, which the file does not confirm; never for the statement of a person,
    whose account must be the place's. A list of donors says nothing about where its money
    lies, so a person does.
    """
    places = load_places(session, org_id)
    if form == "donor_list":
        return [PlaceChoice(place.code, place.name, False) for place in places if place.kind != "transit"]
    channel = CHANNEL_FORMS.get(form, "")
    fitting = [place for place in places if place.kind == ("merchant" if channel else "bank")]
    if channel:
        named = [place for place in fitting if platform_of(place.words) in (channel, "")]
        fitting = named or fitting
    is_only = len(fitting) == 1 and not fitting[0].number_hash and form not in PERSONAL_FORMS
    return [
        PlaceChoice(
            code=place.code,
            label=place.name,
            is_match=is_only or place.fits(own_hash) is True,
            is_other=place.fits(own_hash) is False,
            is_numbered=bool(place.number_hash),
        )
        for place in fitting
    ]


def event_key(row: IncomingRow, place: str) -> str:
    """Return what names the event of a row once for all.

    A platform's order number is unique for good; elsewhere the row itself is, at its place.
    """
    if row.channel in ("wechat", "alipay") and row.reference:
        return f"{row.channel}:{row.reference}"
    return f"{place}:{row.line_hash}"


class Judge:
    """Judges the rows of one chunk; what they share is looked up once."""

    def __init__(
        self, session: Session, org_id: int, on: date, file: FileFacts, rows: Sequence[IncomingRow]
    ) -> None:
        """Look up what the rows may already be, and what words mean."""
        self._session, self._org_id, self._on, self._file = session, org_id, on, file
        self._places = load_places(session, org_id)
        self._own_numbers = {place.number_hash: place.name for place in self._places if place.number_hash}
        self._place = next((place for place in self._places if place.code == file.place), None)
        self._purposes: PurposeBook = load_purposes(session, org_id, on)
        self._booked = self._booked_hashes(rows)
        self._events = self._known_events(rows)
        self._alike = self._alike_gifts(rows)
        self._elsewhere = self._movements_elsewhere(rows)
        self._gifts = self._gifts_by_reference([row.refund_of for row in rows])
        self._in_file = file.references([row.reference for row in rows] + [row.refund_of for row in rows])

    def _booked_hashes(self, rows: Sequence[IncomingRow]) -> set[str]:
        """Return the row hashes that were booked at this place before."""
        query = select(ImportRow.line_hash).where(
            ImportRow.org_id == self._org_id,
            ImportRow.place == self._file.place,
            ImportRow.line_hash.in_({row.line_hash for row in rows}),
            ImportRow.state == "booked",
        )
        return set(self._session.scalars(query)) if self._file.place else set()

    def _known_events(self, rows: Sequence[IncomingRow]) -> set[str]:
        """Return the events that are recorded already, however they came in."""
        keys = {event_key(row, self._file.place) for row in rows}
        gifts = select(Donation.event_key).where(
            Donation.org_id == self._org_id, Donation.event_key.in_(keys)
        )
        refunds = select(Refund.event_key).where(Refund.org_id == self._org_id, Refund.event_key.in_(keys))
        return set(self._session.scalars(gifts)) | set(self._session.scalars(refunds))

    def _alike_gifts(self, rows: Sequence[IncomingRow]) -> dict[str, tuple[str, str]]:
        """Return (day, amount, name) key → number and source form of a gift that has it."""
        keys = {self._same_key(row) for row in rows} - {""}
        found = self._session.execute(
            select(Donation.same_key, Donation.public_no, Donation.source_form).where(
                Donation.org_id == self._org_id, Donation.same_key.in_(keys)
            )
        )
        return {row[0]: (row[1], row[2]) for row in found}

    def _movements_elsewhere(self, rows: Sequence[IncomingRow]) -> dict[Movement, str]:
        """Return what other forms of this bank account's statement booked on the days of the rows."""
        days = {day for row in rows if row.channel == "bank" and (day := row.booked_on or row.occurred_on)}
        if self._file.form == "donor_list":
            return {}
        return booked_elsewhere(
            self._session, self._org_id, place=self._file.place, form=self._file.form, days=days
        )

    def _gifts_by_reference(self, references: Sequence[str]) -> dict[str, str]:
        """Return order number → number of the gift recorded with it."""
        wanted = {text[:80] for text in references if text}
        found = self._session.execute(
            select(Donation.reference, Donation.public_no).where(
                Donation.org_id == self._org_id, Donation.reference.in_(wanted)
            )
        )
        return dict(found.all())

    def _same_key(self, row: IncomingRow) -> str:
        day = row.booked_on or row.occurred_on
        name = clean_line(row.counterparty_name, NAME_LIMIT)
        return same_gift_key(day, row.amount_fen, name) if day and row.is_credit and name else ""

    def judge(self, row: IncomingRow) -> Judgement:
        """Return the verdict on one row."""
        return (
            self._broken(row)
            or self._known(row)
            or self._doubtful(row)
            or self._seen_elsewhere(row)
            or self._by_kind(row)
        )

    def _broken(self, row: IncomingRow) -> Judgement | None:
        """Return the verdict on a row that cannot be booked as it stands."""
        wrong = next((problem for problem in row.problems if problem.code not in NOTE_CODES), None)
        if wrong is not None:
            return Judgement("error", wrong.code, wrong.params)
        day = row.booked_on or row.occurred_on
        if day is None:
            return Judgement("error", "row_date_missing")
        if day > self._on:
            return Judgement("error", "row_future", {"on": day.isoformat()})
        if self._file.form in PERSONAL_FORMS and (other := self._other_account(row)) is not None:
            return Judgement("error", "row_account_other", other)
        if len(row.counterparty_name) > NAME_LIMIT:
            values = {"count": len(row.counterparty_name), "limit": NAME_LIMIT}
            return Judgement("error", "row_name_long", values)
        return None

    def _known(self, row: IncomingRow) -> Judgement | None:
        """Return the verdict on a row that is surely in the books or in the file already."""
        if row.line_hash in self._booked or event_key(row, self._file.place) in self._events:
            return Judgement("booked", "row_booked")
        first = self._in_file.get(row.reference)
        is_order = row.channel in ("wechat", "alipay") and row.kind_hint == "payment"
        if is_order and first is not None and first < row.row_no:
            return Judgement("booked", "row_repeated", {"row": first})
        return None

    def _other_account(self, row: IncomingRow) -> dict[str, str] | None:
        """Return what to say of a row whose account is not that of the file's place."""
        if self._place is None or self._place.is_account(row.own_account) is not False:
            return None
        return {"tail": row.own_account[-4:], "place": self._place.name}

    def _doubtful(self, row: IncomingRow) -> Judgement | None:
        """Return the question about a row of another account, or one that stands in its file twice.

        A company's number may be written in two ways (with its bank's, as IBAN): a person
        knows. A person's card that is not the place's is never booked.
        """
        other = self._other_account(row)
        if other is not None:
            return Judgement("ask", "row_account_other", other)
        twice = next((problem for problem in row.problems if problem.code == "row_twice"), None)
        return Judgement("ask", twice.code, twice.params) if twice is not None else None

    def _seen_elsewhere(self, row: IncomingRow) -> Judgement | None:
        """Return the question whether another form of the statement brought this movement already."""
        day = row.booked_on or row.occurred_on
        if day is None or self._same_key(row) in self._alike:
            return None
        file = self._elsewhere.get((day, row.amount_fen, row.is_credit))
        return Judgement("ask", "row_alike_elsewhere", {"file": file}) if file else None

    def _by_kind(self, row: IncomingRow) -> Judgement:
        """Return the verdict by what the row seems to be."""
        if row.kind_hint == "neutral":
            return Judgement("other", "row_neutral", {"status": row.status[:40]})
        if row.kind_hint == "payout":
            return Judgement("other", "row_payout")
        if row.kind_hint == "refund":
            return self._refund(row)
        if row.kind_hint == "transfer_back":
            return self._returned(row)
        if row.kind_hint == "settlement" and row.is_credit:
            merchant = merchant_of(self._places, f"{row.counterparty_name} {row.summary} {row.remark}")
            if merchant is None or self._file.form in PERSONAL_FORMS:
                return Judgement("ask", "row_settlement_unknown")
            return Judgement("settlement", target=merchant.code)
        if row.kind_hint == "interest" and row.is_credit:
            return Judgement("interest")
        if row.kind_hint == "fee" and row.channel != "bank":
            return Judgement("ask", "row_fee_alone", {"reference": row.refund_of[:40]})
        if row.kind_hint == "fee" and not row.is_credit:
            return Judgement("fee")
        if not row.is_credit:
            return Judgement("other", "row_money_out")
        return self._payment(row) if row.kind_hint == "payment" else Judgement("ask", "row_kind_unclear")

    def _refund(self, row: IncomingRow) -> Judgement:
        """Return the verdict on money given back: the gift it belongs to, or a question."""
        day = row.booked_on or row.occurred_on
        if row.is_credit or day is None:
            return Judgement("ask", "row_kind_unclear")
        if not row.refund_of:
            gift = find_gift(
                self._session,
                self._org_id,
                place=self._file.place,
                name=row.counterparty_name,
                amount_fen=row.amount_fen,
                on=day,
            )
            if gift is None:
                return Judgement("ask", "row_refund_doubtful")
            return Judgement("refund", target=gift.number)
        number = self._gifts.get(row.refund_of)
        if number is None and row.refund_of not in self._in_file:
            return Judgement("ask", "row_refund_unmatched", {"reference": row.refund_of[:40]})
        # WeChat names a refund by one number everywhere, Alipay by another in each bill.
        if (
            number
            and row.channel == "alipay"
            and other_refund(
                self._session,
                self._org_id,
                gift=number,
                amount_fen=row.amount_fen,
                on=day,
                file_id=self._file.id,
            )
        ):
            return Judgement("ask", "row_refund_alike", {"gift": number})
        return Judgement("refund", target=number or f"#{self._in_file[row.refund_of]}")

    def _returned(self, row: IncomingRow) -> Judgement:
        day = row.booked_on or row.occurred_on
        if not row.is_credit or day is None:
            return Judgement("ask", "row_kind_unclear")
        payment = find_payment(
            self._session, self._org_id, place=self._file.place, amount_fen=row.amount_fen, on=day
        )
        if payment is None:
            return Judgement("ask", "row_return_unmatched", {"days": 60})
        return Judgement("returned", target=payment.number)

    def _payment(self, row: IncomingRow) -> Judgement:
        """Return the verdict on money in: a gift, or a question why it may not be one."""
        own = self._own_numbers.get(sealed.keyed_hash(plain(row.counterparty_account)))
        if row.counterparty_account and own:
            return Judgement("other", "row_own_transfer", {"place": own})
        alike = self._alike.get(self._same_key(row))
        if alike is not None and alike[1] != self._file.form:
            return Judgement("ask", "row_alike", {"gift": alike[0]})
        form = self._file.form
        if form in FUND_FLOW_FORMS:
            return Judgement("ask", "row_bill_better")
        if form in PERSONAL_FORMS or (row.channel == "bank" and form != "donor_list"):
            doubt = self._bank_doubt(row)
            if doubt is not None:
                return doubt
        return self._gift(row)

    def _bank_doubt(self, row: IncomingRow) -> Judgement | None:
        """Return why a bank transfer may not be a gift; a bank account takes other money too."""
        words = f"{row.summary} {row.purpose} {row.remark}"
        if _FINANCE.search(f"{row.counterparty_name} {words}"):
            return Judgement("ask", "row_may_be_grant")
        if found := _OTHER_WORDS.search(words):
            return Judgement("ask", "row_may_not_be_gift", {"word": found[0]})
        if _GIFT_WORDS.search(words):
            return None
        target = self._purposes.target_of(gift_words(row), self._place.id if self._place else None)
        is_learned = target is not None and target.rule_id is not None
        return None if is_learned else Judgement("ask", "row_unidentified")

    def _gift(self, row: IncomingRow) -> Judgement:
        target = self._purposes.target_of(gift_words(row), self._place.id if self._place else None)
        if target is None:
            return Judgement("new", "purpose_unclear", target="?")
        name = target.fund if target.is_charter else f"{target.fund}/{target.earmark}"
        return Judgement("new", target=name)


def gift_words(row: IncomingRow) -> str:
    """Return the giver's own words about a gift: what names a purpose, each once.

    Some banks know no field for them and put them where others say what kind of movement it is.
    """
    parts: tuple[str, ...] = (row.fund_hint, row.purpose, row.remark)
    if not any(part.strip() for part in parts) and _GIFT_WORDS.search(row.summary):
        parts = (row.summary,)
    return clean_line(" ".join(dict.fromkeys(part.strip() for part in parts if part.strip())), 400)


def giver_name(row: IncomingRow) -> str:
    """Return the giver's name; empty when the file says that there is none."""
    name = clean_line(row.counterparty_name, NAME_LIMIT)
    return "" if is_unnamed(name) else name


def judge_rows(
    session: Session, org_id: int, on: date, file: FileFacts, rows: Sequence[IncomingRow]
) -> list[Judgement]:
    """Return the verdicts on rows of one file, in order; see ``imports.kinds.Booker``."""
    if not rows:
        return []
    judge = Judge(session, org_id, on, file, rows)
    return [judge.judge(row) for row in rows]
