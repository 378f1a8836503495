"""What the funds can spend, what is set aside, and funds found overdrawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from charity.ledger.common_routes import (
    ID,
    Option,
    blueprint,
    fund_options,
    is_english,
    me,
    names_of,
    reading,
)
from charity.ledger.corrections import cover_incident
from charity.ledger.filter_forms import HoldFilterForm
from charity.ledger.fund_queries import (
    HoldFilter,
    HoldRow,
    IncidentStory,
    PurseRow,
    incident_stories,
    open_holds,
    purse_rows,
    read_hold,
    sum_holds,
)
from charity.ledger.people import signer_names
from charity.ledger.queries import FundCard, fund_cards
from charity.ledger.reason_forms import NoteForm, ReasonForm
from charity.ledger.spending import release_hold
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.addresses import same_page
from charity.web.context import today
from charity.web.render import FileColumn, exports, render


@dataclass(frozen=True, slots=True)
class FundsPage:
    """What the funds can spend.

    Attributes:
        cards: (card, its name in the reader's language), in order.
        purses: the same per earmark.
        incidents: open ones first.
        people: login id → name.
        form: by what an incident was covered.
    """

    cards: tuple[tuple[FundCard, str], ...]
    purses: tuple[PurseRow, ...]
    incidents: tuple[IncidentStory, ...]
    people: Mapping[int, str]
    form: NoteForm


@blueprint.get("/funds")
@permission_required("ledger.read")
def funds() -> ResponseReturnValue:
    """Show what each fund and earmark is made of, and what stands frozen."""
    return _funds_page(NoteForm(formdata=None))


def _funds_page(form: NoteForm, status: int = 200) -> ResponseReturnValue:
    actor = me()
    names = names_of(actor)
    cards = fund_cards(reading(), actor.org_id)
    incidents = incident_stories(reading(), actor.org_id, names)
    ids = [key for i in incidents for key in (i.declared_by, i.seconded_by, i.covered_by)]
    page = FundsPage(
        cards=tuple((card, card.name_en if is_english() and card.name_en else card.name) for card in cards),
        purses=tuple(purse_rows(reading(), actor.org_id, names)),
        incidents=tuple(incidents),
        people=signer_names(reading(), ids),
        form=form,
    )
    return render("ledger/funds.html", page, status)


@blueprint.get("/funds.<any(csv, json):fmt>")
@permission_required("ledger.read")
def funds_file(fmt: str) -> ResponseReturnValue:
    """Hand over what each fund and earmark is made of."""
    actor = me()
    columns = (
        FileColumn("fund", _("Fund")),
        FileColumn("fund_name", _("Name")),
        FileColumn("earmark", _("Earmark")),
        FileColumn("earmark_name", _("Name of the earmark")),
        FileColumn("net_assets_fen", _("Net assets"), "money"),
        FileColumn("spendable_fen", _("Spendable"), "money"),
        FileColumn("held_fen", _("Held"), "money"),
        FileColumn("transit_fen", _("In transit"), "money"),
        FileColumn("goods_fen", _("Goods"), "money"),
        FileColumn("other_fen", _("Other assets"), "money"),
        FileColumn("payables_fen", _("Payables"), "money"),
    )
    rows = purse_rows(reading(), actor.org_id, names_of(actor))
    return exports(rows, columns, "funds", "json" if fmt == "json" else "csv")


@blueprint.post(f"/funds/incidents/<{ID}:incident_id>/cover")
@permission_required("ledger.post")
def cover(incident_id: int) -> ResponseReturnValue:
    """End an incident once the fund is back at zero or above."""
    form = NoteForm()
    note = form.note.data or ""
    if carried_out(form, partial(cover_incident, actor=me(), incident_id=incident_id, note=note)):
        return done(_("The fund is free again."), url_for("ledger.funds"))
    return _funds_page(form, 422)


@dataclass(frozen=True, slots=True)
class HoldsPage:
    """Money set aside and not yet paid.

    Attributes:
        rows: the oldest first.
        count, total_fen: of everything the filter finds.
    """

    filter: HoldFilterForm
    rows: Sequence[HoldRow]
    count: int
    total_fen: int
    newer_url: str
    older_url: str
    funds: tuple[Option, ...]
    is_due_only: bool
    people: Mapping[int, str]


@blueprint.get("/holds")
@permission_required("ledger.read")
def holds() -> ResponseReturnValue:
    """Show what is set aside for payments, and which of it should be asked about."""
    actor, args = me(), request.args
    names = names_of(actor)
    form = HoldFilterForm(formdata=args)
    form.validate()
    wanted = HoldFilter(
        fund=args.get("fund", ""),
        text=form.text.data or "",
        due_on=today() if args.get("due") else None,
    )
    rows, cursor = open_holds(reading(), actor.org_id, wanted, names, today(), cursor=args.get("after", ""))
    count, total = sum_holds(reading(), actor.org_id, wanted)
    page = HoldsPage(
        filter=form,
        rows=rows,
        count=count,
        total_fen=total,
        newer_url=same_page(after=None) if args.get("after") else "",
        older_url=same_page(after=cursor) if cursor else "",
        funds=fund_options(names, args.get("fund", "")),
        is_due_only=bool(args.get("due")),
        people=signer_names(reading(), (row.placed_by for row in rows)),
    )
    return render("ledger/holds.html", page)


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """One hold, before it is given back to its fund."""

    hold: HoldRow
    form: ReasonForm


@blueprint.route(f"/holds/<{ID}:hold_id>/release", methods=["GET", "POST"])
@permission_required("ledger.hold")
def release(hold_id: int) -> ResponseReturnValue:
    """Give money set aside back to its fund, with a reason."""
    actor = me()
    hold = read_hold(reading(), actor.org_id, hold_id, names_of(actor), today())
    if hold is None:
        abort(404)
    form = ReasonForm()
    verb = partial(release_hold, actor=actor, hold_id=hold_id, reason=form.reason.data or "")
    if carried_out(form, verb):
        return done(_("The money is back with its fund."), url_for("ledger.holds"))
    return render("ledger/release.html", ReleasePage(hold, form), status_of(form))
