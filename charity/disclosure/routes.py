"""The public pages: what there was, came in, went out and is left; funds; gifts."""

from __future__ import annotations

from dataclasses import dataclass

from flask import abort, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from charity.db import db
from charity.disclosure import contact_routes, gift_queries, gift_routes, queries  # noqa: F401 – pages
from charity.disclosure.common_routes import Head, blueprint, file_about, files_of, head_of, named
from charity.disclosure.gift_queries import GiftFilter
from charity.disclosure.queries import KindFigure, Movement, Standing
from charity.donations.fund_periods import fund_periods, year_span
from charity.donations.recording import TOPIC as GIFTS
from charity.errors import N_
from charity.ledger.models import Fund
from charity.ledger.queries import FundCard
from charity.ledger.spending import PUBLIC_TOPIC as LEDGER
from charity.web import navigation
from charity.web.access import public
from charity.web.cache import cached_by
from charity.web.charts import Chart, Point, bar_chart, share_bar, waterfall
from charity.web.context import current_org, today
from charity.web.filters import day_long, months
from charity.web.locale import language
from charity.web.render import FileColumn, exports, render, table_rule

navigation.register("public", "disclosure.home", N_("Front page"), None, order=10, group="")
navigation.register("public", "disclosure.funds", N_("Funds"), None, order=20, group="")
navigation.register("public", "disclosure.donations", N_("Gifts"), None, order=30, group="")


@dataclass(frozen=True, slots=True)
class FundView:
    """One fund on a page: its movement of the year and what it is made of."""

    code: str
    name: str
    purpose: str
    url: str
    movement: Movement
    card: FundCard


@dataclass(frozen=True, slots=True)
class HomePage:
    """Page: ``/``."""

    head: Head
    total: Movement
    funds: tuple[FundView, ...]
    where_now: Chart | None
    agency_fen: int
    urls: dict[str, str]
    files: tuple[tuple[str, str], ...]


def _total(rows: list[Movement]) -> Movement:
    """Return the movement over all funds; moves between funds meet and vanish."""
    return Movement(
        "",
        _("All funds"),
        "All funds",
        "",
        sum(row.opening_fen for row in rows),
        sum(row.in_fen for row in rows),
        sum(row.out_fen for row in rows),
        sum(row.moved_fen for row in rows),
    )


def _fund_views(standing: Standing) -> tuple[tuple[FundView, ...], list[Movement], int]:
    """Return the funds with movement and make-up, and what agency money is held."""
    session, org_id = db.session(), current_org().id
    rows = queries.movements(session, org_id, *year_span(standing.year))
    cards = {card.code: card for card in queries.public_cards(session, org_id)}
    moved = {row.code: row for row in rows}
    views = []
    for code, card in cards.items():
        if card.kind == "agency":
            continue
        movement = moved.get(code) or Movement(code, card.name, card.name_en, card.kind, 0, 0, 0, 0)
        views.append(
            FundView(
                code=code,
                name=named(card.name, card.name_en),
                purpose=named(card.purpose, card.purpose_en),
                url=url_for("disclosure.fund", code=code),
                movement=movement,
                card=card,
            )
        )
    agency = sum(card.net_assets_fen for card in cards.values() if card.kind == "agency")
    return tuple(views), rows, agency


def _where_now(views: tuple[FundView, ...]) -> Chart | None:
    """Return what the net assets are made of as one 100 % bar, or None where it cannot be drawn."""
    parts = (
        (_("Can still be spent"), sum(v.card.spendable_fen for v in views), "left"),
        (_("Approved, not paid yet"), sum(v.card.held_fen for v in views), "moved"),
        (_("The bank is paying it out"), sum(v.card.in_transit_fen for v in views), "out"),
        (_("Goods in store"), sum(v.card.goods_fen for v in views), "in"),
        (_("Other assets"), sum(v.card.other_fen for v in views), ""),
    )
    if any(fen < 0 for _label, fen, _tone in parts) or not any(fen for _label, fen, _tone in parts):
        return None
    whole = sum(fen for _label, fen, _tone in parts)
    share = parts[0][1] * 100 // whole
    title = _("Of every 100 yuan left, %(share)s can still be spent", share=share)
    return share_bar(title, [Point(label, fen, tone) for label, fen, tone in parts if fen])


