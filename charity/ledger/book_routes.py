"""The books: trial balance of a month, and one account with its lines and running balance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, abort, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.documents.columns import Column, Value
from charity.documents.spreadsheet import Sheet, iterate_csv, write_xlsx
from charity.ledger.book_queries import BookFilter, BookPage, book_page, each_row, last_month
from charity.ledger.common_routes import (
    Option,
    blueprint,
    fund_options,
    is_english,
    me,
    month_options,
    month_or_none,
    names_of,
    reading,
)
from charity.ledger.models import Account
from charity.ledger.naming import BookNames
from charity.ledger.queries import TrialRow, months, trial_balance
from charity.periods import Month
from charity.web.access import permission_required
from charity.web.addresses import same_page
from charity.web.context import current_org
from charity.web.filters import month as month_text
from charity.web.render import render

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class TrialLine:
    """One account of the trial balance, each figure on the side it stands; fen ≥ 0 but turnover.

    Attributes:
        url: the account's page in this month and fund.
    """

    account: str
    name: str
    opening_debit_fen: int
    opening_credit_fen: int
    debit_fen: int
    credit_fen: int
    closing_debit_fen: int
    closing_credit_fen: int
    url: str

    @property
    def figures(self) -> tuple[int, int, int, int, int, int]:
        """Return the six figures in the order of the columns."""
        return (
            self.opening_debit_fen,
            self.opening_credit_fen,
            self.debit_fen,
            self.credit_fen,
            self.closing_debit_fen,
            self.closing_credit_fen,
        )


@dataclass(frozen=True, slots=True)
class TrialPage:
    """The trial balance (试算平衡表) of a month.

    Attributes:
        month: None while no month was ever opened.
        totals: the six sums, in the order of the columns.
        is_balanced: whether they are equal pair by pair.
        exports: (label, address) of the same table as files.
    """

    month: Month | None
    fund: str
    fund_name: str
    rows: tuple[TrialLine, ...]
    totals: tuple[int, ...]
    is_balanced: bool
    months: tuple[Option, ...]
    funds: tuple[Option, ...]
    exports: tuple[tuple[str, str], ...]


def _trial_line(row: TrialRow, month: Month, fund: str) -> TrialLine:
    """Return a row with its balances on their sides."""
    return TrialLine(
        account=row.account,
        name=row.name_en if is_english() else row.name_zh,
        opening_debit_fen=max(row.opening_fen, 0),
        opening_credit_fen=max(-row.opening_fen, 0),
        debit_fen=row.debit_fen,
        credit_fen=row.credit_fen,
        closing_debit_fen=max(row.closing_fen, 0),
        closing_credit_fen=max(-row.closing_fen, 0),
        url=url_for("ledger.account", code=row.account, month=str(month), fund=fund or None),
    )


def _chosen_month(known: Sequence[Month]) -> Month | None:
    """Return the month asked for, else the newest that has begun."""
    asked = month_or_none(request.args.get("month", ""))
    if asked in known:
        return asked
    return known[0] if known else None


def _trial(month: Month, fund: str) -> tuple[tuple[TrialLine, ...], tuple[int, ...]]:
    found = trial_balance(reading(), me().org_id, month, fund)
    rows = tuple(_trial_line(row, month, fund) for row in found.rows)
    totals = tuple(sum(column) for column in zip(*(row.figures for row in rows), strict=True))
    return rows, totals or (0,) * 6


@blueprint.get("/trial-balance", endpoint="trial_balance")
@permission_required("ledger.read")
def trial_balance_page() -> ResponseReturnValue:
    """Show whether the books tie in a month, for all funds or one; each figure leads to its lines."""
    actor = me()
    names = names_of(actor)
    known = [row.month for row in months(reading(), actor.org_id)]
    month, fund = _chosen_month(known), request.args.get("fund", "")
    rows, totals = _trial(month, fund) if month else ((), (0,) * 6)
    args: dict[str, Any] = {"month": str(month), "fund": fund or None}
    page = TrialPage(
        month=month,
        fund=fund,
        fund_name=names.fund(fund) if fund else "",
        rows=rows,
        totals=totals,
        is_balanced=totals[0] == totals[1] and totals[2] == totals[3] and totals[4] == totals[5],
        months=month_options(known, str(month) if month else ""),
        funds=fund_options(names, fund),
        exports=(
            ("CSV", url_for("ledger.trial_balance_file", fmt="csv", **args)),
            ("XLSX", url_for("ledger.trial_balance_file", fmt="xlsx", **args)),
        ),
    )
    return render("ledger/trial_balance.html", page)


def _trial_columns() -> list[Column]:
    """Return the columns of the trial balance as a file."""
    sides = (_("Debit"), _("Credit"))
    groups = (_("Opening balance"), _("Turnover of the month"), _("Closing balance"))
    money = [Column(f"{group} {side}", "money", group) for group in groups for side in sides]
    return [Column(_("Account")), Column(_("Name")), *money]


@blueprint.get("/trial-balance.<any(csv, xlsx):fmt>")
@permission_required("ledger.read")
def trial_balance_file(fmt: str) -> ResponseReturnValue:
    """Hand over the trial balance of a month."""
    actor = me()
    known = [row.month for row in months(reading(), actor.org_id)]
    month, fund = _chosen_month(known), request.args.get("fund", "")
    if month is None:
        abort(404)
    rows, totals = _trial(month, fund)
    values = [(row.account, row.name, *row.figures) for row in rows]
    title = _("Trial balance %(month)s", month=month_text(month))
    about = names_of(actor).fund(fund) if fund else str(_("all funds"))
    name = f"trial-balance-{month}" + (f"-{fund}" if fund.isalnum() and fund.isascii() else "")
    return _file(fmt, name, title, _trial_columns(), values, (about,), (_("Total"), "", *totals))


def _file(
    fmt: str,
    name: str,
    title: str,
    columns: Sequence[Column],
    rows: Iterator[Sequence[Value]] | Sequence[Sequence[Value]],
    notes: Sequence[str],
    totals: Sequence[Value] = (),
) -> Response:
    """Return a table as a file: CSV streams, XLSX carries title, notes and totals."""
    disposition = f'attachment; filename="{name}.{fmt}"'
    if fmt == "csv":
        body = stream_with_context(iterate_csv(columns, rows, bom=True))
        kind = "text/csv; charset=utf-8"
        return Response(body, content_type=kind, headers={"Content-Disposition": disposition})
    org = current_org().name
    sheet = Sheet(title, columns, rows, (org, title, *notes), totals)
    data = write_xlsx([sheet], title=title, author=org)
    return Response(data, content_type=_XLSX, headers={"Content-Disposition": disposition})


@dataclass(frozen=True, slots=True)
class AccountPage:
    """One account in a month, line by line.

    Attributes:
        code, name: of the account.
        found: rows with running balances; None while nothing was ever booked.
        is_first, is_last: whether the page begins or ends the month.
    """

    code: str
    name: str
    month: Month | None
    fund: str
    fund_name: str
    found: BookPage | None
    is_first: bool
    months: tuple[Option, ...]
    funds: tuple[Option, ...]
    newer_url: str
    older_url: str
    exports: tuple[tuple[str, str], ...]


def _account_or_404(code: str, names: BookNames) -> str:
    """Return the account's name; there is no page for a code the chart does not have."""
    if reading().scalar(select(Account.id).where(Account.code == code).limit(1)) is None:
        abort(404)
    return names.account(code)


