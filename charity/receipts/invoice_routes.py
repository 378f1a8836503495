"""Office pages of the register of official invoices (公益事业捐赠票据)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from charity.receipts import invoice_queries, invoices, queries
from charity.receipts.common_routes import blueprint, gift_or_404, invoice_or_404, me, reading
from charity.receipts.forms import GiftForm, InvoiceFilterForm, InvoiceForm, ReasonForm, RedInvoiceForm
from charity.receipts.invoices import InvoiceEntry
from charity.receipts.rules import INVOICE_STATES
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.addresses import same_page
from charity.web.context import today
from charity.web.filters import translated
from charity.web.render import FileColumn, exports, render, table_rule


@dataclass(frozen=True, slots=True)
class InvoicesPage:
    """The register of official invoices."""

    filter: InvoiceFilterForm
    rows: tuple[invoice_queries.InvoiceRow, ...]
    states: dict[str, str]
    may_register: bool
    may_void: bool
    newest_url: str
    older_url: str


@table_rule(blueprint, "/office/invoices")
@permission_required("donations.read")
def invoices_list(fmt: str) -> ResponseReturnValue:
    """Show the office which official invoices were registered, the last first."""
    form = InvoiceFilterForm(request.args)
    form.validate()
    wanted: dict[str, Any] = {"text": form.text.data or "", "state": form.state.data or ""}
    actor = me()
    if fmt != "html":
        limit = queries.FILE_ROWS
        rows = invoice_queries.list_invoices(reading(), actor.org_id, **wanted, limit=limit)
        return exports(rows, _columns(), "official-invoices", fmt)  # type: ignore[arg-type]
    before = _cursor(request.args.get("before", ""))
    rows = invoice_queries.list_invoices(
        reading(), actor.org_id, **wanted, before=before, limit=queries.PAGE_ROWS + 1
    )
    shown = rows[: queries.PAGE_ROWS]
    last = f"{shown[-1].invoice_code}-{shown[-1].invoice_number}" if shown else ""
    page = InvoicesPage(
        filter=form,
        rows=tuple(shown),
        states={code: translated(label) for code, label in INVOICE_STATES.items()},
        may_register=actor.may("receipts.issue"),
        may_void=actor.may("receipts.void"),
        newest_url=same_page(before=None) if before else "",
        older_url=same_page(before=last) if len(rows) > queries.PAGE_ROWS else "",
    )
    return render("receipts/invoices_list.html", page)


def _cursor(text: str) -> int | None:
    """Return the key after which a page begins; the address names the invoice by number."""
    code, _dash, number = text.partition("-")
    found = invoice_queries.find_invoice(reading(), me().org_id, code, number) if number else None
    return found.id if found else None


def _columns() -> list[FileColumn]:
    return [
        FileColumn("invoice_code", _("Invoice code")),
        FileColumn("invoice_number", _("Invoice number")),
        FileColumn("check_code", _("Check code of the platform")),
        FileColumn("issued_on", _("Issued on"), "date"),
        FileColumn("amount_fen", _("Amount"), "money"),
        FileColumn("state", _("State")),
        FileColumn("gift", _("Gift")),
        FileColumn("gift_fen", _("Amount of the gift"), "money"),
        FileColumn("red_of", _("Takes back")),
        FileColumn("reddened_by", _("Taken back by")),
        FileColumn("void_reason", _("Reason of voiding")),
    ]


@dataclass(frozen=True, slots=True)
class NewInvoicePage:
    """An official invoice about to be registered for a gift; without one, the gift is asked for."""

    find: GiftForm
    form: InvoiceForm
    gift: queries.GiftRow | None
    invoices: tuple[invoice_queries.InvoiceRow, ...]
    states: dict[str, str]


@blueprint.route("/office/invoices/new", methods=["GET", "POST"])
@permission_required("receipts.issue")
def new_invoice() -> ResponseReturnValue:
    """Let the clerk register what the finance bureau's platform issued for a gift."""
    number = request.args.get("gift", "")
    if not number:
        return render("receipts/new_invoice.html", NewInvoicePage(GiftForm(), InvoiceForm(), None, (), {}))
    gift = gift_or_404(number)
    form: Any = InvoiceForm()
    if not form.is_submitted():
        form.amount_fen.data, form.issued_on.data = gift.amount_fen, today()

    def work(session: Any) -> None:
        entry = InvoiceEntry(
            form.invoice_code.data,
            form.invoice_number.data,
            form.check_code.data,
            form.issued_on.data,
            form.amount_fen.data,
        )
        invoices.register_invoice(session, actor=me(), donation_id=gift.id, entry=entry, on=today())

    if carried_out(form, work):
        return done(_("The official invoice was registered."), url_for("receipts.invoices_list"))
    page = NewInvoicePage(
        GiftForm(),
        form,
        gift,
        tuple(invoice_queries.invoices_of_gift(reading(), me().org_id, gift.id)),
        {code: translated(label) for code, label in INVOICE_STATES.items()},
    )
    return render("receipts/new_invoice.html", page, status_of(form))


@dataclass(frozen=True, slots=True)
class InvoiceActPage:
    """A page on which an official invoice is recorded as void, or taken back in red."""

    invoice: invoice_queries.InvoiceRow
    form: Any


@blueprint.route("/office/invoices/<code>/<number>/void", methods=["GET", "POST"])
@permission_required("receipts.void")
def void_invoice(code: str, number: str) -> ResponseReturnValue:
    """Let the reviewer record that the platform voided an invoice."""
    found = invoice_or_404(code, number)
    form = ReasonForm()
    work = partial(invoices.void_invoice, actor=me(), invoice_id=found.id, reason=form.reason.data or "")
    if carried_out(form, work):
        return done(_("The official invoice is recorded as void."), url_for("receipts.invoices_list"))
    return render("receipts/void_invoice.html", InvoiceActPage(found, form), status_of(form))


@blueprint.route("/office/invoices/<code>/<number>/red", methods=["GET", "POST"])
@permission_required("receipts.void")
def red_invoice(code: str, number: str) -> ResponseReturnValue:
    """Let the reviewer register the red invoice that takes another back."""
    found = invoice_or_404(code, number)
    form: Any = RedInvoiceForm()

    def work(session: Any) -> None:
        entry = InvoiceEntry(
            form.invoice_code.data,
            form.invoice_number.data,
            form.check_code.data,
            form.issued_on.data,
            found.amount_fen,
        )
        invoices.red_invoice(session, actor=me(), invoice_id=found.id, entry=entry, on=today())

    if carried_out(form, work):
        return done(_("The red invoice was registered."), url_for("receipts.invoices_list"))
    return render("receipts/red_invoice.html", InvoiceActPage(found, form), status_of(form))
