"""Where a gift came from: the row of the file it was read from, and the papers that prove it.

Imports ``db`` and lower, the imports engine, the ledger and this feature; reads only. What
a file says of the other side is kept sealed with its row; pages show an account's end only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from charity.donations.identifiers import plain
from charity.donations.models import Donation, SlipBatch
from charity.imports.models import ImportFile, ImportRow
from charity.imports.stored_rows import row_value
from charity.names import mask_account


@dataclass(frozen=True, slots=True)
class Origin:
    """What the file says of the other side of a gift.

    Attributes:
        name: as the bank or platform writes it; may be empty.
        account: masked; may be empty.
        bank: of the other side.
        words: summary, purpose and remark, each once.
        file_no, file_name, row_no: where it stands.
    """

    name: str
    account: str
    bank: str
    words: str
    file_no: str
    file_name: str
    row_no: int


def origins_of(session: Session, org_id: int, gift_ids: Sequence[int]) -> dict[int, Origin]:
    """Return gift → the row it was read from; gifts that were typed are left out."""
    found: dict[int, Origin] = {}
    for start in range(0, len(gift_ids), 500):
        rows = session.execute(
            select(Donation.id, ImportFile.public_no, ImportFile.name, ImportRow.row_no, ImportRow.content)
            .join(
                ImportRow,
                and_(
                    ImportRow.org_id == Donation.org_id,
                    ImportRow.file_id == Donation.source_id,
                    ImportRow.row_no == Donation.row_no,
                ),
            )
            .join(ImportFile, and_(ImportFile.org_id == ImportRow.org_id, ImportFile.id == ImportRow.file_id))
            .where(Donation.org_id == org_id, Donation.id.in_(gift_ids[start : start + 500]))
        )
        for gift_id, file_no, file_name, row_no, content in rows:
            row = row_value(content)
            said = dict.fromkeys(text.strip() for text in (row.summary, row.purpose, row.remark))
            account = plain(row.counterparty_account)
            found[gift_id] = Origin(
                name=row.counterparty_name,
                account=mask_account(account) if account else "",
                bank=row.counterparty_bank,
                words=" ".join(text for text in said if text),
                file_no=file_no,
                file_name=file_name,
                row_no=row_no,
            )
    return found


def papers_of_source(session: Session, org_id: int, source_id: int | None) -> tuple[str, ...]:
    """Return the source document a gift was read from: its file or its list of slips."""
    if source_id is None:
        return ()
    source = session.get(ImportFile, (org_id, source_id)) or session.get(SlipBatch, (org_id, source_id))
    return (source.sha256,) if source is not None else ()


def papers_of_gift(session: Session, donation: Donation) -> tuple[str, ...]:
    """Return every paper that proves a gift came in: its own, and what it was read from."""
    read_from = papers_of_source(session, donation.org_id, donation.source_id)
    return tuple(dict.fromkeys([*donation.attachments, *read_from]))
