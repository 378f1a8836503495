"""Office pages of gifts: list, new, one gift with its acts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from charity.db import transact
from charity.donations import donor_queries, publication, queries, refunds, service
from charity.donations.common_routes import (
    ask_who,
    blocked_sentence,
    blueprint,
    books_today,
    carried_out_with,
    chosen_donor,
    donor_or_404,
    gift_or_404,
    has_page,
    kept_papers,
    labels_of,
    me,
    offer_known,
    places_today,
    reading,
    where_they_stand,
)
from charity.donations.drafts import draft_donations
from charity.donations.forms import (
    AllocateForm,
    GiftFilterForm,
    GiftForm,
    PublicationForm,
    RefundForm,
)
from charity.donations.origins import Origin, origins_of
from charity.donations.publication import RECEIPT_STATES
from charity.donations.rules import CHANNELS, DONOR_KINDS, PUBLICATIONS, shown_name
from charity.errors import Problem, Refused
from charity.ledger.draft_queries import AttachmentView, attachment_views
from charity.ledger.models import Draft
from charity.oplog.queries import story
from charity.oplog.routes import LogLine, shown_lines
from charity.periods import parse_date
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.addresses import file_links, same_page
from charity.web.context import today
from charity.web.render import FileColumn, exports, problems_of, render, table_rule


@dataclass(frozen=True, slots=True)
class ListPage:
    """The list of gifts.

    Attributes:
        donor: the donor whose gifts are shown; None for all.
        counts: state → gifts that wait in it, for the line above the list.
    """

    filter: GiftFilterForm
    rows: tuple[queries.GiftRow, ...]
    donor: donor_queries.DonorFacts | None
    states: dict[str, str]
    channels: dict[str, str]
    counts: dict[str, int]
    files: tuple[tuple[str, str], ...]
    may_record: bool
    may_draft: bool
    newest_url: str
    older_url: str


@table_rule(blueprint, "/office/gifts")
@permission_required("donations.read")
def gifts(fmt: str) -> ResponseReturnValue:
    """Show the office the gifts, the newest first, and where each stands."""
    actor, form = me(), GiftFilterForm(request.args)
    form.offer(books_today())
    form.validate()
    number = request.args.get("donor", "")
    donor = donor_or_404(number) if number else None
    wanted = _wanted(form, donor)
    if fmt != "html":
        rows = queries.list_gifts(reading(), actor.org_id, wanted, limit=queries.FILE_ROWS)
        return exports(_file_rows(rows), _columns(), "gifts", fmt)  # type: ignore[arg-type]
    before = queries.read_cursor(request.args.get("before", ""))
    rows = queries.list_gifts(reading(), actor.org_id, wanted, before=before, limit=queries.PAGE_ROWS + 1)
    shown = rows[: queries.PAGE_ROWS]
    page = ListPage(
        filter=form,
        rows=tuple(shown),
        donor=donor,
        states=labels_of(queries.GIFT_STATES.items()),
        channels=labels_of(CHANNELS.items()),
        counts={
            state: queries.count_in_state(reading(), actor.org_id, state)
            for state in ("waiting", "unidentified", "undrafted", "held")
        },
        files=file_links(),
        may_record=actor.may("donations.record"),
        may_draft=actor.may("ledger.draft"),
        newest_url=same_page(before=None) if before else "",
        older_url=same_page(before=shown[-1].cursor) if len(rows) > queries.PAGE_ROWS else "",
    )
    return render("donations/gifts.html", page)


def _wanted(form: GiftFilterForm, donor: donor_queries.DonorFacts | None) -> queries.GiftFilter:
    return queries.GiftFilter(
        text=form.text.data or "",
        least_fen=form.least.data,
        most_fen=form.most.data,
        from_on=form.from_on.data,
        until_on=form.until_on.data,
        fund=form.fund.data or "",
        channel=form.channel.data or "",
        state=form.state.data or "",
        donor_id=donor.row.id if donor else None,
    )


def _file_rows(rows: list[queries.GiftRow]) -> list[queries.GiftRow]:
    """Return rows with words in place of codes."""
    states, channels = labels_of(queries.GIFT_STATES.items()), labels_of(CHANNELS.items())
    return [replace(row, state=states[row.state], channel=channels[row.channel]) for row in rows]


def _columns() -> list[FileColumn]:
    return [
        FileColumn("public_no", _("Gift")),
        FileColumn("received_on", _("Received on"), "date"),
        FileColumn("donor", _("Donor")),
        FileColumn("donor_no", _("Donor number")),
        FileColumn("amount_fen", _("Amount"), "money"),
        FileColumn("funds", _("Fund")),
        FileColumn("channel", _("Channel")),
        FileColumn("reference", _("Reference")),
        FileColumn("stated_purpose", _("Purpose in the giver's words")),
        FileColumn("state", _("State")),
        FileColumn("voucher", _("Voucher")),
    ]


@dataclass(frozen=True, slots=True)
class NewPage:
    """The form of a gift.

    Attributes:
        donor: the known donor it is from; None for one typed.
        asks_who: whether known donors of the same name are offered.
        papers: files kept with the form.
    """

    form: GiftForm
    donor: donor_queries.DonorRow | None
    asks_who: bool
    papers: tuple[AttachmentView, ...]


@blueprint.route("/office/gifts/new", methods=["GET", "POST"])
@permission_required("donations.record")
def new_gift() -> ResponseReturnValue:
    """Let the clerk write one gift down."""
    form = _new_form()
    form.offer(books_today())
    form.offer_places(places_today())
    recorded = queries.gift_of_key(reading(), me().org_id, form.key.data or "")
    if form.is_submitted() and recorded:
        return _recorded(form, recorded)
    papers, problems = kept_papers(form)
    donor = None if form.is_unidentified.data else chosen_donor(form)
    is_open = donor is None and not form.is_unidentified.data and offer_known(form)
    asks = donor is None and len(form.known.choices) > 1
    if request.form.get("act") in ("look", "line"):
        if request.form["act"] == "line":
            form.parts.append_entry()
            form.offer_parts(books_today())
        return render("donations/new_gift.html", NewPage(form, donor, asks, papers))
    made: list[str] = []
    hashes = tuple(paper.sha256 for paper in papers)

    def work(session: Session) -> None:
        entry = _entry(form, donor, hashes)
        gift = service.record_donation(session, actor=me(), gift=entry, on=today(), key=form.key.data)
        made.append(gift.public_no)

    if is_open and form.is_submitted():
        ask_who(form, problems)
    elif carried_out_with(form, problems, work):
        return _recorded(form, made[-1])
    return render("donations/new_gift.html", NewPage(form, donor, asks, papers), status_of(form))


def _new_form() -> GiftForm:
    """Return the form, filled with what the address already says."""
    given = request.args
    values: dict[str, Any] = {"received_on": today()}
    for name in ("channel", "place"):
        if given.get(name):
            values[name] = given[name]
    if "received_on" in given:
        with suppress(Refused):
            values["received_on"] = parse_date(given["received_on"])
    pledges = donor_queries.list_pledges(reading(), me().org_id, public_no=given.get("pledge", "-"))
    if pledges:
        pledge = pledges[0]
        values |= {"pledge_no": pledge.public_no, "donor_no": pledge.donor_no, "amount": pledge.left_fen}
        values["stated_purpose"] = pledge.stated_purpose
    elif given.get("donor"):
        values["donor_no"] = given["donor"]
    return GiftForm(data=values)


def _entry(
    form: GiftForm, donor: donor_queries.DonorRow | None, hashes: tuple[str, ...]
) -> service.GiftEntry:
    """Return the form as a gift typed; a promise goes with it when it is the chosen donor's."""
    found = donor_queries.list_pledges(reading(), me().org_id, public_no=form.pledge_no.data or "-")
    pledge = found[0] if found and donor and found[0].donor_no == donor.public_no else None
    return service.GiftEntry(
        donor=form.entry(),
        donor_id=donor.id if donor else None,
        amount_fen=form.amount.data,
        channel=form.channel.data,
        place=form.place.data,
        received_on=form.received_on.data,
        reference=form.reference.data or "",
        stated_purpose=form.stated_purpose.data or "",
        parts=() if form.is_unidentified.data else form.chosen_parts(),
        publish_as=form.publish_as.data or "",
        shows_amount=form.shows_amount.data,
        pledge_id=pledge.id if pledge else None,
        attachments=hashes,
        is_another=form.is_another.data,
        is_unidentified=form.is_unidentified.data,
    )


