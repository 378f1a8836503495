"""Office pages of promises to give: a register beside the books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from charity.donations import donor_queries, pledges
from charity.donations.common_routes import blueprint, donor_of, me, reading
from charity.donations.forms import PledgeForm, ReasonForm
from charity.donations.service import DonorEntry
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.context import today
from charity.web.render import FileColumn, exports, render, table_rule


@dataclass(frozen=True, slots=True)
class ListPage:
    """The promises; ``late`` are days overdue by number, of open ones not paid in full."""

    rows: tuple[donor_queries.PledgeRow, ...]
    late: dict[str, int]
    may_record: bool


@table_rule(blueprint, "/office/pledges")
@permission_required("donations.read")
def pledge_list(fmt: str) -> ResponseReturnValue:
    """Show the office what was promised, what came of it and what is late."""
    rows = donor_queries.list_pledges(reading(), me().org_id, limit=2000)
    if fmt != "html":
        return exports(rows, _columns(), "pledges", fmt)  # type: ignore[arg-type]
    late = {row.public_no: days for row in rows if (days := _days_late(row, today()))}
    return render("donations/pledge_list.html", ListPage(tuple(rows), late, me().may("donations.record")))


def _days_late(row: donor_queries.PledgeRow, on: date) -> int:
    """Return by how many days an open promise is late; 0 when it is not."""
    if row.state != "open" or not row.left_fen or row.due_on is None:
        return 0
    return max(0, (on - row.due_on).days)


def _columns() -> list[FileColumn]:
    return [
        FileColumn("public_no", _("Promise")),
        FileColumn("donor", _("Donor")),
        FileColumn("amount_fen", _("Promised"), "money"),
        FileColumn("paid_fen", _("Came in so far"), "money"),
        FileColumn("left_fen", _("Still to come"), "money"),
        FileColumn("promised_on", _("Promised on"), "date"),
        FileColumn("due_on", _("To be paid by"), "date"),
        FileColumn("stated_purpose", _("Purpose in the giver's words")),
        FileColumn("agreement_ref", _("Number of the agreement")),
        FileColumn("withdrawn_reason", _("Reason of withdrawal")),
    ]


@dataclass(frozen=True, slots=True)
class NewPage:
    """The form of a promise; ``donor`` is the known donor it is from."""

    form: PledgeForm
    donor: donor_queries.DonorRow | None


@blueprint.route("/office/pledges/new", methods=["GET", "POST"])
@permission_required("donations.record")
def new_pledge() -> ResponseReturnValue:
    """Let the clerk write a promise down; it makes no entry in the books."""
    form = PledgeForm(data={"promised_on": today(), "donor_no": request.args.get("donor", "")})
    donor = donor_of(form.donor_no.data or "")

    def work(session: Session) -> None:
        promise = pledges.PledgeEntry(
            donor=DonorEntry(kind=form.kind.data or "", name=form.name.data or ""),
            donor_id=donor.id if donor else None,
            amount_fen=form.amount.data,
            promised_on=form.promised_on.data,
            due_on=form.due_on.data,
            stated_purpose=form.stated_purpose.data or "",
            agreement_ref=form.agreement_ref.data or "",
        )
        pledges.record_pledge(session, actor=me(), pledge=promise, on=today(), key=form.key.data)

    if carried_out(form, work):
        return done(_("The promise was recorded."), url_for("donations.pledge_list"))
    return render("donations/new_pledge.html", NewPage(form, donor), status_of(form))


@dataclass(frozen=True, slots=True)
class WithdrawPage:
    """A promise about to be withdrawn."""

    pledge: donor_queries.PledgeRow
    form: ReasonForm


@blueprint.route("/office/pledges/<public_no>/withdraw", methods=["GET", "POST"])
@permission_required("donations.record")
def withdraw_pledge(public_no: str) -> ResponseReturnValue:
    """Let the clerk record that nothing more of a promise will come."""
    found = donor_queries.list_pledges(reading(), me().org_id, public_no=public_no)
    if not found:
        abort(404)
    form = ReasonForm()
    work = partial(pledges.withdraw_pledge, actor=me(), pledge_id=found[0].id, reason=form.reason.data or "")
    if carried_out(form, work):
        return done(_("The promise is withdrawn; what came of it stays."), url_for("donations.pledge_list"))
    return render("donations/withdraw_pledge.html", WithdrawPage(found[0], form), status_of(form))
