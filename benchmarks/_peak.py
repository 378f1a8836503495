"""A client and the poster of the peak, each a process of its own.

``python -m benchmarks._peak client JSON`` stages, signs and releases vouchers and prints a line
for each act that was acknowledged; ``poster JSON`` carries out releases until it is told to stop.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from charity import sealed
from charity.db import Actor, prepare_engine, transact
from charity.ids import new_id
from charity.jobs import service as jobs
from charity.jobs.worker import Worker
from charity.ledger import batches, drafting, posting
from charity.ledger.books import load_books
from charity.ledger.models import Draft
from charity.users.queries import actor_of
from tests.books import Ledger, read_journal
from tests.support.databases import KEYS

TODAY = date(2026, 12, 31)
#: Vouchers staged in one transaction.
STAGED = 20


def _now() -> datetime:
    return datetime.now(UTC)


class Client:
    """An office's work through one connection: four people, one after another."""

    def __init__(self, session: Session, order: dict[str, Any]) -> None:
        self.ledger = Ledger(session, order["org_id"], ids=order["ids"])
        self.number: int = order["number"]
        self.stagings: int = order["stagings"]
        fund = ("F1", "F2", "F3")[self.number % 3]
        (self.gift,) = read_journal(f"2026-03-05 捐款\n  借 1002@B1 1.00 {fund}\n  贷 410102 1.00 {fund}")

    def act(self, verb: Callable[..., Any], role: str, **values: Any) -> Any:
        """Run one verb in a transaction of its own, again while the database asks for it."""
        self.ledger.at = _now()
        actor: Actor = self.ledger.actor(role)
        return transact(lambda own: verb(own, actor=actor, **values), session=self.ledger.session)

    def stage(self, prefix: str) -> list[int]:
        """Make, submit, review and sign vouchers; return their drafts."""

        def make(own: Session, *, actor: Actor) -> list[int]:
            books = load_books(own, actor.org_id, self.gift.voucher_on)
            origins = (drafting.DraftOrigin(idempotency_key=f"{prefix}-{n}") for n in range(STAGED))
            make = partial(drafting.make_draft, own, actor=actor, draft=self.gift, books=books)
            return [make(origin=origin).id for origin in origins]

        ids: list[int] = self.act(make, "maker")
        if ids != self.act(make, "maker"):
            raise AssertionError("the same request made another draft")
        for verb, role in (
            (drafting.submit_drafts, "maker"),
            (drafting.review_drafts, "reviewer"),
            (drafting.sign_drafts, "cashier"),
        ):
            self.act(verb, role, draft_ids=ids)
        return ids

    def round(self, number: int) -> list[str]:
        """Stage some, post one at once and release the others, pressing twice; return all keys."""
        prefixes = [f"peak-{self.number}-{number}-{part}" for part in range(self.stagings)]
        ids = [key for prefix in prefixes for key in self.stage(prefix)]
        self.act(posting.post_drafts, "chief", draft_ids=ids[:1], on=TODAY)

        def seen(own: Session, *, actor: Actor) -> dict[int, int]:
            query = select(Draft.id, Draft.version).where(Draft.org_id == actor.org_id, Draft.id.in_(ids[1:]))
            return dict(own.execute(query).all())

        drafts, key = self.act(seen, "chief"), new_id()

        def press(own: Session, *, actor: Actor) -> int:
            return batches.release_batch(own, actor=actor, drafts=drafts, on=TODAY, key=key).id

        if self.act(press, "chief") != self.act(press, "chief"):
            raise AssertionError("a second press made another release")
        return [f"{prefix}-{n}" for prefix in prefixes for n in range(STAGED)]


def client(order: dict[str, Any]) -> None:
    """When told to begin, do rounds until the time is over or their number is reached.

    Prints the key of each voucher whose release or posting was acknowledged.
    """
    engine = create_engine(order["url"])
    prepare_engine(engine)
    with Session(engine) as session:
        own, number = Client(session, order), 0
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        ends = time.monotonic() + order["seconds"] if order["seconds"] else None
        while number < order["rounds"] if ends is None else time.monotonic() < ends:
            for key in own.round(number):
                sys.stdout.write(f"{key}\n")
            sys.stdout.flush()
            number += 1


def poster(order: dict[str, Any]) -> None:
    """When told to begin, carry out releases until SIGTERM, and then what still waits."""
    ahead = timedelta(seconds=order["ahead_s"])
    stop, ending = threading.Event(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    jobs.register_actor_loader(actor_of)
    engine = create_engine(order["url"])
    prepare_engine(engine)
    worker = Worker(engine, lambda: _now() + ahead, stop)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    while True:
        was_ending = ending.is_set()
        if not worker.run_one():
            if was_ending:
                return
            ending.wait(0.02)


if __name__ == "__main__":
    sealed.configure(bytes.fromhex(KEYS["CHARITY_FIELD_KEY"]))
    {"client": client, "poster": poster}[sys.argv[1]](json.loads(sys.argv[2]))
