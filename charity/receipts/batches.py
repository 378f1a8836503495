"""Receipts of many gifts at once: a job that issues them one by one, then makes the files.

A gift that cannot have its receipt is left out with the reason; the others are issued. The
originals leave in the batch's files, so a single one downloaded later is a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.documents.bundle import zip_documents
from charity.documents.receipt import ReceiptDocument, render_receipts
from charity.donations.models import Donation
from charity.errors import N_, Refused, refuse, refuse_if
from charity.ids import new_id, new_public_no
from charity.jobs.models import Job
from charity.jobs.service import enqueue, register_handler
from charity.names import clean_line
from charity.oplog.rules import register_acts, register_labels
from charity.oplog.service import record
from charity.places.models import Org
from charity.receipts.composing import Press, Wording, org_url
from charity.receipts.handing import log_print, original_bytes
from charity.receipts.models import Receipt, ReceiptBatch
from charity.receipts.rules import check_batch, check_language
from charity.receipts.service import issue_receipt, need
from charity.receipts.storage import keep_document, read_document

T = TypeVar("T")

register_acts({"receipts.issue_batch": N_("Issued receipts together")})
register_labels({"left": N_("Left out")})

#: Receipts issued in one transaction.
_CHUNK = 20
#: Problems of the person or the server, not of a gift: they end the job.
_GENERAL = frozenset({"permission_missing", "job_owner_gone"})

_press: Callable[[], Press] | None = None


def use_press(load: Callable[[], Press]) -> None:
    """Register how the job learns where issued documents are kept."""
    global _press
    _press = load


class Run(Protocol):
    """What the work needs of whoever runs it."""

    @property
    def org_id(self) -> int:
        """The org of the batch."""

    def actor(self, session: Session) -> Actor:
        """Return who acts, with the permissions held now."""

    def transact(
        self,
        work: Callable[[Session], T],
        *,
        done: int | None = None,
        total: int | None = None,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> T:
        """Run one chunk; its effect and its progress commit together."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a batch is to issue; goes through the job's parameters.

    Attributes:
        batch_id, batch_no: of the batch to come.
        donation_ids: the gifts, in the order of their numbers.
        language: of all of them.
        on: the day of issue.
    """

    batch_id: int
    batch_no: str
    donation_ids: tuple[int, ...]
    language: str
    on: date


def issue_receipts(
    session: Session, *, actor: Actor, donation_ids: Sequence[int], language: str, on: date
) -> Job:
    """Start the job that issues the receipts of several gifts.

    Args:
        actor: needs ``receipts.issue``.
        donation_ids: gifts of the actor's org.
        language: of the fixed words of all.
        on: the day of issue.

    Raises:
        Refused: ``permission_missing``, ``batch_empty``, ``batch_large``,
            ``receipt_language_unknown``.
    """
    need(actor, "receipts.issue")
    ids = list(dict.fromkeys(donation_ids))
    refuse_if([*check_batch(len(ids)), *check_language(language)])
    params = {
        "batch_id": new_id(),
        "batch_no": new_public_no("R"),
        "donation_ids": ids,
        "language": language,
        "on": on.isoformat(),
    }
    return enqueue(session, actor=actor, kind="receipts.issue", params=params, total=len(ids) + 1)


def issue_job(run: Run, order: Order, press: Press) -> dict[str, Any]:
    """Issue the receipts of a batch and make its files; safe to run again after a kill."""
    left_out: list[tuple[str, str]] = []
    ids = order.donation_ids
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]

        def work(session: Session, chunk: Sequence[int] = chunk) -> list[tuple[str, str]]:
            return _issue_chunk(session, run.actor(session), order, chunk, press)

        left_out += run.transact(work, done=start + len(chunk), total=len(ids) + 1)
    issued, root = run.transact(
        lambda session: (
            _finish(session, run.actor(session), order, left_out, press),
            org_url(session.get_one(Org, run.org_id), ""),
        ),
        done=len(ids) + 1,
    )
    return {
        "text": N_("%(issued)s receipts were issued; %(left)s gifts were left out."),
        "params": {"issued": issued, "left": len(left_out)},
        "url": f"{root}/office/receipts/batches/{order.batch_no}",
    }


def _issue_chunk(
    session: Session, actor: Actor, order: Order, ids: Sequence[int], press: Press
) -> list[tuple[str, str]]:
    """Issue some receipts; return the gifts left out, by number, with the problem's code."""
    left_out = []
    for donation_id in ids:
        try:
            with session.begin_nested():
                issue_receipt(
                    session,
                    actor=actor,
                    donation_id=donation_id,
                    on=order.on,
                    key=f"{order.batch_no}/{donation_id}",
                    press=press,
                    wording=Wording(language=order.language),
                    batch_id=order.batch_id,
                )
        except Refused as refused:
            if refused.codes[0] in _GENERAL:
                raise
            gift = session.get(Donation, (actor.org_id, donation_id))
            left_out.append((gift.public_no if gift else "", refused.codes[0]))
    return left_out


