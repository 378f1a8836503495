"""The list of gifts, as the public sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from charity.db import db
from charity.disclosure import queries
from charity.disclosure.common_routes import Head, blueprint, files_of, head_of, named
from charity.disclosure.queries import GiftFilter, GiftRow, GiftTotals
from charity.disclosure.rules import SMALL
from charity.donations.recording import TOPIC as GIFTS
from charity.errors import N_, Refused
from charity.ledger.spending import PUBLIC_TOPIC as LEDGER
from charity.money import format_yuan
from charity.periods import Month
from charity.web.access import public
from charity.web.cache import cached_by
from charity.web.context import current_org, today
from charity.web.filters import month as month_text
from charity.web.filters import translated
from charity.web.render import FileColumn, exports, render, table_rule

#: Channels of gifts, as the public reads them.
CHANNELS = {
    "bank": N_("Bank transfer"),
    "wechat": N_("WeChat"),
    "alipay": N_("Alipay"),
    "cash": N_("Cash"),
    "other": N_("Other"),
}


@dataclass(frozen=True, slots=True)
class GiftView:
    """One gift as a page or file shows it; ``amount_fen`` is None where it is hidden."""

    public_no: str
    received_on: date
    booked_on: date
    display_name: str
    amount_fen: int | None
    fund_code: str
    fund: str
    earmark: str
    channel: str
    voucher: str


@dataclass(frozen=True, slots=True)
class DonationsPage:
    """Page: ``/disclosure/donations``."""

    head: Head
    rows: tuple[GiftView, ...]
    totals: GiftTotals
    hidden_note: str
    months: tuple[tuple[str, str], ...]
    funds: tuple[tuple[str, str], ...]
    channels: tuple[tuple[str, str], ...]
    month: str
    fund: str
    channel: str
    is_filtered: bool
    older_url: str
    newest_url: str
    files: tuple[tuple[str, str], ...]


def _gift_view(row: GiftRow) -> GiftView:
    return GiftView(
        public_no=row.public_no,
        received_on=row.received_on,
        booked_on=row.booked_on,
        display_name=translated(row.name) if row.is_unnamed else row.name,
        amount_fen=row.amount_fen,
        fund_code=row.fund,
        fund=row.fund_name,
        earmark=row.earmark,
        channel=translated(CHANNELS[row.channel]),
        voucher=row.voucher,
    )


def _gift_filter() -> GiftFilter:
    """Return the filter an address asks for; what cannot be read is left out."""
    try:
        month = Month.parse(request.args["month"]) if request.args.get("month") else None
    except Refused:
        abort(404)
    channel = request.args.get("channel", "")
    if channel and channel not in CHANNELS:
        abort(404)
    return GiftFilter(month, request.args.get("fund", ""), channel, _after(request.args.get("after", "")))


def _after(text: str) -> tuple[int, str, int, int] | None:
    """Return the key of the last row of the page before."""
    if not text:
        return None
    try:
        month, word, number, line_no = text.split(".")
        return int(month), word, int(number), int(line_no)
    except ValueError:
        abort(404)


def _gift_columns() -> tuple[FileColumn, ...]:
    return (
        FileColumn("public_no", _("Number of the gift")),
        FileColumn("received_on", _("Received on"), "date"),
        FileColumn("booked_on", _("Booked on"), "date"),
        FileColumn("display_name", _("Giver, as shown by choice")),
        FileColumn("amount_fen", _("Amount (yuan)"), "money"),
        FileColumn("fund_code", _("Code")),
        FileColumn("fund", _("Fund")),
        FileColumn("earmark", _("Purpose")),
        FileColumn("channel", _("Channel")),
        FileColumn("voucher", _("Voucher")),
    )


@table_rule(blueprint, "/disclosure/donations")
@public
@cached_by(LEDGER, GIFTS)
def donations(fmt: Any) -> ResponseReturnValue:
    """Show every posted gift, by month, fund and channel."""
    session, org_id = db.session(), current_org().id
    wanted = _gift_filter()
    chosen: dict[str, Any] = {
        key: value
        for key, value in (
            ("month", str(wanted.month) if wanted.month else ""),
            ("fund", wanted.fund),
            ("channel", wanted.channel),
        )
        if value
    }
    if fmt != "html":
        rows = queries.gift_rows(session, org_id, wanted, queries.FILE_ROWS)
        return exports([_gift_view(row) for row in rows], _gift_columns(), "donations", fmt)
    found = queries.gift_rows(session, org_id, wanted, queries.PAGE_ROWS + 1)
    shown = found[: queries.PAGE_ROWS]
    totals = queries.gift_totals(session, org_id, wanted, SMALL)
    older = url_for("disclosure.donations", after=shown[-1].key, **chosen) if len(found) > len(shown) else ""
    funds = [(card.code, named(card.name, card.name_en)) for card in queries.public_cards(session, org_id)]
    page = DonationsPage(
        head=head_of(queries.standing(session, org_id, today())),
        rows=tuple(_gift_view(row) for row in shown),
        totals=totals,
        hidden_note=_hidden_note(totals),
        months=tuple((str(m), month_text(m)) for m in queries.gift_months(session, org_id)),
        funds=tuple(pair for pair in funds if pair[0] != "AGENCY"),
        channels=tuple((code, translated(label)) for code, label in CHANNELS.items()),
        month=chosen.get("month", ""),
        fund=wanted.fund,
        channel=wanted.channel,
        is_filtered=bool(chosen),
        older_url=older,
        newest_url=url_for("disclosure.donations", **chosen) if wanted.after else "",
        files=files_of("disclosure.donations", **chosen),
    )
    return render("disclosure/donations.html", page)


def _hidden_note(totals: GiftTotals) -> str:
    """Return the sentence on gifts whose amount is not shown; empty when there are none."""
    if not totals.hidden_count:
        return ""
    if totals.hidden_fen is None:
        text: str = ngettext(
            "%(num)s further gift is not counted here, because its giver does not want the amount shown.",
            "%(num)s further gifts are not counted here, because their givers do not want the amount shown.",
            totals.hidden_count,
        )
        return text
    text = _(
        "%(count)s further gifts of together %(amount)s yuan, whose givers do not want their amount shown.",
        count=totals.hidden_count,
        amount=format_yuan(totals.hidden_fen),
    )
    return text