@blueprint.get("/accounts/<code>")
@permission_required("ledger.read")
def account(code: str) -> ResponseReturnValue:
    """Show one account's lines of a month, with the balance after each."""
    actor, args = me(), request.args
    names = names_of(actor)
    name = _account_or_404(code, names)
    known = [row.month for row in months(reading(), actor.org_id)]
    fund = args.get("fund", "")
    month = month_or_none(args.get("month", "")) or last_month(reading(), actor.org_id, code, 999_913, fund)
    month = month or _chosen_month(known)
    cursor = args.get("after", "")
    found = None
    if month is not None:
        found = book_page(reading(), actor.org_id, BookFilter(code, month, fund), names, cursor=cursor)
    files: dict[str, Any] = {"code": code, "month": str(month), "fund": fund or None}
    page = AccountPage(
        code=code,
        name=name,
        month=month,
        fund=fund,
        fund_name=names.fund(fund) if fund else "",
        found=found,
        is_first=not cursor,
        months=month_options(known, str(month) if month else ""),
        funds=fund_options(names, fund),
        newer_url=same_page(after=None) if cursor else "",
        older_url=same_page(after=found.next_cursor) if found and found.next_cursor else "",
        exports=(
            ("CSV", url_for("ledger.account_file", fmt="csv", **files)),
            ("XLSX", url_for("ledger.account_file", fmt="xlsx", **files)),
        ),
    )
    return render("ledger/account.html", page)


@blueprint.get("/accounts/<code>.<any(csv, xlsx):fmt>")
@permission_required("ledger.read")
def account_file(code: str, fmt: str) -> ResponseReturnValue:
    """Hand over one account's lines of a month."""
    actor = me()
    names = names_of(actor)
    name = _account_or_404(code, names)
    month, fund = month_or_none(request.args.get("month", "")), request.args.get("fund", "")
    if month is None:
        abort(404)
    wanted = BookFilter(code, month, fund)
    found = book_page(reading(), actor.org_id, wanted, names, limit=1)
    columns = [
        Column(_("Date"), "date"),
        Column(_("Number")),
        Column(_("Summary")),
        Column(_("Fund / earmark")),
        Column(_("Place of money")),
        Column(_("Debit"), "money"),
        Column(_("Credit"), "money"),
        Column(_("Balance, debit positive"), "money"),
    ]
    rows = _file_rows(reading(), actor.org_id, wanted, names, found.opening_fen)
    title = f"{code} {name} {month_text(month)}"
    about = names.fund(fund) if fund else str(_("all funds"))
    totals = (None, "", _("Turnover and closing balance"), "", "", found.debit_fen, found.credit_fen)
    return _file(fmt, f"account-{code}-{month}", title, columns, rows, (about,), (*totals, found.closing_fen))


def _file_rows(
    session: Session, org_id: int, wanted: BookFilter, names: BookNames, opening_fen: int
) -> Iterator[Sequence[Value]]:
    """Yield an account's lines for a file, the opening balance first."""
    yield (wanted.month.first_on, "", _("Opening balance"), "", "", None, None, opening_fen)
    for row in each_row(session, org_id, wanted, names):
        yield (
            row.voucher_on,
            row.number_text,
            row.summary,
            row.purse,
            row.place,
            row.debit_fen or None,
            row.credit_fen or None,
            row.balance_fen,
        )
