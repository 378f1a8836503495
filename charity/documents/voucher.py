"""The accounting voucher on paper (记账凭证): its snapshot and its pages.

Drawn from the snapshot only. One voucher is one sheet of 240 × 140 mm, or half a sheet of
A4 with a binding margin; what does not fit goes on under the same number with a part
number (分号 1/3). Rows left empty are struck out.
Source: 会计基础工作规范 (财政部令第98号) art. 51–52.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Literal

from charity.documents import fonts, snapshot
from charity.errors import refuse_if

Paper = Literal["voucher", "a4"]


@dataclass(frozen=True, slots=True)
class VoucherLineDocument:
    """One line as printed.

    Attributes:
        summary: 摘要.
        account_code: of the ledger account.
        account_name: full name, parents first, e.g. 银行存款—基本户.
        fund_name: the fund the line names.
        earmark_name: narrower purpose; empty for the fund's charter.
        debit_fen: in fen, below zero on a red voucher; 0 for a credit line.
        credit_fen: likewise.
        is_retag: moves the fund tag of cash only (现金重标).
    """

    summary: str
    account_code: str
    account_name: str
    fund_name: str
    earmark_name: str
    debit_fen: int
    credit_fen: int
    is_retag: bool = False


@dataclass(frozen=True, slots=True)
class VoucherDocument:
    """What a voucher says, whole.

    Attributes:
        org_name: the legal entity whose books these are.
        word: 记, 收, 付 or 转; decides the title.
        number: within month and word; 0 while not posted.
        dated_on: date of the voucher.
        lines: at least one, in the order of the books.
        attachment_count: 附件张数.
        is_red: amounts take back.
        maker: 制单. reviewer: 稽核. cashier: 出纳; empty where none is needed.
        poster: 记账. chief_accountant: 会计主管. Empty while not signed.
        month_text: the month of the books where the date does not tell, e.g. 审计调整期.
        is_demo: printed across the page.
    """

    FORMAT: ClassVar[str] = "voucher/1"

    org_name: str
    word: str
    number: int
    dated_on: date
    lines: tuple[VoucherLineDocument, ...]
    attachment_count: int
    is_red: bool = False
    maker: str = ""
    reviewer: str = ""
    cashier: str = ""
    poster: str = ""
    chief_accountant: str = ""
    month_text: str = ""
    is_demo: bool = False

    def to_json(self) -> str:
        """Return the snapshot as canonical JSON."""
        return snapshot.dump(self)

    @classmethod
    def from_json(cls, text: str) -> VoucherDocument:
        """Return the snapshot stored as JSON.

        Raises:
            SnapshotUnreadable: another format, or fields that do not fit.
        """
        return snapshot.load(cls, text)

    @property
    def sha256(self) -> str:
        """Return the hash of the snapshot; its first 16 digits stand on the page."""
        return snapshot.digest(self)

    @property
    def texts(self) -> dict[str, str]:
        """Return every text that is data, by the name of its place."""
        people = (
            "org_name",
            "word",
            "maker",
            "reviewer",
            "cashier",
            "poster",
            "chief_accountant",
            "month_text",
        )
        found = {name: getattr(self, name) for name in people}
        for place, line in enumerate(self.lines):
            for name in ("summary", "account_code", "account_name", "fund_name", "earmark_name"):
                found[f"lines-{place}-{name}"] = getattr(line, name)
        return found


def render_vouchers(documents: Iterable[VoucherDocument], *, paper: Paper = "voucher") -> bytes:
    """Return vouchers as one file, PDF/A-2b, tagged.

    Args:
        documents: at least one snapshot, in the order of the books, of one org.
        paper: ``voucher`` for sheets of 240 × 140 mm, ``a4`` for two on a sheet.

    Raises:
        Refused: ``character_not_printable``.
        ValueError: no document, or one without lines.
    """
    vouchers = list(documents)
    if not vouchers or not all(voucher.lines for voucher in vouchers):
        raise ValueError("a file of vouchers has at least one, and each has a line")
    for voucher in vouchers:
        refuse_if(fonts.check_printable(voucher.texts))
    from charity.documents.voucher_page import draw_vouchers

    return draw_vouchers(vouchers, paper)
