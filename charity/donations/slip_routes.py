"""Office page of a pile of slips: a grid whose count and sum are held to what was counted before."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from charity.donations.common_routes import blueprint, books_today, me, places_today
from charity.donations.forms import PileForm
from charity.donations.service import DonorEntry
from charity.donations.slips import Pile, Slip, book_slips
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.context import settings, today
from charity.web.filters import money
from charity.web.render import render


@dataclass(frozen=True, slots=True)
class PilePage:
    """The grid of a pile; ``count`` and ``sum_fen`` are what stands in it now."""

    form: PileForm
    count: int
    sum_fen: int


@blueprint.route("/office/gifts/slips", methods=["GET", "POST"])
@permission_required("donations.record")
def slips() -> ResponseReturnValue:
    """Let the clerk enter a pile of slips, all of them or none."""
    form = PileForm(data={"received_on": today()})
    form.offer(books_today())
    form.offer_places(places_today())
    if request.form.get("act") == "more":
        form.add_rows(books_today())
        return render("donations/slips.html", _page(form))
    made: list[tuple[int, int]] = []

    def work(session: Session) -> None:
        batch = book_slips(
            session,
            actor=me(),
            pile=_pile(form),
            slips=_slips(form),
            on=today(),
            key=form.key.data,
            data_dir=settings().data_dir,
        )
        made.append((batch.slip_count, batch.total_fen))

    if carried_out(form, work):
        count, total = made[-1]
        message = _("%(count)s slips, together %(sum)s, were recorded.", count=count, sum=money(total))
        return done(message, url_for("donations.gifts"))
    return render("donations/slips.html", _page(form), status_of(form))


def _pile(form: PileForm) -> Pile:
    return Pile(
        place=form.place.data,
        channel=form.channel.data,
        received_on=form.received_on.data,
        expected_count=form.expected_count.data,
        expected_fen=form.expected_total.data,
    )


def _slips(form: PileForm) -> list[Slip]:
    """Return the rows in which something was typed; a row without an amount counts as nothing."""
    return [
        Slip(
            row=number,
            donor=DonorEntry(kind=line.form.kind.data, name=line.form.name.data or ""),
            amount_fen=line.form.amount.data or 0,
            stated_purpose=line.form.stated_purpose.data or "",
            fund=line.form.fund.data or "",
            reference=line.form.reference.data or "",
            publish_as=line.form.publish_as.data or "",
        )
        for number, line in enumerate(form.slips)
        if not line.form.is_blank
    ]


def _page(form: PileForm) -> PilePage:
    amounts = [slip.amount_fen for slip in _slips(form)]
    return PilePage(form, len(amounts), sum(amounts))
