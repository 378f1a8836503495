"""Source documents that arrive after posting: they are added, and none is ever taken away."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, refuse, register
from charity.ledger.models import Attachment
from charity.ledger.reading import read_voucher
from charity.ledger.sealed_models import VoucherAttachment
from charity.oplog.rules import register_acts
from charity.oplog.service import record

PROBLEMS = register(
    {
        "paper_not_chosen": N_("Choose the file to add."),
    }
)
register_acts({"ledger.attach": N_("Added a source document to a posted voucher")})


def may_add_papers(actor: Actor) -> bool:
    """Say whether somebody may add a source document: whoever makes, checks or signs vouchers."""
    return any(actor.may(f"ledger.{step}") for step in ("draft", "review", "sign"))


def add_papers(session: Session, *, actor: Actor, voucher_id: int, papers: Sequence[str]) -> int:
    """Add stored source documents to a posted voucher and return how many are new.

    What the voucher was posted with stays committed to; the count at posting does not change.

    Args:
        actor: needs ``ledger.draft``, ``ledger.review`` or ``ledger.sign``.
        papers: SHA-256 of stored attachments; those the voucher has already change nothing.

    Raises:
        Refused: ``permission_missing``, ``voucher_unknown``, ``paper_not_chosen``,
            ``attachment_unknown``.
    """
    if not may_add_papers(actor):
        raise refuse("permission_missing", permission="ledger.draft")
    voucher = read_voucher(session, actor.org_id, voucher_id)
    if not papers:
        raise refuse("paper_not_chosen", "files")
    fresh = [sha256 for sha256 in dict.fromkeys(papers) if sha256 not in voucher.attachments]
    for sha256 in fresh:
        if session.get(Attachment, (actor.org_id, sha256)) is None:
            raise refuse("attachment_unknown", "files")
    if not fresh:
        return 0
    last = session.scalar(
        select(func.max(VoucherAttachment.position)).where(
            VoucherAttachment.org_id == actor.org_id, VoucherAttachment.voucher_id == voucher_id
        )
    )
    rows = [
        {"org_id": actor.org_id, "voucher_id": voucher_id, "sha256": sha256, "position": position}
        for position, sha256 in enumerate(fresh, start=(last or 0) + 1)
    ]
    session.execute(insert(VoucherAttachment), rows)
    record(
        session,
        actor=actor,
        act="ledger.attach",
        subject_kind="voucher",
        subject_no=f"{voucher.month} {voucher.number_text}",
        count=len(fresh),
    )
    return len(fresh)
