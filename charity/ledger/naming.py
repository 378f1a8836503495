"""What codes are called, in the reader's language: accounts, funds, places, dimensions.

Imports ``db`` and lower. A posted line and a prepared one are shown by the same view,
whether on a page, on paper or in a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.errors import N_
from charity.ledger.models import (
    Account,
    CashFlowItem,
    Designation,
    DimensionKind,
    DimensionValue,
    Earmark,
    Fund,
    MoneyPlace,
    ProjectTag,
)
from charity.ledger.rules import DraftLine

#: Class of spending → what it is called.
ACTIVITY_CLASS_LABELS: Mapping[str, str] = {
    "direct_aid": N_("direct aid"),
    "project_staff": N_("project staff"),
    "project_running": N_("project running costs"),
    "management": N_("management"),
    "fundraising": N_("fundraising"),
    "other": N_("other expenses"),
}
#: Kind of net-asset change → what it is called.
NET_ASSET_CHANGE_LABELS: Mapping[str, str] = {
    "release": N_("restriction released"),
    "restriction": N_("restriction laid on from outside"),
    "fund_transfer": N_("transfer between funds"),
    "prior_year": N_("prior-year adjustment"),
    "prior_year_close": N_("prior-year adjustment closed"),
    "management_share": N_("management share by agreement"),
}
#: Kind of a voucher → what it is called.
KIND_LABELS: Mapping[str, str] = {
    "normal": N_("ordinary voucher"),
    "opening": N_("opening balances"),
    "closing": N_("closing voucher"),
    "correction": N_("correction"),
}


@dataclass(frozen=True, slots=True)
class LineView:
    """One line as people read it.

    Attributes:
        number: k of n, from 1.
        earmark_name: empty for the fund's charter.
        place_name: where the money lies; empty without money.
        details: (label, value, is the value a message id) of the further dimensions.
    """

    number: int
    summary: str
    account: str
    account_name: str
    fund: str
    fund_name: str
    earmark: str
    earmark_name: str
    place_name: str
    debit_fen: int
    credit_fen: int
    is_retag: bool
    details: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True, slots=True)
class BookNames:
    """code → name of everything a line can name; a code without a name shows as itself.

    Attributes:
        charters: code of each fund → code of its default earmark.
        dimension_kinds: slot (1, 2) → the name the org gave it.
    """

    accounts: Mapping[str, str]
    funds: Mapping[str, str]
    earmarks: Mapping[str, str]
    charters: Mapping[str, str]
    places: Mapping[str, str]
    projects: Mapping[str, str]
    designations: Mapping[str, str]
    cash_flow_items: Mapping[str, str]
    dimension_kinds: Mapping[int, str]
    dimensions: Mapping[tuple[int, str], str]

    def account(self, code: str) -> str:
        """Return an account's name."""
        return self.accounts.get(code, code)

    def fund(self, code: str) -> str:
        """Return a fund's name."""
        return self.funds.get(code, code)

    def earmark(self, fund: str, code: str) -> str:
        """Return an earmark's name; empty for the fund's charter."""
        return "" if code in ("", self.charters.get(fund, fund)) else self.earmarks.get(code, code)

    def purse(self, fund: str, earmark: str) -> str:
        """Return fund and earmark as one text: 医疗救助基金／先心病."""
        narrower = self.earmark(fund, earmark)
        return f"{self.fund(fund)}／{narrower}" if narrower else self.fund(fund)

    def line(self, number: int, value: DraftLine, summary: str = "") -> LineView:
        """Return a line as people read it.

        Args:
            number: k of n.
            value: the line.
            summary: summary of the voucher, for a line without its own.
        """
        return LineView(
            number=number,
            summary=value.summary or summary,
            account=value.account,
            account_name=self.account(value.account),
            fund=value.fund,
            fund_name=self.fund(value.fund),
            earmark=value.earmark,
            earmark_name=self.earmark(value.fund, value.earmark),
            place_name=self.places.get(value.money_place, value.money_place),
            debit_fen=value.debit_fen,
            credit_fen=value.credit_fen,
            is_retag=value.is_retag,
            details=tuple(self._details(value)),
        )

    def _details(self, value: DraftLine) -> Iterable[tuple[str, str, bool]]:
        """Yield what a line says beyond the columns of a voucher."""
        named = (
            (N_("Project"), self.projects.get(value.project, value.project)),
            (N_("Cash-flow item"), self.cash_flow_items.get(value.cash_flow, value.cash_flow)),
            (N_("Designation"), self.designations.get(value.designation, value.designation)),
            (N_("Case code"), value.beneficiary_code),
        )
        yield from ((label, text, False) for label, text in named if text)
        if value.activity_class:
            label = ACTIVITY_CLASS_LABELS.get(value.activity_class, value.activity_class)
            yield N_("Activity class"), label, True
        if value.net_asset_change:
            label = NET_ASSET_CHANGE_LABELS.get(value.net_asset_change, value.net_asset_change)
            yield N_("Net-asset change"), label, True
        if value.quantity_milli is not None:
            yield N_("Quantity"), f"{quantity_text(value.quantity_milli)} {value.unit}".strip(), False
        for slot, code in ((1, value.dimension1), (2, value.dimension2)):
            if code:
                kind = self.dimension_kinds.get(slot) or str(slot)
                yield kind, self.dimensions.get((slot, code), code), False


def quantity_text(quantity_milli: int) -> str:
    """Return thousandths as a plain number: ``1500`` → ``1.5``."""
    sign, whole = ("-" if quantity_milli < 0 else ""), abs(quantity_milli)
    decimals = f"{whole % 1000:03d}".rstrip("0")
    return f"{sign}{whole // 1000}.{decimals}" if decimals else f"{sign}{whole // 1000}"


def load_names(session: Session, org_id: int, *, is_english: bool = False) -> BookNames:
    """Return what the codes of an org's books are called.

    Args:
        session: any session.
        org_id: whose books.
        is_english: English names where there are any.
    """

    def named(model: Any, *, is_shared: bool = False, names: tuple[str, str] = ("name", "name_en")) -> Any:
        plain, english = getattr(model, names[0]), getattr(model, names[1], None)
        columns = [model.code, plain] + ([english] if english is not None else [])
        query = select(*columns)
        query = query if is_shared else query.where(model.org_id == org_id)
        return {row[0]: (is_english and len(row) > 2 and row[2]) or row[1] for row in session.execute(query)}

    earmarks = session.execute(
        select(Fund.code, Earmark.code)
        .join(Earmark, (Earmark.org_id == Fund.org_id) & (Earmark.fund_id == Fund.id))
        .where(Fund.org_id == org_id, Earmark.is_default)
    ).all()
    values = session.execute(
        select(DimensionValue.slot, DimensionValue.code, DimensionValue.name).where(
            DimensionValue.org_id == org_id
        )
    )
    kinds = session.execute(
        select(DimensionKind.slot, DimensionKind.name).where(DimensionKind.org_id == org_id)
    ).all()
    shared = ("name_zh", "name_en")
    return BookNames(
        accounts=named(Account, is_shared=True, names=shared),
        funds=named(Fund),
        earmarks=named(Earmark),
        charters=dict(earmarks),
        places=named(MoneyPlace),
        projects=named(ProjectTag),
        designations=named(Designation),
        cash_flow_items=named(CashFlowItem, is_shared=True, names=shared),
        dimension_kinds=dict(kinds),
        dimensions={(slot, code): name for slot, code, name in values},
    )