def _recorded(form: GiftForm, public_no: str) -> ResponseReturnValue:
    """Lead on to the gift, or to the next one of the same kind."""
    message = _("Gift %(gift)s was recorded.", gift=public_no)
    if request.form.get("act") != "next":
        return done(message, url_for("donations.gift", public_no=public_no))
    day = form.received_on.data
    same = {"channel": form.channel.data, "place": form.place.data, "received_on": day and day.isoformat()}
    return done(message, url_for("donations.new_gift", **{k: v for k, v in same.items() if v}))


@dataclass(frozen=True, slots=True)
class GiftPage:
    """One gift with its history and what may be done.

    Attributes:
        shown_as: the giver's name as the public reads it.
        blocked: why it was held back, as a sentence; empty otherwise.
        origin: what the file it was read from says of the other side; None for a typed one.
        has_receipts: whether receipts can be issued here.
    """

    gift: queries.GiftFacts
    state: str
    channel: str
    kind: str
    shown_as: str
    publication: str
    receipt: str
    blocked: str
    papers: tuple[AttachmentView, ...]
    origin: Origin | None
    may_read_files: bool
    story: tuple[LogLine, ...]
    may_record: bool
    may_draft: bool
    may_issue: bool
    may_read_books: bool


@blueprint.get("/office/gifts/<public_no>")
@permission_required("donations.read")
def gift(public_no: str) -> ResponseReturnValue:
    """Show the office one gift: what is known of it, where it stands, what became of it."""
    found, actor = gift_or_404(public_no), me()
    page = GiftPage(
        gift=found,
        state=labels_of(queries.GIFT_STATES.items())[found.row.state],
        channel=labels_of(CHANNELS.items())[found.row.channel],
        kind=labels_of(DONOR_KINDS.items())[found.donor_kind],
        shown_as=shown_name(found.donor_kind, found.row.donor, found.publish_as),
        publication=labels_of(PUBLICATIONS.items())[found.publish_as],
        receipt=labels_of(RECEIPT_STATES.items())[found.receipt_state],
        blocked=blocked_sentence(found.row.blocked_by),
        papers=attachment_views(reading(), actor.org_id, found.attachments),
        origin=origins_of(reading(), actor.org_id, [found.row.id]).get(found.row.id),
        may_read_files=actor.may("imports.read"),
        story=shown_lines(story(reading(), actor.org_id, "donation", found.row.public_no)),
        may_record=actor.may("donations.record"),
        may_draft=actor.may("ledger.draft"),
        may_issue=actor.may("receipts.issue") and has_page("receipts.new"),
        may_read_books=actor.may("ledger.read"),
    )
    return render("donations/gift.html", page)


