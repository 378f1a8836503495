"""The staff at work: each act through the service that a page would call, as the right person."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

import charity.donations.bookers  # noqa: F401 – registers how files are booked
from charity.db import Actor, begin_write, unit_of_work
from charity.donations.drafts import draft_donations
from charity.imports import booking, staging
from charity.ledger import drafting
from charity.ledger.attachments import store_attachment
from charity.ledger.books import load_books
from charity.ledger.models import Draft
from charity.ledger.posting import BATCH_LIMIT, post_drafts
from charity.ledger.rules import Books, DraftLine, DraftVoucher
from charity.periods import CHINA, Month
from charity.users.models import User
from charity.users.queries import actor_of

T = TypeVar("T")


@dataclass
class Office:
    """One org's staff on one day.

    Attributes:
        session: of the whole seeding.
        org_id: whose books.
        data_dir: the data folder.
        staff: duty (make, review, cash, chief) → login name.
        on: the day it is.
        desk: vouchers to be made, with the number of their paper.
    """

    session: Session
    org_id: int
    data_dir: Path
    staff: Mapping[str, str]
    on: date
    desk: list[tuple[DraftVoucher, str]] = field(default_factory=list)

    def at(self) -> datetime:
        """Return five in the afternoon of the day."""
        return datetime.combine(self.on, time(17), CHINA).astimezone(UTC)

    def actor(self, duty: str) -> Actor:
        """Return a member of staff with the permissions held now."""
        user_id = self.session.scalars(select(User.id).where(User.username == self.staff[duty])).one()
        found = actor_of(self.session, self.org_id, user_id, self.at())
        if found is None:
            raise LookupError(f"{self.staff[duty]} does not work here")
        return found

    def act(self, verb: Callable[..., T], duty: str, **values: Any) -> T:
        """Run one service verb in a transaction of its own."""
        with unit_of_work(self.session) as session:
            return verb(session, actor=self.actor(duty), **values)

    def voucher(
        self, on: date, summary: str, lines: Sequence[DraftLine], *, kind: str = "normal", ref: str = ""
    ) -> None:
        """Lay one voucher on the desk; :meth:`make_vouchers` makes what lies there."""
        self.desk.append((DraftVoucher(on, Month.of(on), summary, tuple(lines), kind=kind), ref))

    def make_vouchers(self) -> None:
        """Make and submit the vouchers on the desk, each with a paper of its own."""
        if not self.desk:
            return
        with unit_of_work(self.session) as session:
            maker, books, made = self.actor("make"), dict[date, Books](), list[int]()
            for draft, ref in self.desk:
                if draft.voucher_on not in books:
                    books[draft.voucher_on] = load_books(session, self.org_id, draft.voucher_on)
                papers = (self._paper(session, maker, draft),) if draft.kind == "normal" else ()
                row = drafting.make_draft(
                    session,
                    actor=maker,
                    draft=replace(draft, attachments=papers),
                    origin=drafting.DraftOrigin(ref=ref),
                    books=books[draft.voucher_on],
                )
                made.append(row.id)
            drafting.submit_drafts(session, actor=maker, draft_ids=made)
        self.desk.clear()

    def _paper(self, session: Session, maker: Actor, draft: DraftVoucher) -> str:
        """Keep a small invented source document and return its hash."""
        data = f"{draft.summary}\n{draft.voucher_on}\n（演示用原始凭证）\n".encode()
        name = f"{draft.summary}.txt"
        return store_attachment(
            session, actor=maker, data=data, name=name, media_type="text/plain", data_dir=self.data_dir
        )

    def read_in(self, data: bytes, name: str, place: str) -> None:
        """Drop a file, accept its verdicts and book it."""
        staged = self.act(
            staging.stage_file,
            "make",
            data=data,
            name=name,
            data_dir=self.data_dir,
            on=self.on,
            place=place,
        )
        booking.book_job(_Now(self), staged.file.id)

    def draft_gifts(self) -> None:
        """Make the vouchers of gifts that a clerk recorded who makes none."""
        while self.act(draft_donations, "make", on=self.on):
            pass

    def _waiting(self, state: str, *conditions: Any) -> list[int]:
        return list(
            self.session.scalars(
                select(Draft.id)
                .where(
                    Draft.org_id == self.org_id,
                    Draft.state == state,
                    Draft.voucher_on <= self.on,
                    *conditions,
                )
                .order_by(Draft.month, Draft.voucher_on, Draft.id)
            )
        )

    def finish_papers(self) -> int:
        """Review, sign and post what lies on the desks; return how many vouchers were posted."""
        self.make_vouchers()
        if ids := self._waiting("draft"):
            self.act(drafting.submit_drafts, "make", draft_ids=ids)
        if ids := self._waiting("submitted"):
            self.act(drafting.review_drafts, "review", draft_ids=ids)
        if ids := self._waiting("reviewed", Draft.has_money):
            self.act(drafting.sign_drafts, "cash", draft_ids=ids)
        ids = sorted(
            [*self._waiting("signed"), *self._waiting("reviewed", ~Draft.has_money)], key=self._date_of
        )
        for start in range(0, len(ids), BATCH_LIMIT):
            self.act(post_drafts, "chief", draft_ids=ids[start : start + BATCH_LIMIT], on=self.on)
        return len(ids)

    def _date_of(self, draft_id: int) -> tuple[date, int]:
        row = self.session.get_one(Draft, (self.org_id, draft_id))
        return row.voucher_on, draft_id

    def key(self, *parts: object) -> str:
        """Return a key that names an act, so that seeding twice makes it once."""
        return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:24]


class _Now:
    """Books a file at once, where a page would start a job."""

    def __init__(self, office: Office) -> None:
        self._office = office

    @property
    def org_id(self) -> int:
        """The org of the file."""
        return self._office.org_id

    def actor(self, _session: Session) -> Actor:
        """Return who books."""
        return self._office.actor("make")

    def transact(
        self,
        work: Callable[[Session], T],
        *,
        done: int | None = None,
        total: int | None = None,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> T:
        """Run one chunk."""
        with unit_of_work(self._office.session) as session:
            return work(session)

    def read(self, work: Callable[[Session], T]) -> T:
        """Run a query."""
        begin_write(self._office.session)
        try:
            return work(self._office.session)
        finally:
            self._office.session.rollback()
