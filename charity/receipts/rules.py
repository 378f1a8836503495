"""What a receipt and an official invoice may be: states, numbers, words. Pure.

Sources: 慈善法 (2023) art. 38; 会计法 (2024) art. 14; 财综〔2024〕1号 art. 5–6, 16.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from charity.errors import N_, Problem, register
from charity.ids import fold_code
from charity.money import format_yuan

PROBLEMS = register(
    {
        "receipt_unknown": N_("There is no such receipt in these books."),
        "receipt_gift_unposted": N_(
            "Gift %(gift)s is not in the books as income; post its voucher first, then issue the receipt."
        ),
        "receipt_exists": N_(
            "Gift %(gift)s has the valid receipt %(number)s; void that one before another is issued."
        ),
        "receipt_void": N_("Receipt %(number)s is void already."),
        "receipt_not_void": N_(
            "Receipt %(number)s is valid; void it first, then issue another in its place."
        ),
        "receipt_replaced": N_("Receipt %(number)s has been replaced by %(later)s already."),
        "receipt_language_unknown": N_("There is no such language of a receipt."),
        "receipt_bytes_missing": N_(
            "The issued file of receipt %(number)s is not in the store; restore it from the backup."
        ),
        "receipt_bytes_changed": N_(
            "The stored file of receipt %(number)s is not the one issued; restore it from the backup."
        ),
        "receipt_gift_has_one": N_(
            "Gift %(gift)s has the valid receipt %(number)s, so it cannot be marked as waived."
        ),
        "receipt_waiver_kind": N_("A gift goes without a receipt because it is anonymous or waived."),
        "receipt_batch_empty": N_("Choose at least one gift."),
        "batch_large": N_("These are %(count)s gifts; a batch takes %(limit)s at the most."),
        "batch_unknown": N_("There is no such batch of receipts in these books."),
        "invoice_code_wrong": N_("The code of an official invoice has 6 to 12 digits, as printed."),
        "invoice_number_wrong": N_("The number of an official invoice has 6 to 20 digits, as printed."),
        "invoice_check_code_wrong": N_("The check code has 4 to 20 letters or digits, as printed."),
        "invoice_future": N_("The invoice is dated %(on)s, which is still to come."),
        "invoice_amount": N_(
            "The amount of an invoice is above zero; one that takes back is registered as red."
        ),
        "invoice_duplicate": N_("Invoice %(invoice)s is registered already, for gift %(gift)s."),
        "invoice_exceeds_gift": N_(
            "The invoices of gift %(gift)s would come to %(total)s yuan, more than its %(amount)s yuan."
        ),
        "invoice_unknown": N_("There is no such invoice in the register."),
        "invoice_not_open": N_("Invoice %(invoice)s is void or red; nothing more can be done with it."),
        "invoice_reddened": N_("Invoice %(invoice)s has been taken back by a red one already."),
        "invoice_red_early": N_("A red invoice is not dated before the one it takes back (%(on)s)."),
    }
)

#: State of a receipt → label.
STATES: Mapping[str, str] = {"issued": N_("valid"), "void": N_("void")}
#: State of an invoice → label.
INVOICE_STATES: Mapping[str, str] = {
    "registered": N_("registered"),
    "void": N_("void"),
    "red": N_("red, takes back"),
}
#: (state, act) → next state of a receipt; what is not here cannot be done.
TRANSITIONS: Mapping[tuple[str, str], str] = {("issued", "void"): "void", ("void", "reissue"): "void"}
#: The same of an invoice; ``red`` registers a second one and leaves the first as it is.
INVOICE_TRANSITIONS: Mapping[tuple[str, str], str] = {
    ("registered", "void"): "void",
    ("registered", "red"): "registered",
}
#: Ways of handing a receipt over → label.
ACTS: Mapping[str, str] = {
    "download": N_("downloaded"),
    "mail": N_("sent by mail"),
    "batch": N_("in the file of a batch"),
}

#: Gifts of one batch at the most.
BATCH_LIMIT = 2000
CHECK_CODE_LENGTH = 10
VERIFY_CODE_LENGTH = 20
#: Wrong codes within an hour from one address, for one receipt and for all: a stranger's
#: guesses keep nobody else from a receipt (domain rule: look-up safety).
TRIES_PER_RECEIPT = 10
TRIES_PER_ADDRESS = 30
TRY_WINDOW_S = 3600

#: What stands on a receipt whose giver named nobody.
NAMELESS = {"zh_Hans": "爱心人士", "zh_Hant": "愛心人士", "en": "A kind-hearted giver (爱心人士)"}

#: How the gift came, in the language of the document.
CHANNEL_TEXTS: Mapping[str, Mapping[str, str]] = {
    "zh_Hans": {
        "bank": "银行转账",
        "wechat": "微信支付",
        "alipay": "支付宝",
        "cash": "现金",
        "other": "其他方式",
    },
    "zh_Hant": {
        "bank": "銀行轉賬",
        "wechat": "微信支付",
        "alipay": "支付寶",
        "cash": "現金",
        "other": "其他方式",
    },
    "en": {
        "bank": "Bank transfer",
        "wechat": "WeChat Pay",
        "alipay": "Alipay",
        "cash": "Cash",
        "other": "Another way",
    },
}

_CODE = re.compile(r"\d{6,12}")
_NUMBER = re.compile(r"\d{6,20}")
_CHECK = re.compile(r"[0-9A-Za-z]{4,20}")
_RECEIPT_NUMBER = re.compile(r"(\d{4})-?(\d{1,9})")


@dataclass(frozen=True, slots=True)
class MailWords:
    """What a mail with a receipt says; the subject names nobody, it is shown in the outbox."""

    subject: str
    body: str


MAIL_WORDS: Mapping[str, MailWords] = {
    "zh_Hans": MailWords(
        "捐赠确认函 {number}",
        "您好：\n\n感谢您的捐赠。捐赠确认函（编号 {number}）随信附上。\n\n"
        "核验地址：{url}\n查询款项去向：{lookup}\n（需要编号和函上的核验码）\n\n"
        "本函不是公益事业捐赠票据，不能用于税前扣除。需要票据的，请凭编号与我们联系。\n\n{org}\n",
    ),
    "zh_Hant": MailWords(
        "捐贈確認函 {number}",
        "您好：\n\n感謝您的捐贈。捐贈確認函（編號 {number}）隨信附上。\n\n"
        "核驗地址：{url}\n查詢款項去向：{lookup}\n（需要編號和函上的核驗碼）\n\n"
        "本函不是公益事業捐贈票據，不能用於稅前扣除。需要票據的，請憑編號與我們聯絡。\n\n{org}\n",
    ),
    "en": MailWords(
        "Donation receipt {number}",
        "Hello,\n\nThank you for your gift. Your receipt (No. {number}) is attached.\n\n"
        "To verify it: {url}\nTo see what became of the money: {lookup}\n"
        "(you need the number and the check code on the receipt)\n\n"
        "This letter is not an official donation invoice (公益事业捐赠票据) and cannot be used for tax "
        "deduction. If you need one, contact us with the number.\n\n{org}\n",
    ),
}


def receipt_number(year: int, sequence: int) -> str:
    """Return the number of a receipt as printed: ``2026-000001``."""
    return f"{year}-{sequence:06d}"


def fold_number(text: str) -> str:
    """Return a receipt number as typed in its stored form; what is none stays folded text."""
    folded = fold_code(text)
    if match := _RECEIPT_NUMBER.fullmatch(folded):
        return receipt_number(int(match[1]), int(match[2]))
    return folded[:40]


def fold_verify_code(text: str) -> str:
    """Return the code of a verify page from the code or the whole address as typed."""
    address = text.strip().partition("?")[0].rstrip("/")
    return fold_code(address.rpartition("/")[2]).replace("-", "")[:VERIFY_CODE_LENGTH]


def check_void(state: str, number: str) -> list[Problem]:
    """Return why a receipt cannot be voided."""
    return [] if (state, "void") in TRANSITIONS else [Problem("receipt_void", {"number": number})]


def check_reissue(state: str, number: str, later: str) -> list[Problem]:
    """Return why no other receipt can be issued in place of one.

    Args:
        later: number of the receipt that stands for it already; empty for none.
    """
    if (state, "reissue") not in TRANSITIONS:
        return [Problem("receipt_not_void", {"number": number})]
    return [Problem("receipt_replaced", {"number": number, "later": later})] if later else []


def check_language(language: str) -> list[Problem]:
    """Return whether a receipt has no words in a language."""
    return [] if language in NAMELESS else [Problem("receipt_language_unknown", where="language")]


def check_batch(count: int) -> list[Problem]:
    """Return what is wrong with the size of a batch."""
    if not count:
        return [Problem("receipt_batch_empty")]
    return [Problem("batch_large", {"count": count, "limit": BATCH_LIMIT})] if count > BATCH_LIMIT else []


def check_invoice(
    code: str, number: str, check_code: str, issued_on: date, amount_fen: int, *, on: date
) -> list[Problem]:
    """Return what is wrong with an official invoice as typed.

    Lengths are wide on purpose: the platform's own have changed before and are kept as text.

    Args:
        code, number, check_code: as printed on it.
        amount_fen: above zero; of a red one what it takes back.
        on: today.

    Source: 财综〔2024〕1号 art. 6.
    """
    problems = []
    if not _CODE.fullmatch(code):
        problems.append(Problem("invoice_code_wrong", where="invoice_code"))
    if not _NUMBER.fullmatch(number):
        problems.append(Problem("invoice_number_wrong", where="invoice_number"))
    if not _CHECK.fullmatch(check_code):
        problems.append(Problem("invoice_check_code_wrong", where="check_code"))
    if issued_on > on:
        problems.append(Problem("invoice_future", {"on": issued_on}, "issued_on"))
    if amount_fen <= 0:
        problems.append(Problem("invoice_amount", where="amount_fen"))
    return problems


def check_invoice_total(gift: str, gift_fen: int, invoiced_fen: int, amount_fen: int) -> list[Problem]:
    """Return whether the invoices of a gift would come to more than the gift, in fen."""
    total_fen = invoiced_fen + amount_fen
    if total_fen <= gift_fen:
        return []
    values = {"gift": gift, "total": format_yuan(total_fen), "amount": format_yuan(gift_fen)}
    return [Problem("invoice_exceeds_gift", values, "amount_fen")]


def check_invoice_act(state: str, act: str, invoice: str, *, is_reddened: bool) -> list[Problem]:
    """Return why an act on an invoice cannot be done.

    Args:
        act: ``void`` or ``red``.
        invoice: its code and number, for people.
        is_reddened: whether a red one has taken it back.
    """
    if (state, act) not in INVOICE_TRANSITIONS:
        return [Problem("invoice_not_open", {"invoice": invoice})]
    return [Problem("invoice_reddened", {"invoice": invoice})] if is_reddened else []