@blueprint.get("/")
@public
@cached_by(LEDGER, GIFTS)
def home() -> ResponseReturnValue:
    """Answer the first three questions: how much came in, where it went, what is left."""
    standing = queries.standing(db.session(), current_org().id, today())
    views, rows, agency = _fund_views(standing)
    urls = {
        "gifts": url_for("disclosure.donations"),
        "funds": url_for("disclosure.funds"),
        "lookup": url_for("receipts.lookup"),
        "verify": url_for("receipts.verify"),
        "proofs": url_for("proofs.show"),
    }
    page = HomePage(
        head_of(standing), _total(rows), views, _where_now(views), agency, urls, files_of("disclosure.funds")
    )
    return render("disclosure/home.html", page)


@dataclass(frozen=True, slots=True)
class FundsPage:
    """Page: ``/disclosure/funds``."""

    head: Head
    funds: tuple[FundView, ...]
    total: Movement
    spendable_fen: int
    files: tuple[tuple[str, str], ...]
    balances: Chart | None


@dataclass(frozen=True, slots=True)
class FundFileRow:
    """One fund in a file."""

    code: str
    name: str
    opening_fen: int
    in_fen: int
    out_fen: int
    moved_fen: int
    closing_fen: int
    spendable_fen: int
    held_fen: int
    in_transit_fen: int
    goods_fen: int
    other_fen: int
    payables_fen: int
    as_of: str


def _fund_columns() -> tuple[FileColumn, ...]:
    return (
        FileColumn("code", _("Code")),
        FileColumn("name", _("Fund")),
        FileColumn("opening_fen", _("At the start"), "money"),
        FileColumn("in_fen", _("Came in"), "money"),
        FileColumn("out_fen", _("Went out"), "money"),
        FileColumn("moved_fen", _("Moved between funds and adjusted"), "money"),
        FileColumn("closing_fen", _("Left"), "money"),
        FileColumn("spendable_fen", _("Can still be spent"), "money"),
        FileColumn("held_fen", _("Approved, not paid yet"), "money"),
        FileColumn("in_transit_fen", _("The bank is paying it out"), "money"),
        FileColumn("goods_fen", _("Goods in store"), "money"),
        FileColumn("other_fen", _("Other assets"), "money"),
        FileColumn("payables_fen", _("To be paid"), "money"),
        FileColumn("as_of", _("As of")),
    )


@table_rule(blueprint, "/disclosure/funds")
@public
@cached_by(LEDGER)
def funds(fmt: str) -> ResponseReturnValue:
    """Show every fund: what it is for, its year, what can still be spent."""
    standing = queries.standing(db.session(), current_org().id, today())
    views, rows, _agency = _fund_views(standing)
    if fmt != "html":
        as_of = standing.last_on.isoformat() if standing.last_on else ""
        return exports(
            [_fund_file_row(view, as_of) for view in views],
            _fund_columns(),
            "funds",
            fmt,
            about=file_about(standing),
        )
    points = [Point(v.name, v.movement.closing_fen, v.code, v.url) for v in views]
    chart = bar_chart(_("What each fund has left"), points) if any(p.fen for p in points) else None
    spendable_fen = sum(view.card.spendable_fen for view in views)
    page = FundsPage(
        head_of(standing), views, _total(rows), spendable_fen, files_of("disclosure.funds"), chart
    )
    return render("disclosure/funds.html", page)


