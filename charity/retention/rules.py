"""How long each class of records is kept, from when it may go, and who may hold it. Pure.

Source: 会计档案管理办法 (财政部 国家档案局令第79号, in force 2016-01-01), art. 14, 15, 19 and its
first table. The terms were read in second-hand copies only: they stand as 待核实 until a
person has held them against the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from charity.errors import N_, Problem, register

#: Years kept, or for ever.
Term = int | Literal["permanent"]


@dataclass(frozen=True, slots=True)
class RetentionTerm:
    """How long a class is kept, from a date on.

    Attributes:
        from_on: first day on which the term applies.
        years: counted from the first day after the accounting year; or ``permanent``.
        source: law and article.
        is_verified: somebody has read the term in the law itself.
    """

    from_on: date
    years: Term
    source: str
    is_verified: bool = False


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """A class of records that are kept alike.

    Attributes:
        code: stored form.
        label: English message id of its name.
        terms: oldest first; the last one that applies counts.
        is_books: accounting archives in the sense of the law, kept on while a matter is open.
        is_personal: holds data of persons, so that the term is also the longest.
    """

    code: str
    label: str
    terms: tuple[RetentionTerm, ...]
    is_books: bool = True
    is_personal: bool = False

    def term(self, on: date) -> RetentionTerm:
        """Return the term that applies on a day."""
        return [term for term in self.terms if term.from_on <= on][-1]


_LAW_ON = date(2016, 1, 1)
_LAW = "会计档案管理办法（第79号令）附表一"
_HOUSE = "house rule"


def _law(years: Term) -> tuple[RetentionTerm, ...]:
    return (RetentionTerm(_LAW_ON, years, _LAW),)


def _house(years: int) -> tuple[RetentionTerm, ...]:
    return (RetentionTerm(_LAW_ON, years, _HOUSE),)


#: Every class, in the order it is shown.
CLASSES: Mapping[str, RetentionClass] = {
    each.code: each
    for each in (
        RetentionClass("vouchers", N_("Vouchers"), _law(30)),
        RetentionClass("papers", N_("Source documents of vouchers"), _law(30), is_personal=True),
        RetentionClass("months", N_("Closed months: ledgers and journals"), _law(30)),
        RetentionClass(
            "receipts", N_("Donation receipts, kept with their vouchers"), _law(30), is_personal=True
        ),
        RetentionClass("invoices", N_("Register of official invoices"), _law(30), is_personal=True),
        RetentionClass("gifts", N_("Records of gifts"), _law(30), is_personal=True),
        RetentionClass(
            "bank_files", N_("Bank and platform files, reconciliations"), _law(10), is_personal=True
        ),
        RetentionClass("interim_reports", N_("Monthly, quarterly and half-year reports"), _law(10)),
        RetentionClass("annual_reports", N_("Annual financial reports"), _law("permanent")),
        RetentionClass("handovers", N_("Inventories of archives handed over"), _law(30)),
        RetentionClass(
            "destructions", N_("Inventories of archives kept and destroyed, appraisals"), _law("permanent")
        ),
        RetentionClass("log", N_("Operation log"), _house(30), is_books=False),
        RetentionClass("messages", N_("Outbox"), _house(2), is_books=False, is_personal=True),
        RetentionClass("jobs", N_("Long work that has ended"), _house(1), is_books=False),
    )
}

PROBLEMS = register(
    {
        "hold_class_unknown": N_("There is no class of records “%(code)s”."),
        "hold_reason_missing": N_("Say why: which claim, case, audit or request."),
        "hold_years_reversed": N_("The last year lies before the first."),
        "hold_missing": N_("There is no such hold. It may belong to another organisation."),
        "hold_released": N_("This hold was released already."),
        "hold_releaser_is_placer": N_(
            "Whoever placed a hold may not also release it. Another person has to agree."
        ),
    }
)


def may_go_from(term: RetentionTerm, year: int) -> date | None:
    """Return the first day on which records of a year may go; None for never.

    The term counts from the first day after the accounting year (art. 14).

    Example:
        vouchers of 2026, 30 years: 2057-01-01.
    """
    return None if term.years == "permanent" else date(year + term.years + 1, 1, 1)


@dataclass(frozen=True, slots=True)
class HoldSpan:
    """What a hold holds.

    Attributes:
        class_code: one class; empty for all.
        from_year: first accounting year.
        until_year: last one.
    """

    class_code: str
    from_year: int
    until_year: int

    def holds(self, class_code: str, year: int) -> bool:
        """Say whether records of a class and year are held."""
        return self.class_code in ("", class_code) and self.from_year <= year <= self.until_year


Standing = Literal["kept", "held", "may_go"]


def standing(
    record_class: RetentionClass, year: int, holds: Iterable[HoldSpan], on: date
) -> tuple[Standing, date | None]:
    """Return whether records of a year are kept, held or may go, and from when they may.

    A hold beats the term; what may go is never taken away by itself.

    Args:
        record_class: the class.
        year: the accounting year of the records.
        holds: those that stand.
        on: today.
    """
    from_on = may_go_from(record_class.term(on), year)
    if from_on is None or on < from_on:
        return "kept", from_on
    if any(hold.holds(record_class.code, year) for hold in holds):
        return "held", from_on
    return "may_go", from_on


def check_hold(span: HoldSpan, reason: str) -> list[Problem]:
    """Return why a hold cannot be placed.

    Problems: ``hold_class_unknown``, ``hold_years_reversed``, ``hold_reason_missing``.
    """
    found = []
    if span.class_code and span.class_code not in CLASSES:
        found.append(Problem("hold_class_unknown", {"code": span.class_code}, "class_code"))
    if span.until_year < span.from_year:
        found.append(Problem("hold_years_reversed", where="until_year"))
    if not reason.strip():
        found.append(Problem("hold_reason_missing", where="reason"))
    return found


def check_release(*, is_released: bool, placed_by: int, user_id: int, reason: str) -> list[Problem]:
    """Return why a hold cannot be released by a login.

    Problems: ``hold_released``, ``hold_releaser_is_placer``, ``hold_reason_missing``.
    """
    if is_released:
        return [Problem("hold_released")]
    if placed_by == user_id:
        return [Problem("hold_releaser_is_placer")]
    return [] if reason.strip() else [Problem("hold_reason_missing", where="reason")]
