"""Reading posted vouchers back as values: ids become codes again.

Used by corrections, checks, prints and proofs, so that all of them see a posted line in
the same form in which it was judged and committed to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.errors import N_, refuse, register
from charity.ledger.field_texts import header_values, line_values
from charity.ledger.models import (
    Account,
    CashFlowItem,
    Designation,
    DimensionValue,
    Earmark,
    Fund,
    MoneyPlace,
    Party,
    ProjectTag,
)
from charity.ledger.rules import DraftLine, number_text
from charity.ledger.sealed_models import Voucher, VoucherAttachment, VoucherLine
from charity.periods import Month

PROBLEMS = register({"voucher_unknown": N_("There is no such voucher in these books.")})

_VOUCHER = Voucher.__table__
_LINE = VoucherLine.__table__


@dataclass(frozen=True, slots=True)
class Codes:
    """id → code of everything a line can name, whatever its dates."""

    accounts: Mapping[int, str]
    funds: Mapping[int, str]
    earmarks: Mapping[int, str]
    places: Mapping[int, str]
    designations: Mapping[int, str]
    projects: Mapping[int, str]
    cash_flow_items: Mapping[int, str]
    dimensions: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class PostedLine:
    """A posted line: its value, its salt and what was committed to."""

    line_no: int
    value: DraftLine
    party_no: str
    salt: bytes
    commitments: bytes


@dataclass(frozen=True, slots=True)
class PostedRecord:
    """A posted voucher: the header's columns, its lines in order, its attachments at posting."""

    header: Mapping[str, Any]
    lines: tuple[PostedLine, ...]
    attachments: tuple[str, ...]

    @property
    def month(self) -> Month:
        """Return the month of the books."""
        return Month.from_code(self.header["month"])

    @property
    def number_text(self) -> str:
        """Return the number as people say it: ``记-0007``."""
        return number_text(self.header["word"], self.header["number"])

    def _place(self, line_no: int) -> str:
        """Return what ties a line to its place in the books."""
        return f"{self.header['id']}:{line_no}/{self.header['line_count']}"

    def committed_values(self) -> list[list[str]]:
        """Return the texts each line commits to, in the order of lines."""
        header = header_values(self.header)
        attachments = ",".join(self.attachments[: self.header["attachment_count"]])
        on: date = self.header["voucher_on"]
        return [
            line_values(line.value, on, line.party_no, header, attachments, self._place(line.line_no))
            for line in self.lines
        ]


def load_codes(session: Session, org_id: int) -> Codes:
    """Return the codes of an org's dimensions by id."""

    def pairs(model: Any, *, is_shared: bool = False) -> dict[int, str]:
        query = select(model.id, model.code)
        return dict(session.execute(query if is_shared else query.where(model.org_id == org_id)).all())

    return Codes(
        accounts=pairs(Account, is_shared=True),
        funds=pairs(Fund),
        earmarks=pairs(Earmark),
        places=pairs(MoneyPlace),
        designations=pairs(Designation),
        projects=pairs(ProjectTag),
        cash_flow_items=pairs(CashFlowItem, is_shared=True),
        dimensions=pairs(DimensionValue),
    )


