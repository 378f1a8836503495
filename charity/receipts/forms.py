"""Forms of receipts: issue, void, mail, waive, official invoices; public verify and look-up."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import RadioField, SelectField
from wtforms.validators import InputRequired, Optional

from charity.documents.receipt import LIMITS
from charity.errors import N_
from charity.receipts.rules import INVOICE_STATES, STATES
from charity.web.filters import translated
from charity.web.forms import (
    BaseForm,
    DayField,
    IdempotencyField,
    LineField,
    ParagraphField,
    YuanField,
    choices_of,
)

#: Languages of a receipt by their own names.
LANGUAGES = (("zh_Hans", "简体中文"), ("zh_Hant", "繁體中文"), ("en", "English"))

WAIVERS = (
    ("waived", N_("The giver does not want one")),
    ("anonymous", N_("The giver is not known and cannot be reached")),
)


class _Get(BaseForm):
    """A form sent by GET: the filters of a list."""

    class Meta(BaseForm.Meta):
        csrf = False


class ReceiptFilterForm(_Get):
    """What the list of receipts is asked for."""

    text = LineField(_l("Number, gift or donor"), [Optional()], limit=60)
    state = SelectField(_l("State"), [Optional()])
    from_on = DayField(_l("Issued from"), [Optional()])
    until_on = DayField(_l("Issued until"), [Optional()])

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.state.choices = choices_of(
            [("", str(_l("all"))), *((code, translated(label)) for code, label in STATES.items())]
        )


class InvoiceFilterForm(_Get):
    """What the register of official invoices is asked for."""

    text = LineField(_l("Invoice number or gift"), [Optional()], limit=60)
    state = SelectField(_l("State"), [Optional()])

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.state.choices = choices_of(
            [("", str(_l("all"))), *((code, translated(label)) for code, label in INVOICE_STATES.items())]
        )


class GiftForm(_Get):
    """Which gift a receipt or invoice is for."""

    gift = LineField(_l("Number of the gift"), [InputRequired()], limit=20)


class IssueForm(BaseForm):
    """The wording of a receipt about to be issued."""

    language = RadioField(_l("Language of the receipt"), choices=choices_of(LANGUAGES), default="zh_Hans")
    title = LineField(_l("Made out to"), [Optional()], limit=LIMITS["donor_title"])
    purpose = LineField(_l("Purpose in the donor's words"), [Optional()], limit=400)
    key = IdempotencyField()


class BatchForm(BaseForm):
    """The language of receipts issued together; the gifts are ticked in the list."""

    language = SelectField(_l("Language of the receipts"), choices=choices_of(LANGUAGES), default="zh_Hans")


class ReasonForm(BaseForm):
    """Why something is voided."""

    reason = ParagraphField(_l("Reason"), [InputRequired()], limit=400)


class MailForm(BaseForm):
    """Where a receipt is sent."""

    to = LineField(
        _l("Mail address of the donor"),
        [InputRequired()],
        limit=254,
        render_kw={"type": "email", "autocomplete": "off"},
    )


class WaiveForm(BaseForm):
    """Why a gift goes without a receipt."""

    kind = RadioField(_l("Why there is no receipt"), [InputRequired()])
    reason = ParagraphField(_l("How this is known"), [InputRequired()], limit=400)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.kind.choices = choices_of((code, translated(label)) for code, label in WAIVERS)


class InvoiceForm(BaseForm):
    """An official invoice as printed."""

    invoice_code = LineField(_l("Invoice code"), [InputRequired()], limit=12)
    invoice_number = LineField(_l("Invoice number"), [InputRequired()], limit=20)
    check_code = LineField(_l("Check code of the platform"), [InputRequired()], limit=20)
    issued_on = DayField(_l("Issued on"), [InputRequired()])
    amount_fen = YuanField(_l("Amount (yuan)"), [InputRequired()])


class RedInvoiceForm(BaseForm):
    """The red invoice with which the platform took another back."""

    invoice_code = LineField(_l("Invoice code"), [InputRequired()], limit=12)
    invoice_number = LineField(_l("Invoice number"), [InputRequired()], limit=20)
    check_code = LineField(_l("Check code of the platform"), [InputRequired()], limit=20)
    issued_on = DayField(_l("Issued on"), [InputRequired()])


class VerifyForm(_Get):
    """The code of a receipt's QR, typed."""

    code = LineField(_l("Code or address below the QR code"), [InputRequired()], limit=220)


class LookupForm(BaseForm):
    """Number and check code of one's own receipt."""

    number = LineField(
        _l("Receipt number"),
        [InputRequired()],
        limit=40,
        render_kw={"placeholder": "2026-000001", "autocomplete": "off"},
    )
    check_code = LineField(_l("Check code"), [InputRequired()], limit=20, render_kw={"autocomplete": "off"})
