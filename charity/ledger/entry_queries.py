"""What the voucher form offers, and what an entry would do before anybody signs it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from charity.errors import Problem
from charity.ledger.books import load_books
from charity.ledger.completion_rules import complete
from charity.ledger.judging import check_submission, check_value_money
from charity.ledger.models import DimensionKind, DimensionValue, Earmark, Fund, MoneyPlace
from charity.ledger.naming import BookNames, LineView
from charity.ledger.rules import (
    Books,
    DraftVoucher,
    derive_word,
    guarded_deltas,
    has_money_lines,
)
from charity.ledger.sealed_models import FundGuard, Hold
from charity.names import search_text


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing a field offers: its code, its name, its initials and its pinyin in full."""

    code: str
    name: str
    initials: str = ""
    pinyin: str = ""


@dataclass(frozen=True, slots=True)
class EntryChoices:
    """What the voucher form offers on a day, in the order of the books.

    Attributes:
        books: what the codes mean; the rules judge by it.
        purses: ``F2`` or ``F2/F2-HEART`` → 医疗救助基金／先心病.
        dimensions: slot → values; a slot without a name is not offered.
    """

    books: Books
    accounts: tuple[Choice, ...]
    purses: tuple[Choice, ...]
    places: tuple[Choice, ...]
    projects: tuple[Choice, ...]
    designations: tuple[Choice, ...]
    cash_flow_items: tuple[Choice, ...]
    dimension_kinds: Mapping[int, str]
    dimensions: Mapping[int, tuple[Choice, ...]]

    @property
    def fund_kinds(self) -> dict[str, str]:
        """Return fund → restricted, general or agency."""
        return {code: fund.kind for code, fund in self.books.funds.items()}

    @property
    def money_accounts(self) -> tuple[str, ...]:
        """Return the accounts whose lines name a place of money."""
        return tuple(code for code, account in self.books.accounts.items() if account.is_money)


def entry_choices(session: Session, org_id: int, on: date, names: BookNames) -> EntryChoices:
    """Return what the voucher form offers on a day."""
    books = load_books(session, org_id, on)
    kinds = session.execute(
        select(DimensionKind.slot, DimensionKind.name).where(DimensionKind.org_id == org_id)
    ).all()
    values: dict[int, list[Choice]] = defaultdict(list)
    for slot, code, name in session.execute(
        select(DimensionValue.slot, DimensionValue.code, DimensionValue.name)
        .where(DimensionValue.org_id == org_id)
        .order_by(DimensionValue.slot, DimensionValue.code)
    ):
        values[slot].append(Choice(code, name))
    return EntryChoices(
        books=books,
        accounts=tuple(
            Choice(a.code, names.account(a.code), *reversed(search_text(a.name_zh).split(" ")[1:]))
            for a in books.accounts.values()
            if a.is_postable
        ),
        purses=tuple(_purses(session, org_id, on, names)),
        places=tuple(_places(session, org_id, on)),
        projects=tuple(Choice(code, names.projects.get(code, code)) for code in books.projects),
        designations=tuple(Choice(code, names.designations.get(code, code)) for code in books.designations),
        cash_flow_items=tuple(
            Choice(code, names.cash_flow_items.get(code, code)) for code in books.cash_flow_items
        ),
        dimension_kinds=dict(kinds),
        dimensions={slot: tuple(found) for slot, found in values.items()},
    )


def _purses(session: Session, org_id: int, on: date, names: BookNames) -> Iterable[Choice]:
    """Yield every open fund, followed by its open earmarks."""
    rows = session.execute(
        select(Fund.code, Earmark.code, Earmark.is_default)
        .join(Earmark, (Earmark.org_id == Fund.org_id) & (Earmark.fund_id == Fund.id))
        .where(
            Fund.org_id == org_id,
            Fund.opened_on <= on,
            or_(Fund.closed_on.is_(None), Fund.closed_on >= on),
            Earmark.from_on <= on,
            or_(Earmark.until_on.is_(None), Earmark.until_on >= on),
        )
        .order_by(Fund.position, Fund.code, Earmark.is_default.desc(), Earmark.code)
    )
    for fund, earmark, is_default in rows:
        code = fund if is_default else f"{fund}/{earmark}"
        yield Choice(code, names.purse(fund, earmark))


def _places(session: Session, org_id: int, on: date) -> Iterable[Choice]:
    """Yield every place of money in use, the main one first."""
    rows = session.execute(
        select(MoneyPlace.code, MoneyPlace.name)
        .where(
            MoneyPlace.org_id == org_id,
            MoneyPlace.opened_on <= on,
            or_(MoneyPlace.closed_on.is_(None), MoneyPlace.closed_on >= on),
        )
        .order_by(MoneyPlace.is_main.desc(), MoneyPlace.code)
    )
    for code, name in rows:
        yield Choice(code, name)


