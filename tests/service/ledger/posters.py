"""A posting desk with real logins, and its poster: releases, workers, acts between two chunks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.jobs import service as jobs
from charity.jobs.models import Job
from charity.jobs.worker import Worker
from charity.ledger import batches
from charity.ledger.batches import Progress
from charity.ledger.checks import run_checks
from charity.ledger.models import Draft, Period, VoucherCounter
from charity.ledger.sealed_models import Voucher
from charity.users import queries
from charity.users import service as users
from tests.books import Ledger, read_journal
from tests.builders import make_actor, make_user

if TYPE_CHECKING:
    from tests.conftest import Clock

TODAY = date(2026, 12, 31)
ROLES = {
    "maker": "accountant",
    "reviewer": "reviewer",
    "cashier": "cashier",
    "chief": "chief_accountant",
}


@dataclass
class Desk:
    """Books whose staff are logins, and the poster's worker."""

    ledger: Ledger
    clock: Clock

    @property
    def session(self) -> Session:
        """The session of the test."""
        return self.ledger.session

    def login(self, role: str) -> Actor:
        """Return a member of staff with the permissions that the login holds now."""
        found = queries.actor_of(self.session, self.ledger.org_id, self.ledger.ids[role], self.clock.instant)
        assert found is not None
        return found

    def take_role(self, session: Session, role: str) -> None:
        """Take somebody's role away."""
        users.revoke_role(
            session,
            actor=make_actor(self.ledger.org_id),
            username=ROLES[role].replace("_", "."),
            role=ROLES[role],
            reason="调岗",
            on=TODAY,
        )

    def gifts(self, count: int, day: int = 5, month: int = 3) -> list[int]:
        """Return signed drafts of gifts of 10.00 to F1, all of one day."""
        text = f"2026-{month:02d}-{day:02d} 捐款\n  借 1002@B1 10.00 F1\n  贷 410102 10.00 F1"
        ids = [self.ledger.draft(read_journal(text)[0]) for _ in range(count)]
        self.ledger.approve(*ids)
        return ids

    def payment(self, yuan: str, fund: str = "F2", day: int = 5) -> int:
        """Return a signed payment whose money is set aside for others before it is posted."""
        self.ledger.post(f"2026-03-01 捐款\n  借 1002@B1 {yuan} {fund}\n  贷 410102 {yuan} {fund}")
        text = f"2026-03-{day:02d} 救助\n  借 510102 {yuan} {fund}\n  贷 1002@B1 {yuan} {fund}"
        draft_id = self.ledger.draft(read_journal(text)[0])
        self.ledger.approve(draft_id)
        self.ledger.hold(fund, yuan)
        return draft_id

    def seen(self, draft_ids: list[int]) -> dict[int, int]:
        """Return draft → version as it stands."""
        self.session.rollback()
        self.session.expire_all()
        query = select(Draft.id, Draft.version).where(
            Draft.org_id == self.ledger.org_id, Draft.id.in_(draft_ids)
        )
        return dict(self.session.execute(query).all())

    def release(self, draft_ids: list[int], role: str = "chief", key: int | None = None) -> int:
        """Release drafts as they stand and return the job."""
        drafts, actor = self.seen(draft_ids), self.login(role)
        return transact(
            lambda own: batches.release_batch(own, actor=actor, drafts=drafts, on=TODAY, key=key).id,
            session=self.session,
        )

    def worker(self, name: str = "test") -> Worker:
        """Return a worker on the books' database."""
        return Worker(self.session.get_bind(), self.clock, threading.Event(), name=name)

    def job(self, job_id: int) -> Job:
        """Return a job as it stands."""
        self.session.rollback()
        self.session.expire_all()
        return self.session.get_one(Job, (self.ledger.org_id, job_id))

    def outcome(self, job_id: int) -> tuple[str, int, dict[int, str]]:
        """Return a job's state, how many vouchers it posted, and draft → code of those it left."""
        job = self.job(job_id)
        progress = Progress(**job.checkpoint)
        return job.state, progress.posted, {key: kept["code"] for key, kept in progress.parked}

    def numbers(self) -> list[int]:
        """Return the numbers of the vouchers in March, in their order."""
        self.session.rollback()
        query = select(Voucher.number).where(Voucher.org_id == self.ledger.org_id, Voucher.month == 202603)
        return list(self.session.scalars(query.order_by(Voucher.number)))

    def states(self, draft_ids: list[int]) -> list[str]:
        """Return the states of drafts."""
        self.session.rollback()
        self.session.expire_all()
        rows = {
            row.id: row.state
            for row in self.session.scalars(select(Draft).where(Draft.org_id == self.ledger.org_id))
        }
        return [rows[key] for key in draft_ids]

    def is_sound(self) -> bool:
        """Say whether no check finds anything and the numbers run from 1 without a gap."""
        found, numbers = run_checks(self.session, self.ledger.org_id), self.numbers()
        return not found and numbers == list(range(1, len(numbers) + 1))

    def elsewhere(self, act: Callable[[Session], Any]) -> None:
        """Run an act in a session of its own."""
        with Session(self.session.get_bind()) as other:
            transact(act, session=other)

    @contextmanager
    def between_chunks(self, job_id: int, deed: Callable[[], Any]) -> Iterator[None]:
        """Do something, once, just after the poster's first chunk was committed; it holds no lock then."""
        engine, org_id, has_done = self.session.get_bind(), self.ledger.org_id, []

        def look(_session: Session) -> None:
            if has_done:
                return
            with Session(engine) as other:
                if not other.scalar(select(Job.done).where(Job.org_id == org_id, Job.id == job_id)):
                    return
            has_done.append(True)
            deed()

        event.listen(Session, "after_commit", look)
        try:
            yield
        finally:
            event.remove(Session, "after_commit", look)
        assert has_done, "the poster never finished a chunk"

    def close_march(self, session: Session) -> None:
        """Close January to March although signed drafts wait in March.

        The pages and a trigger refuse that; it is how the books stand when a draft is staged in
        the moment after both have counted. The drafts are put aside and put back for it.
        """
        org_id = self.ledger.org_id
        waiting = update(Draft).where(Draft.org_id == org_id, Draft.month == 202603)
        session.execute(waiting.where(Draft.state == "signed").values(state="discarded"))
        for month in (202601, 202602, 202603):
            for row in (VoucherCounter, Period):
                of_month = update(row).where(row.org_id == org_id, row.month == month)
                by = {"closed_by": self.ledger.ids["chief"], "closed_at": self.clock.instant}
                session.execute(of_month.values(is_open=False, **(by if row is Period else {})))
        session.execute(waiting.where(Draft.state == "discarded").values(state="signed"))


def open_desk(ledger: Ledger, clock: Clock) -> Desk:
    """Give the books' staff logins with the roles of their work, and return the desk."""
    clock.set(ledger.at)
    for part, role in ROLES.items():
        user = make_user(ledger.session, org_id=ledger.org_id, username=role.replace("_", "."), roles=(role,))
        ledger.ids[part] = user.id
    return Desk(ledger, clock)


@contextmanager
def real_logins() -> Iterator[None]:
    """Have jobs look their people up as the app does."""
    loader = jobs._load_actor
    jobs.register_actor_loader(queries.actor_of)
    try:
        yield
    finally:
        jobs._load_actor = loader