@dataclass(frozen=True, slots=True)
class ActPage:
    """A page on which one act on a gift is filled in or confirmed."""

    gift: queries.GiftFacts
    form: Any
    papers: tuple[AttachmentView, ...] = ()


@blueprint.route("/office/gifts/<public_no>/publication", methods=["GET", "POST"])
@permission_required("donations.record")
def show_as(public_no: str) -> ResponseReturnValue:
    """Let the clerk change how the public sees a gift, with a reason."""
    found = gift_or_404(public_no)
    known = {name: getattr(found, name) for name in ("publish_as", "shows_amount", "version")}
    form = PublicationForm(data=known)

    def work(session: Session) -> None:
        publication.set_publication(
            session,
            actor=me(),
            donation_id=found.row.id,
            version=form.version.data,
            publish_as=form.publish_as.data,
            shows_amount=form.shows_amount.data,
            reason=form.reason.data,
        )

    if carried_out(form, work):
        return done(_("The public sees it so from now on."), _url(found))
    return render("donations/show_as.html", ActPage(found, form), status_of(form))


def _url(found: queries.GiftFacts) -> str:
    return url_for("donations.gift", public_no=found.row.public_no)


@blueprint.route("/office/gifts/<public_no>/allocate", methods=["GET", "POST"])
@permission_required("donations.record")
def allocate(public_no: str) -> ResponseReturnValue:
    """Let the clerk say which funds a gift is for."""
    found = gift_or_404(public_no)
    lines = [{"fund": p.fund, "earmark": _narrow(p), "amount": p.amount_fen} for p in found.row.parts]
    form = AllocateForm(data={"parts": lines} if lines else None)
    form.offer(books_today())
    if request.form.get("act") == "line":
        form.parts.append_entry()
        form.offer(books_today())
        return render("donations/allocate.html", ActPage(found, form))
    work = partial(
        service.allocate, actor=me(), donation_ids=[found.row.id], parts=form.chosen_parts(), on=today()
    )
    if carried_out(form, work):
        return done(_("The gift is allocated."), _url(found))
    return render("donations/allocate.html", ActPage(found, form), status_of(form))