def _fund_file_row(view: FundView, as_of: str) -> FundFileRow:
    move, card = view.movement, view.card
    return FundFileRow(
        view.code,
        view.name,
        move.opening_fen,
        move.in_fen,
        move.out_fen,
        move.moved_fen,
        move.closing_fen,
        card.spendable_fen,
        card.held_fen,
        card.in_transit_fen,
        card.goods_fen,
        card.other_fen,
        card.payables_fen,
        as_of,
    )


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """One period of a fund, in words and fen."""

    period: str
    in_fen: int
    out_fen: int
    moved_fen: int
    left_fen: int


@dataclass(frozen=True, slots=True)
class FundPage:
    """Page: ``/disclosure/funds/<code>``."""

    head: Head
    fund: FundView
    document_ref: str
    since: str
    periods: tuple[PeriodRow, ...]
    income: tuple[KindFigure, ...]
    expense: tuple[KindFigure, ...]
    by_hand_fen: int | None
    year_chart: Chart | None
    files: tuple[tuple[str, str], ...]
    gifts_url: str
    is_english: bool


def _period_rows(fund: Fund, standing: Standing, opening_fen: int) -> tuple[PeriodRow, ...]:
    """Return a fund's periods with what was left after each."""
    left, rows = opening_fen, []
    for figure in fund_periods(db.session(), current_org().id, fund.id, standing.year):
        left += figure.in_fen - figure.out_fen + figure.moved_fen
        period = months(figure.first, figure.last)
        rows.append(PeriodRow(period, figure.in_fen, figure.out_fen, figure.moved_fen, left))
    return tuple(rows)


@table_rule(blueprint, "/disclosure/funds/<code>")
@public
@cached_by(LEDGER, GIFTS)
def fund(code: str, fmt: str) -> ResponseReturnValue:
    """Show one fund: rules, year by period, how its sums are computed."""
    session, org_id = db.session(), current_org().id
    record = queries.find_fund(session, org_id, code)
    if record is None or record.kind == "agency":
        abort(404)
    standing = queries.standing(session, org_id, today())
    views, _rows, _agency = _fund_views(standing)
    view = next(v for v in views if v.code == code)
    periods = _period_rows(record, standing, view.movement.opening_fen)
    if fmt != "html":
        columns = (
            FileColumn("period", _("Period")),
            FileColumn("in_fen", _("Came in"), "money"),
            FileColumn("out_fen", _("Went out"), "money"),
            FileColumn("moved_fen", _("Moved between funds and adjusted"), "money"),
            FileColumn("left_fen", _("Left"), "money"),
        )
        return exports(periods, columns, f"fund-{code.lower()}", fmt, about=file_about(standing))
    by_hand = gift_queries.remainders(session, org_id, GiftFilter(fund=code), standing.year)
    page = FundPage(
        head=head_of(standing),
        fund=view,
        document_ref=record.document_ref,
        since=day_long(record.opened_on),
        periods=periods,
        income=tuple(queries.fund_accounts(session, org_id, record.id, standing.year, "income")),
        expense=tuple(queries.fund_accounts(session, org_id, record.id, standing.year, "expense")),
        by_hand_fen=by_hand[0].fen if by_hand else None,
        year_chart=_year_chart(view.movement),
        files=files_of("disclosure.fund", code=code),
        gifts_url=url_for("disclosure.donations", fund=code),
        is_english=language() == "en",
    )
    return render("disclosure/fund.html", page)


def _year_chart(move: Movement) -> Chart | None:
    """Return the fund's year as a waterfall."""
    points = [
        Point(_("At the start"), move.opening_fen, "left"),
        Point(_("Came in"), move.in_fen, "in"),
        Point(_("Went out"), -move.out_fen, "out"),
        Point(_("Moved between funds and adjusted"), move.moved_fen, "moved"),
        Point(_("Left"), move.closing_fen, "left"),
    ]
    if not any(point.fen for point in points):
        return None
    return waterfall(_("How the year went from the start to what is left"), points)
