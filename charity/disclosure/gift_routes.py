"""The list of gifts, as the public sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from charity.db import db
from charity.disclosure import gift_queries, queries
from charity.disclosure.common_routes import Head, blueprint, file_about, files_of, head_of, named
from charity.disclosure.gift_queries import GiftFilter, GiftRow, GiftTotals, Remainder
from charity.disclosure.queries import Standing
from charity.donations.recording import TOPIC as GIFTS
from charity.errors import N_, Refused
from charity.ids import fold_code, key_of
from charity.ledger.spending import PUBLIC_TOPIC as LEDGER
from charity.money import format_yuan
from charity.periods import Month
from charity.web.access import public
from charity.web.cache import cached_by
from charity.web.context import current_org, today
from charity.web.filters import month as month_text
from charity.web.filters import translated
from charity.web.render import FileColumn, exports, is_plain_csv, render, table_rule

#: Channels of gifts, as the public reads them.
CHANNELS = {
    "bank": N_("Bank transfer"),
    "wechat": N_("WeChat"),
    "alipay": N_("Alipay"),
    "cash": N_("Cash"),
    "other": N_("Other"),
}
#: What a row is, as the public reads it.
KINDS = {
    "gift": N_("Gift"),
    "refund": N_("refund"),
    "correction": N_("correction of an entry"),
    "by_hand": N_("Not listed singly (entered by hand)"),
}
_FUND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,19}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NUMBER = re.compile(r"[0-9A-Z-]{1,20}")


@dataclass(frozen=True, slots=True)
class GiftView:
    """One gift as a page or file shows it.

    Attributes:
        amount_fen: None where it is hidden.
        kind: key of :data:`KINDS`, in a file for people its word.
        kind_word: what a page writes beside the amount; empty for a gift.
        fund, purpose: in the language of the page; no purpose where the fund's own is all.
        earmark: the same for a file; never empty.
        proof_url: where the proof of its line is.
    """

    public_no: str
    received_on: date | None
    booked_on: date | None
    display_name: str
    amount_fen: int | None
    kind: str
    kind_word: str
    fund_code: str
    fund: str
    purpose: str
    earmark: str
    channel: str
    voucher: str
    line_no: int | None
    proof_url: str


@dataclass(frozen=True, slots=True)
class GiftChoice:
    """What is asked for, as the form shows it again.

    Attributes:
        on: a day, ``YYYY-MM-DD``. The others are values of their fields, too.
    """

    month: str = ""
    fund: str = ""
    channel: str = ""
    on: str = ""
    number: str = ""

    def values(self) -> dict[str, str]:
        """Return the arguments of an address with this filter."""
        pairs = ((name, getattr(self, name)) for name in self.__dataclass_fields__)
        return {name: text for name, text in pairs if text}


@dataclass(frozen=True, slots=True)
class DonationsPage:
    """Page: ``/disclosure/donations``.

    Attributes:
        hidden_note: the sentence on gifts whose amount is not shown; may be empty.
        by_hand_fen: what the filter holds beside the rows; None for nothing.
        months, funds, channels: choices of the form, value and label; an unknown value
            that is asked for is among them.
        clear_url: the list without a filter.
        files: one part of the list each; ``file_rows`` is how many rows fit in one.
    """

    head: Head
    rows: tuple[GiftView, ...]
    totals: GiftTotals
    hidden_note: str
    by_hand_fen: int | None
    months: tuple[tuple[str, str], ...]
    funds: tuple[tuple[str, str], ...]
    channels: tuple[tuple[str, str], ...]
    chosen: GiftChoice
    is_filtered: bool
    has_totals: bool
    clear_url: str
    older_url: str
    newest_url: str
    files: tuple[tuple[str, str], ...]
    file_rows: int


def _gift_view(row: GiftRow) -> GiftView:
    fund, purpose = named(row.fund_name, row.fund_name_en), named(row.earmark, row.earmark_en)
    month, _blank, place = row.voucher.partition(" ")
    word, _dash, number = place.partition("-")
    line = {"month": month, "word": word, "number": int(number), "line": row.line_no}
    return GiftView(
        public_no=row.public_no,
        received_on=row.received_on,
        booked_on=row.booked_on,
        display_name=translated(row.name) if row.is_unnamed else row.name,
        amount_fen=row.amount_fen,
        kind=row.kind,
        kind_word="" if row.kind == "gift" else translated(KINDS[row.kind]),
        fund_code=row.fund,
        fund=fund,
        purpose=purpose if purpose != fund else "",
        earmark=purpose or fund,
        channel=translated(CHANNELS[row.channel]),
        voucher=row.voucher,
        line_no=row.line_no,
        proof_url=url_for("proofs.show", **line, _anchor="answer"),
    )


def _remainder_view(left: Remainder) -> GiftView:
    """Return the row of a file for income that has no gift."""
    fund = named(left.fund_name, left.fund_name_en)
    word = translated(KINDS["by_hand"])
    return GiftView(
        "", None, None, word, left.fen, "by_hand", word, left.fund, fund, "", fund, "", "", None, ""
    )


def _choice() -> GiftChoice:
    """Return what the address asks for, in the form the pages write."""
    texts = {name: request.args.get(name, "").strip() for name in GiftChoice.__dataclass_fields__}
    return GiftChoice(**texts | {"number": fold_code(texts["number"])})


def _gift_filter(chosen: GiftChoice) -> GiftFilter:
    """Return the filter that is meant; what cannot be read is no address of ours."""
    patterns = ((_FUND, chosen.fund), (_DAY, chosen.on), (_NUMBER, chosen.number))
    if not all(pattern.fullmatch(text) for pattern, text in patterns if text):
        abort(404)
    if chosen.channel and chosen.channel not in CHANNELS:
        abort(404)
    try:
        month = Month.parse(chosen.month) if chosen.month else None
        on = date.fromisoformat(chosen.on) if chosen.on else None
    except (Refused, ValueError):
        abort(404)
    after = _after(request.args.get("after", ""))
    return GiftFilter(month, chosen.fund, chosen.channel, on, chosen.number, after)


def _after(text: str) -> tuple[int, str, int, int] | None:
    """Return the key of the last row of the page before."""
    if not text:
        return None
    parts = text.split(".")
    if len(parts) != 4 or len(parts[1]) > 4:
        abort(404)
    month, number, line_no = (key_of(parts[place]) for place in (0, 2, 3))
    if month is None or number is None or line_no is None:
        abort(404)
    return month, parts[1], number, line_no


def _gift_columns() -> tuple[FileColumn, ...]:
    return (
        FileColumn("public_no", _("Number of the gift")),
        FileColumn("received_on", _("Received on"), "date"),
        FileColumn("booked_on", _("Booked on"), "date"),
        FileColumn("display_name", _("Giver, as shown by choice")),
        FileColumn("amount_fen", _("Amount (yuan)"), "money"),
        FileColumn("kind", _("What it is")),
        FileColumn("fund_code", _("Code")),
        FileColumn("fund", _("Fund")),
        FileColumn("earmark", _("Purpose")),
        FileColumn("channel", _("Channel")),
        FileColumn("voucher", _("Voucher")),
        FileColumn("line_no", _("Line"), "count"),
    )


def _file(fmt: Any, chosen: GiftChoice, wanted: GiftFilter, standing: Standing) -> ResponseReturnValue:
    """Return a part of the list as a file; the last part ends with what no row shows."""
    session, org = db.session(), current_org()
    found = gift_queries.gift_rows(session, org.id, wanted, gift_queries.FILE_ROWS + 1)
    rows = found[: gift_queries.FILE_ROWS]
    left = gift_queries.remainders(session, org.id, wanted)
    views = [_gift_view(row) for row in rows]
    values, next_url = chosen.values(), ""
    if len(found) > len(rows):
        plain = {"plain": "1"} if is_plain_csv() else {}
        next_url = url_for("disclosure.donations", fmt=fmt, after=rows[-1].key, **values, **plain)
    else:
        views += [_remainder_view(each) for each in left]
    if fmt == "csv" and not is_plain_csv():
        views = [_in_words(view) for view in views]
    as_of = standing.last_on.isoformat() if standing.last_on else "empty"
    name = "-".join(("gifts", org.code.lower(), *values.values(), as_of))
    totals = gift_queries.gift_totals(session, org.id, wanted)
    about = file_about(standing) | {"filter": values}
    if wanted.has_totals:
        about |= {"shown_fen": totals.shown_fen, "shown_count": totals.shown_count}
        about |= {"hidden_fen": totals.hidden_fen, "hidden_count": totals.hidden_count}
    if wanted.has_remainder:
        about |= {"by_hand_fen": sum(each.fen for each in left)}
    return exports(views, _gift_columns(), name, fmt, about=about, next_url=next_url)


def _in_words(view: GiftView) -> GiftView:
    """Return a row as people read its kind in a file."""
    return replace(view, kind=translated(KINDS[view.kind]))


@table_rule(blueprint, "/disclosure/donations")
@public
@cached_by(LEDGER, GIFTS)
def donations(fmt: Any) -> ResponseReturnValue:
    """Show every posted gift, by month, fund, channel, day or number."""
    session, org_id = db.session(), current_org().id
    chosen = _choice()
    wanted = _gift_filter(chosen)
    standing = queries.standing(session, org_id, today())
    if fmt != "html":
        return _file(fmt, chosen, wanted, standing)
    values = chosen.values()
    found = gift_queries.gift_rows(session, org_id, wanted, gift_queries.PAGE_ROWS + 1)
    shown = found[: gift_queries.PAGE_ROWS]
    totals = gift_queries.gift_totals(session, org_id, wanted)
    left = gift_queries.remainders(session, org_id, wanted)
    older = url_for("disclosure.donations", after=shown[-1].key, **values) if len(found) > len(shown) else ""
    months = [(str(m), month_text(m)) for m in gift_queries.gift_months(session, org_id)]
    cards = queries.public_cards(session, org_id)
    funds = [(card.code, named(card.name, card.name_en)) for card in cards if card.kind != "agency"]
    page = DonationsPage(
        head=head_of(standing),
        rows=tuple(_gift_view(row) for row in shown),
        totals=totals,
        hidden_note=_hidden_note(totals),
        by_hand_fen=sum(each.fen for each in left) if left else None,
        months=_with_asked(months, chosen.month, month_text(wanted.month) if wanted.month else ""),
        funds=_with_asked(funds, chosen.fund, chosen.fund),
        channels=tuple((code, translated(label)) for code, label in CHANNELS.items()),
        chosen=chosen,
        is_filtered=bool(values),
        has_totals=wanted.has_totals,
        clear_url=url_for("disclosure.donations"),
        older_url=older,
        newest_url=url_for("disclosure.donations", **values) if wanted.after else "",
        files=files_of("disclosure.donations", **values),
        file_rows=gift_queries.FILE_ROWS,
    )
    return render("disclosure/donations.html", page)


def _with_asked(pairs: list[tuple[str, str]], asked: str, label: str) -> tuple[tuple[str, str], ...]:
    """Return the choices of a field; a value without rows that is asked for is shown as asked."""
    if asked and asked not in dict(pairs):
        pairs = [(asked, label), *pairs]
    return tuple(pairs)


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