def _narrow(part: queries.PartRow) -> str:
    """Return the earmark of a part as the form's list knows it: the charter is empty."""
    return part.earmark if part.earmark_name else ""


@blueprint.route("/office/gifts/<public_no>/refund", methods=["GET", "POST"])
@permission_required("ledger.draft")
def refund(public_no: str) -> ResponseReturnValue:
    """Let the accountant record money given back, after reading what will happen."""
    found = gift_or_404(public_no)
    form = RefundForm(places_today(), today(), data={"refunded_on": today(), "place": found.place_code})
    papers, problems = kept_papers(form)
    said: list[str] = []

    def work(session: Session) -> None:
        key = f"form:{form.key.data}"
        if queries.has_refund(session, me().org_id, key):
            return
        given_back = refunds.NewRefund(
            donation_id=found.row.id,
            amount_fen=form.amount.data,
            on=form.refunded_on.data,
            place=form.place.data,
            reason=form.reason.data,
            event_key=key,
            reference=form.reference.data or "",
            paper=papers[0].sha256 if papers else "",
        )
        result = refunds.record_refund(session, actor=me(), refund=given_back, on=today())
        if isinstance(result, Problem):
            raise Refused(result)
        said.append(where_they_stand([refunds.draft_of(session, me().org_id, result)]))

    if carried_out_with(form, problems, work):
        return done(" ".join([_("The refund is recorded and its voucher drafted."), *said[-1:]]), _url(found))
    return render("donations/refund.html", ActPage(found, form, papers), status_of(form))


@blueprint.post("/office/gifts/<public_no>/draft")
@permission_required("ledger.draft")
def draft_gift(public_no: str) -> ResponseReturnValue:
    """Let the accountant draft the voucher of one gift."""
    found = gift_or_404(public_no)

    def work(session: Session) -> tuple[int, str]:
        return _said(service.draft_gift(session, actor=me(), donation_id=found.row.id, on=today()))

    return _drafted(work, _url(found))


@blueprint.post("/office/gifts/draft-all")
@permission_required("ledger.draft")
def draft_all() -> ResponseReturnValue:
    """Let the accountant draft the vouchers of the gifts that wait, a few hundred at a time."""
    return _drafted(
        lambda session: _said(draft_donations(session, actor=me(), on=today())),
        url_for("donations.gifts", state="undrafted"),
    )


def _said(drafts: Sequence[Draft]) -> tuple[int, str]:
    """Return how many drafts were made, and where they stand."""
    return len(drafts), where_they_stand(drafts)


def _drafted(work: Callable[[Session], tuple[int, str]], url: str) -> ResponseReturnValue:
    """Draft vouchers and say how many, and who acts next."""
    try:
        made, stand = transact(work)
    except Refused as refused:
        for sentence in problems_of(refused):
            flash(sentence.text, "bad")
        return redirect(url, 303)
    if not made:
        flash(_("No voucher could be drafted; the gifts held back say why."), "warn")
        return redirect(url, 303)
    text = ngettext("%(num)s voucher was drafted.", "%(num)s vouchers were drafted.", made)
    return done(f"{text} {stand}", url)