def read_vouchers(
    session: Session, org_id: int, ids: Sequence[int], codes: Codes | None = None
) -> list[PostedRecord]:
    """Return posted vouchers in the order asked; those not found are left out.

    Args:
        ids: at most some hundreds.
        codes: from :func:`load_codes`, when the caller has them.
    """
    if not ids:
        return []
    names = codes or load_codes(session, org_id)
    headers = {
        row["id"]: dict(row)
        for row in session.execute(
            select(_VOUCHER).where(_VOUCHER.c.org_id == org_id, _VOUCHER.c.id.in_(ids))
        ).mappings()
    }
    query = (
        select(_LINE)
        .where(_LINE.c.org_id == org_id, _LINE.c.voucher_id.in_(ids))
        .order_by(_LINE.c.voucher_id, _LINE.c.line_no)
    )
    lines = [dict(row) for row in session.execute(query).mappings()]
    parties = _party_numbers(session, org_id, lines)
    attachments: dict[int, list[str]] = {}
    for voucher_id, sha256 in session.execute(
        select(VoucherAttachment.voucher_id, VoucherAttachment.sha256)
        .where(VoucherAttachment.org_id == org_id, VoucherAttachment.voucher_id.in_(ids))
        .order_by(VoucherAttachment.voucher_id, VoucherAttachment.position)
    ):
        attachments.setdefault(voucher_id, []).append(sha256)
    by_voucher: dict[int, list[PostedLine]] = {}
    for row in lines:
        by_voucher.setdefault(row["voucher_id"], []).append(_line(row, names, parties))
    return [
        PostedRecord(headers[i], tuple(by_voucher.get(i, ())), tuple(attachments.get(i, ())))
        for i in ids
        if i in headers
    ]


def read_voucher(session: Session, org_id: int, voucher_id: int) -> PostedRecord:
    """Return one posted voucher.

    Raises:
        Refused: ``voucher_unknown``.
    """
    found = read_vouchers(session, org_id, [voucher_id])
    if not found:
        raise refuse("voucher_unknown")
    return found[0]


def each_voucher(session: Session, org_id: int, *, chunk: int = 200) -> Iterator[PostedRecord]:
    """Yield all posted vouchers of an org by month, word and number."""
    ids = session.scalars(
        select(Voucher.id)
        .where(Voucher.org_id == org_id)
        .order_by(Voucher.month, Voucher.word, Voucher.number)
    ).all()
    codes = load_codes(session, org_id)
    for start in range(0, len(ids), chunk):
        yield from read_vouchers(session, org_id, ids[start : start + chunk], codes)


def _party_numbers(session: Session, org_id: int, lines: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Return the random numbers of the parties that lines name."""
    ids = sorted({row["party_id"] for row in lines if row["party_id"] is not None})
    result: dict[int, str] = {}
    for start in range(0, len(ids), 500):
        result.update(
            session.execute(
                select(Party.id, Party.public_no).where(
                    Party.org_id == org_id, Party.id.in_(ids[start : start + 500])
                )
            ).all()
        )
    return result


def _code(names: Mapping[int, str], key: int | None) -> str:
    """Return a code, empty for none; an id that names nothing shows as itself."""
    return "" if key is None else names.get(key, f"?{key}")


def _line(row: Mapping[str, Any], codes: Codes, parties: Mapping[int, str]) -> PostedLine:
    """Return one stored line as a value."""
    value = DraftLine(
        account=_code(codes.accounts, row["account_id"]),
        debit_fen=row["debit_fen"],
        credit_fen=row["credit_fen"],
        fund=_code(codes.funds, row["fund_id"]),
        earmark=_code(codes.earmarks, row["earmark_id"]),
        summary=row["summary"],
        designation=_code(codes.designations, row["designation_id"]),
        project=_code(codes.projects, row["project_id"]),
        source_kind=row["source_kind"] or "",
        source_id=row["source_id"],
        source_step=row["source_step"],
        money_place=_code(codes.places, row["money_place_id"]),
        place_id=row["place_id"],
        party_id=row["party_id"],
        counterparty_org_id=row["counterparty_org_id"],
        activity_class=row["activity_class"] or "",
        cash_flow=_code(codes.cash_flow_items, row["cash_flow_item_id"]),
        quantity_milli=row["quantity_milli"],
        unit=row["unit"] or "",
        is_retag=bool(row["is_retag"]),
        beneficiary_code=row["beneficiary_code"] or "",
        net_asset_change=row["net_asset_change"] or "",
        dimension1=_code(codes.dimensions, row["dimension1_id"]),
        dimension2=_code(codes.dimensions, row["dimension2_id"]),
    )
    party = parties.get(row["party_id"], f"?{row['party_id']}") if row["party_id"] is not None else ""
    return PostedLine(row["line_no"], value, party, row["salt"], row["commitments"])