def batch_receipts(session: Session, org_id: int, batch_id: int) -> list[Receipt]:
    """Return the receipts issued in a batch, by number."""
    query = select(Receipt).where(Receipt.org_id == org_id, Receipt.batch_id == batch_id)
    return list(session.scalars(query.order_by(Receipt.year, Receipt.sequence)))


def _finish(
    session: Session, actor: Actor, order: Order, left_out: Sequence[tuple[str, str]], press: Press
) -> int:
    """Make the batch's files, log its originals as handed over, write its row."""
    receipts = batch_receipts(session, actor.org_id, order.batch_id)
    if session.get(ReceiptBatch, (actor.org_id, order.batch_id)) is not None:
        return len(receipts)
    pdf = zipped = ""
    if receipts:
        documents = [ReceiptDocument.from_json(receipt.snapshot) for receipt in receipts]
        pdf = keep_document(press.data_dir, render_receipts(documents))
        zipped = keep_document(press.data_dir, zip_documents(_files(receipts, press)))
    for receipt in receipts:
        log_print(session, actor=actor, receipt=receipt, act="batch")
    amount_fen = sum(receipt.amount_fen for receipt in receipts)
    session.add(
        ReceiptBatch(
            org_id=actor.org_id,
            id=order.batch_id,
            public_no=order.batch_no,
            receipt_count=len(receipts),
            amount_fen=amount_fen,
            left_out=[list(pair) for pair in left_out],
            pdf_sha256=pdf,
            zip_sha256=zipped,
            made_by=actor.user_id,
            made_by_name=clean_line(actor.name, 80),
            made_at=actor.at,
        )
    )
    session.flush()
    record(
        session,
        actor=actor,
        act="receipts.issue_batch",
        subject_kind="receipt",
        subject_no=f"{receipts[0].number} – {receipts[-1].number}" if receipts else order.batch_no,
        count=len(receipts),
        left=len(left_out),
        amount_fen=amount_fen,
    )
    return len(receipts)


def _files(receipts: Sequence[Receipt], press: Press) -> Iterator[tuple[str, bytes]]:
    """Yield name and issued bytes of each receipt."""
    for receipt in receipts:
        yield f"{receipt.number}.pdf", original_bytes(receipt, press)


def batch_file(session: Session, *, actor: Actor, public_no: str, kind: str, press: Press) -> bytes:
    """Return a file of a batch as it was made.

    Args:
        actor: needs ``receipts.issue``.
        kind: ``pdf`` or ``zip``.

    Raises:
        Refused: ``permission_missing``, ``batch_unknown``.
    """
    need(actor, "receipts.issue")
    batch = session.scalar(
        select(ReceiptBatch).where(ReceiptBatch.org_id == actor.org_id, ReceiptBatch.public_no == public_no)
    )
    sha256 = "" if batch is None else {"pdf": batch.pdf_sha256, "zip": batch.zip_sha256}[kind]
    data = read_document(press.data_dir, sha256) if sha256 else None
    if data is None:
        raise refuse("batch_unknown")
    return data


def order_of(params: Mapping[str, Any]) -> Order:
    """Return the order a job's parameters hold."""
    return Order(
        batch_id=int(params["batch_id"]),
        batch_no=str(params["batch_no"]),
        donation_ids=tuple(int(key) for key in params["donation_ids"]),
        language=str(params["language"]),
        on=date.fromisoformat(params["on"]),
    )


def _handle(context: Any) -> dict[str, Any]:
    """Run the job ``receipts.issue``."""
    if _press is None:
        raise RuntimeError("receipts.batches.use_press has not been called")
    return issue_job(context, order_of(context.params), _press())


register_handler("receipts.issue", _handle, title=N_("Issuing receipts"), lane="receipts")
