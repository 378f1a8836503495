"""Office pages of receipts: list, issue, one receipt with its acts, batches, exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from charity.db import transact
from charity.documents.receipt import ReceiptDocument
from charity.donations.models import Donation
from charity.donations.publication import RECEIPT_STATES
from charity.donations.rules import CHANNELS
from charity.errors import Problem, Refused
from charity.ids import key_of
from charity.receipts import batches, handing, invoice_queries, queries, service
from charity.receipts.common_routes import (
    blueprint,
    gift_or_404,
    me,
    press,
    reading,
    receipt_or_404,
)
from charity.receipts.composing import Wording, compose
from charity.receipts.forms import (
    LANGUAGES,
    BatchForm,
    GiftForm,
    IssueForm,
    MailForm,
    ReasonForm,
    ReceiptFilterForm,
    WaiveForm,
)
from charity.receipts.rules import ACTS, STATES
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.addresses import same_page
from charity.web.context import today
from charity.web.filters import translated
from charity.web.forms import sentence_of
from charity.web.render import FileColumn, Sentence, exports, problems_of, render, table_rule


@dataclass(frozen=True, slots=True)
class ListPage:
    """The list of receipts."""

    filter: ReceiptFilterForm
    rows: tuple[queries.ReceiptRow, ...]
    states: dict[str, str]
    may_issue: bool
    newest_url: str
    older_url: str


@table_rule(blueprint, "/office/receipts")
@permission_required("donations.read")
def receipts(fmt: str) -> ResponseReturnValue:
    """Show the office which receipts were issued, the newest first."""
    form = ReceiptFilterForm(request.args)
    form.validate()
    wanted = queries.ReceiptFilter(
        form.text.data or "", form.state.data or "", form.from_on.data, form.until_on.data
    )
    actor = me()
    if fmt != "html":
        rows = queries.list_receipts(reading(), actor.org_id, wanted, limit=queries.FILE_ROWS)
        return exports(rows, _receipt_columns(), "receipts", fmt)  # type: ignore[arg-type]
    before = _cursor(request.args.get("before", ""))
    rows = queries.list_receipts(reading(), actor.org_id, wanted, before=before, limit=queries.PAGE_ROWS + 1)
    shown = rows[: queries.PAGE_ROWS]
    has_more = len(rows) > queries.PAGE_ROWS
    page = ListPage(
        filter=form,
        rows=tuple(shown),
        states={code: translated(label) for code, label in STATES.items()},
        may_issue=actor.may("receipts.issue"),
        newest_url=same_page(before=None) if before else "",
        older_url=same_page(before=f"{shown[-1].year}-{shown[-1].sequence}") if has_more else "",
    )
    return render("receipts/receipts.html", page)


def _receipt_columns() -> list[FileColumn]:
    return [
        FileColumn("number", _("Receipt number")),
        FileColumn("state", _("State")),
        FileColumn("issued_on", _("Issued on"), "date"),
        FileColumn("amount_fen", _("Amount"), "money"),
        FileColumn("title", _("Made out to")),
        FileColumn("gift", _("Gift")),
        FileColumn("issued_by_name", _("Issued by")),
        FileColumn("void_reason", _("Reason of voiding")),
    ]


def _cursor(text: str) -> tuple[int, int] | None:
    """Return year and number after which a page begins; None for the first page."""
    year, _dash, sequence = text.partition("-")
    is_whole = key_of(year) is not None and key_of(sequence) is not None
    return (int(year), int(sequence)) if is_whole else None


@dataclass(frozen=True, slots=True)
class IssuePage:
    """What a receipt will say, before a number is used for it.

    Attributes:
        find: the form that asks for a gift; shown alone while none is chosen.
        gift: the gift chosen.
        document: what the receipt would say; None where it cannot be issued.
        problems: why not.
        replaces: number of the voided receipt it stands for; empty for none.
    """

    find: GiftForm
    form: IssueForm
    gift: queries.GiftRow | None
    document: ReceiptDocument | None
    problems: tuple[Sentence, ...]
    replaces: str


@blueprint.route("/office/receipts/new", methods=["GET", "POST"])
@permission_required("receipts.issue")
def new() -> ResponseReturnValue:
    """Let the clerk issue the receipt of one gift after reading what it will say."""
    number = request.args.get("gift", "")
    if not number:
        return render("receipts/new.html", IssuePage(GiftForm(), IssueForm(), None, None, (), ""))
    return _issue_page(gift_or_404(number), None)


@blueprint.route("/office/receipts/<number>/reissue", methods=["GET", "POST"])
@permission_required("receipts.issue")
def reissue(number: str) -> ResponseReturnValue:
    """Let the clerk issue another receipt in place of a voided one."""
    old = receipt_or_404(number)
    return _issue_page(gift_or_404(old.gift), old)


def _issue_page(gift: queries.GiftRow, old: queries.ReceiptPage | None) -> ResponseReturnValue:
    """Show the form that issues a receipt, and issue it."""
    form = IssueForm(language=old.document.language) if old else IssueForm()
    drawn, problems = _drawn(gift, form)
    if drawn and not form.is_submitted():
        form.title.data, form.purpose.data = drawn.donor_title, drawn.purpose
    made: list[str] = []

    def work(session: Session) -> None:
        wording = Wording(form.language.data, form.title.data or "", form.purpose.data or "")
        values: dict[str, Any] = {
            "actor": me(),
            "on": today(),
            "key": form.key.data,
            "press": press(),
            "wording": wording,
        }
        receipt = (
            service.reissue_receipt(session, receipt_id=old.id, **values)
            if old
            else service.issue_receipt(session, donation_id=gift.id, **values)
        )
        made.append(receipt.number)

    if carried_out(form, work):
        message = _("Receipt %(number)s was issued.", number=made[-1])
        return done(message, url_for("receipts.receipt", number=made[-1]))
    page = IssuePage(GiftForm(), form, gift, drawn, problems, old.number if old else "")
    return render("receipts/new.html", page, status_of(form))


def _drawn(gift: queries.GiftRow, form: IssueForm) -> tuple[ReceiptDocument | None, tuple[Sentence, ...]]:
    """Return what the receipt of a gift would say, or why it cannot be issued."""
    session, actor = reading(), me()
    if other := service.valid_receipt(session, actor.org_id, gift.id):
        problem = Problem("receipt_exists", {"gift": gift.gift, "number": other.number})
        return None, (Sentence("", problem.code, sentence_of(problem)),)
    donation = session.get_one(Donation, (actor.org_id, gift.id))
    wording = Wording(form.language.data if form.language.data in dict(LANGUAGES) else "zh_Hans")
    try:
        composed = compose(
            session, actor=actor, donation=donation, wording=wording, on=today(), press=press()
        )
    except Refused as refused:
        return None, tuple(problems_of(refused))
    return composed.document, ()


@dataclass(frozen=True, slots=True)
class OnePage:
    """One receipt with its history and what may be done."""

    receipt: queries.ReceiptPage
    state: str
    acts: dict[str, str]
    invoices: tuple[invoice_queries.InvoiceRow, ...]
    verify_url: str
    may_issue: bool
    may_void: bool


@blueprint.get("/office/receipts/<number>")
@permission_required("donations.read")
def receipt(number: str) -> ResponseReturnValue:
    """Show the office one receipt: what it says, who got it, what became of it."""
    found = receipt_or_404(number)
    actor = me()
    page = OnePage(
        receipt=found,
        state=translated(STATES[found.state]),
        acts={code: translated(label) for code, label in ACTS.items()},
        invoices=tuple(invoice_queries.invoices_of_gift(reading(), actor.org_id, found.donation_id)),
        verify_url=url_for("receipts.verify_code", code=found.verify_code),
        may_issue=actor.may("receipts.issue"),
        may_void=actor.may("receipts.void"),
    )
    return render("receipts/receipt.html", page)


def pdf_response(data: bytes, name: str, media_type: str = "application/pdf") -> Response:
    """Return a file to be saved; never kept by a cache."""
    response = Response(data, content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/office/receipts/<number>/download")
@permission_required("donations.read")
def download(number: str) -> ResponseReturnValue:
    """Hand the receipt over as a file; a POST, because the first one is the original."""
    found = receipt_or_404(number)
    work = partial(handing.copy_of, actor=me(), receipt_id=found.id, press=press())
    try:
        file = transact(work)
    except Refused as refused:
        for sentence in problems_of(refused):
            flash(sentence.text, "bad")
        return redirect(url_for("receipts.receipt", number=number), 303)
    return pdf_response(file.data, file.name)


@dataclass(frozen=True, slots=True)
class ActPage:
    """A page on which one act on a receipt is confirmed."""

    receipt: queries.ReceiptPage
    form: Any


@blueprint.route("/office/receipts/<number>/void", methods=["GET", "POST"])
@permission_required("receipts.void")
def void(number: str) -> ResponseReturnValue:
    """Let the reviewer void a receipt after reading what will happen."""
    found = receipt_or_404(number)
    form = ReasonForm()
    work = partial(service.void_receipt, actor=me(), receipt_id=found.id, reason=form.reason.data or "")
    if carried_out(form, work):
        return done(
            _("Receipt %(number)s is void.", number=number), url_for("receipts.receipt", number=number)
        )
    return render("receipts/void.html", ActPage(found, form), status_of(form))


@blueprint.route("/office/receipts/<number>/mail", methods=["GET", "POST"])
@permission_required("receipts.issue")
def mail(number: str) -> ResponseReturnValue:
    """Let the clerk send a receipt to the donor."""
    found = receipt_or_404(number)
    form = MailForm()
    work = partial(
        handing.mail_receipt, actor=me(), receipt_id=found.id, to=form.to.data or "", press=press()
    )
    if carried_out(form, work):
        message = _("The mail is in the outbox and goes out by itself.")
        return done(message, url_for("receipts.receipt", number=number))
    return render("receipts/mail.html", ActPage(found, form), status_of(form))


@dataclass(frozen=True, slots=True)
class MissingPage:
    """Gifts without a receipt by age, and receipts whose gift has changed since."""

    form: BatchForm
    ages: tuple[queries.AgeFigure, ...]
    rows: tuple[queries.GiftRow, ...]
    changed: tuple[queries.ChangedRow, ...]
    channels: dict[str, str]
    problems: tuple[Sentence, ...]
    may_issue: bool
    first_url: str
    next_url: str


@table_rule(blueprint, "/office/receipts/missing")
@permission_required("donations.read")
def missing(fmt: str) -> ResponseReturnValue:
    """Show the office which gifts still wait for a receipt, the oldest first."""
    if fmt != "html":
        rows = queries.gifts_without_receipt(reading(), me().org_id, today(), limit=queries.FILE_ROWS)
        return exports(rows, _gift_columns(), "gifts-without-receipt", fmt)  # type: ignore[arg-type]
    return _missing_page(BatchForm(), ())


def _gift_columns() -> list[FileColumn]:
    return [
        FileColumn("gift", _("Gift")),
        FileColumn("donor", _("Donor")),
        FileColumn("received_on", _("Received on"), "date"),
        FileColumn("amount_fen", _("Amount"), "money"),
        FileColumn("booked_fen", _("In the books"), "money"),
        FileColumn("age_days", _("Days"), "count"),
    ]


def _missing_page(form: BatchForm, problems: tuple[Sentence, ...]) -> ResponseReturnValue:
    actor, after = me(), _day_cursor(request.args.get("after", ""))
    rows = queries.gifts_without_receipt(
        reading(), actor.org_id, today(), after=after, limit=queries.PAGE_ROWS + 1
    )
    shown = rows[: queries.PAGE_ROWS]
    following = f"{shown[-1].received_on}/{shown[-1].gift}" if len(rows) > queries.PAGE_ROWS else ""
    page = MissingPage(
        form=form,
        ages=tuple(queries.waiting_by_age(reading(), actor.org_id, today())),
        rows=tuple(shown),
        changed=tuple(queries.changed_since(reading(), actor.org_id)),
        channels={code: translated(label) for code, label in CHANNELS.items()},
        problems=problems,
        may_issue=actor.may("receipts.issue"),
        first_url=url_for("receipts.missing") if after else "",
        next_url=url_for("receipts.missing", after=following) if following else "",
    )
    return render("receipts/missing.html", page, 422 if problems else 200)


def _day_cursor(text: str) -> tuple[date, int] | None:
    """Return day and key after which a page begins; the address names the gift by number."""
    day, _slash, number = text.partition("/")
    found = queries.find_gift(reading(), me().org_id, number, today()) if number else None
    return None if found is None or found.received_on.isoformat() != day else (found.received_on, found.id)


@blueprint.post("/office/receipts/missing")
@permission_required("receipts.issue")
def issue_many() -> ResponseReturnValue:
    """Start the job that issues the receipts of the gifts ticked."""
    form = BatchForm()
    numbers = request.form.getlist("gifts")[: queries.PAGE_ROWS]
    gifts = [queries.find_gift(reading(), me().org_id, number, today()) for number in numbers]
    work = partial(
        batches.issue_receipts,
        actor=me(),
        donation_ids=[gift.id for gift in gifts if gift],
        language=form.language.data or "",
        on=today(),
    )
    try:
        job = transact(lambda session: work(session).id)
    except Refused as refused:
        return _missing_page(form, tuple(problems_of(refused)))
    return redirect(url_for("jobs.job", job_id=job), 303)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A gift a batch left out, and why."""

    gift: str
    sentence: str


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch of receipts with its files."""

    batch: queries.BatchPage
    left_out: tuple[LeftOut, ...]
    may_issue: bool


@blueprint.get("/office/receipts/batches/<public_no>")
@permission_required("donations.read")
def batch(public_no: str) -> ResponseReturnValue:
    """Show the office what came of a batch."""
    found = queries.find_batch(reading(), me().org_id, public_no)
    if found is None:
        abort(404)
    left_out = tuple(LeftOut(gift, _why(code, gift)) for gift, code in found.left_out)
    return render("receipts/batch.html", BatchView(found, left_out, me().may("receipts.issue")))


def _why(code: str, gift: str) -> str:
    """Return in short why a gift was left out of a batch."""
    reasons = {
        "receipt_gift_unposted": _("not in the books as income yet"),
        "receipt_exists": _("has a valid receipt"),
        "receipt_text_too_long": _("a text is too long; issue it singly"),
        "character_not_printable": _("a character cannot be printed; issue it singly"),
        "donation_unknown": _("no longer in these books"),
    }
    return str(reasons.get(code) or _("issue it singly to see why"))


@blueprint.get("/office/receipts/batches/<public_no>.<any(pdf, zip):kind>")
@permission_required("receipts.issue")
def batch_file(public_no: str, kind: str) -> ResponseReturnValue:
    """Hand the clerk the file of a batch as it was made."""
    try:
        data = batches.batch_file(reading(), actor=me(), public_no=public_no, kind=kind, press=press())
    except Refused:
        abort(404)
    return pdf_response(data, f"receipts-{public_no}.{kind}", f"application/{kind}")


@dataclass(frozen=True, slots=True)
class WaivePage:
    """A gift about to go without a receipt."""

    gift: queries.GiftRow
    state: str
    form: WaiveForm


@blueprint.route("/office/receipts/waive/<gift>", methods=["GET", "POST"])
@permission_required("receipts.issue")
def waive(gift: str) -> ResponseReturnValue:
    """Let the clerk record why a gift has no receipt."""
    found = gift_or_404(gift)
    form = WaiveForm()
    work = partial(
        service.waive_receipt,
        actor=me(),
        donation_id=found.id,
        kind=form.kind.data or "",
        reason=form.reason.data or "",
    )
    if carried_out(form, work):
        message = _("Gift %(gift)s goes without a receipt; the reason is kept.", gift=found.gift)
        return done(message, url_for("receipts.missing"))
    page = WaivePage(found, translated(RECEIPT_STATES[found.receipt_state]), form)
    return render("receipts/waive.html", page, status_of(form))