@dataclass(frozen=True, slots=True)
class PurseTotal:
    """What an entry does in one fund and earmark, in fen.

    Attributes:
        difference_fen: debit less credit before re-tags; zero is balanced.
        before_fen: what may be spent now; None where nothing guards it.
        after_fen: what may be spent once this is posted.
    """

    fund: str
    purse: str
    debit_fen: int
    credit_fen: int
    difference_fen: int
    before_fen: int | None
    after_fen: int | None

    @property
    def is_short(self) -> bool:
        """Say whether this would spend more than there is."""
        return self.after_fen is not None and self.after_fen < 0 and self.after_fen < (self.before_fen or 0)


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be booked from an entry: the whole of it, before anybody signs.

    Attributes:
        retags: the lines the system adds so that each fund balances.
        purses: per fund and earmark, in the order of the lines.
        word: 记, or the derived 收/付/转.
        needs_cashier: whether the cashier has to sign.
        problems: what keeps it from being submitted; their ``where`` names the line.
        shortages: the overdrafts it would make now; it may be submitted, but not reviewed.
    """

    draft: DraftVoucher
    retags: tuple[LineView, ...]
    purses: tuple[PurseTotal, ...]
    debit_fen: int
    credit_fen: int
    word: str
    needs_cashier: bool
    problems: tuple[Problem, ...]
    shortages: tuple[Problem, ...]

    @property
    def difference_fen(self) -> int:
        """Return debit less credit of the whole, in fen."""
        return self.debit_fen - self.credit_fen


def preview(
    session: Session,
    org_id: int,
    draft: DraftVoucher,
    books: Books,
    names: BookNames,
    *,
    beside: Sequence[DraftVoucher] = (),
    hold_id: int | None = None,
) -> Preview:
    """Return what would be booked from an entry, judged as submitting judges it.

    Args:
        draft: as entered, codes resolved; it may be unsound.
        books: the codes on the voucher's day.
        beside: completed vouchers posted in front of it, as the red one of a correction.
        hold_id: hold it pays.
    """
    known = [line for line in draft.lines if line.account in books.accounts and line.fund in books.funds]
    whole = complete(replace(draft, lines=tuple(known)), books)
    problems = check_submission(session, org_id, complete(draft, books), books)
    own = [line for line in whole.lines if not line.is_retag]
    retags = [line for line in whole.lines if line.is_retag]
    everything = [line for voucher in (*beside, whole) for line in voucher.lines]
    deltas = guarded_deltas(everything, books)
    before = available(session, org_id)
    for key, fen in held_by(session, org_id, [hold_id]).items():
        deltas[key] = deltas.get(key, 0) + fen
    totals: dict[tuple[str, str], list[int]] = {}
    for line in own:
        sums = totals.setdefault((line.fund, line.earmark), [0, 0])
        sums[0] += line.debit_fen
        sums[1] += line.credit_fen
    purses = []
    for (fund, earmark), (debit, credit) in totals.items():
        now = before.get((fund, earmark), 0 if (fund, earmark) in deltas else None)
        after = None if now is None else now + deltas.get((fund, earmark), 0)
        purses.append(PurseTotal(fund, names.purse(fund, earmark), debit, credit, debit - credit, now, after))
    return Preview(
        draft=whole,
        retags=tuple(names.line(n, line, draft.summary) for n, line in enumerate(retags, len(own) + 1)),
        purses=tuple(purses),
        debit_fen=sum(line.debit_fen for line in draft.lines if not line.is_retag),
        credit_fen=sum(line.credit_fen for line in draft.lines if not line.is_retag),
        word=derive_word(whole.lines, books) if own else "",
        needs_cashier=bool(own) and has_money_lines(whole.lines, books),
        problems=tuple(problems),
        shortages=tuple(check_value_money(session, org_id, whole, books, beside, hold_id)),
    )


def held_by(session: Session, org_id: int, hold_ids: Sequence[int | None]) -> dict[tuple[str, str], int]:
    """Return (fund, earmark) → what these holds have set aside, in fen; None is passed over."""
    wanted = [hold_id for hold_id in hold_ids if hold_id is not None]
    result: dict[tuple[str, str], int] = defaultdict(int)
    for start in range(0, len(wanted), 500):
        rows = session.execute(
            select(Fund.code, Earmark.code, Hold.amount_fen)
            .join(Fund, (Fund.org_id == Hold.org_id) & (Fund.id == Hold.fund_id))
            .join(Earmark, (Earmark.org_id == Hold.org_id) & (Earmark.id == Hold.earmark_id))
            .where(Hold.org_id == org_id, Hold.id.in_(wanted[start : start + 500]))
        )
        for fund, earmark, fen in rows:
            result[fund, earmark] += fen
    return result


def available(session: Session, org_id: int) -> dict[tuple[str, str], int]:
    """Return (fund, earmark) → what may be spent now, in fen, for all that is guarded."""
    rows = session.execute(
        select(Fund.code, Earmark.code, FundGuard.available_fen)
        .join(Fund, (Fund.org_id == FundGuard.org_id) & (Fund.id == FundGuard.fund_id))
        .join(Earmark, (Earmark.org_id == FundGuard.org_id) & (Earmark.id == FundGuard.earmark_id))
        .where(FundGuard.org_id == org_id)
    )
    return {(fund, earmark): fen for fund, earmark, fen in rows}
