"""A WeChat bill, from its bytes to sealed vouchers: read, judge, book, post.

The same at ten thousand rows and at a hundred thousand: rates that stay are what shows
that nothing walks all rows for each row. Posting stands beside the bare driver, as in
``posting``; both write one line for each gift.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks import Measure
from benchmarks.posting import bare_seconds, open_database
from charity import sealed
from charity.db import unit_of_work
from charity.donations import purposes
from charity.imports import booking
from charity.intake.read import read_file
from charity.ledger import drafting, posting
from charity.ledger.models import Draft
from charity.periods import CHINA
from tests.gifts import Office, Pay, open_office, wechat_bill
from tests.support.databases import KEYS

FEW, MANY = 10_000, 100_000
#: Gifts of one day; a bill of some months is what a hundred thousand gifts are.
A_DAY = 1_500
#: Vouchers of one transaction: some thousand lines.
CHUNK = 5
FIRST = datetime(2026, 1, 1, 8, 0, tzinfo=CHINA)
TODAY = date(2026, 3, 18)


def _at(place: int) -> datetime:
    """Return when a gift was made: every twenty seconds from eight o'clock on."""
    return FIRST + timedelta(days=place // A_DAY, seconds=20 * (place % A_DAY))


def bill(count: int) -> bytes:
    """Return a bill of so many gifts, in the order of their times."""
    return wechat_bill(
        [
            Pay(
                order=f"42000{place:09d}",
                yuan=f"{place % 200 + 1}.00",
                words="大病救助" if place % 3 else "捐款",
                at=f"{_at(place):%Y-%m-%d %H:%M:%S}",
                payer=f"openid-{place % 5000:04d}",
            )
            for place in range(count)
        ]
    )


@contextmanager
def _timed(times: dict[str, float], step: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    times[step] = time.perf_counter() - began


def _prepare(session: Session, folder: Path) -> Office:
    """Return an office that knows where gifts through WeChat go."""
    office = open_office(session, folder)
    for word, fund in (("大病救助", "F2"), ("", "GEN")):
        office.act(purposes.learn_purpose, keyword=word, fund=fund, place="W1", on=TODAY)
    return office


def _sign(office: Office) -> list[int]:
    """Have the cashier sign what was booked; return the drafts in the order of days."""
    session = office.session
    session.rollback()
    rows = session.execute(
        select(Draft.id, Draft.state, Draft.has_money)
        .where(Draft.org_id == office.org_id)
        .order_by(Draft.voucher_on, Draft.id)
    ).all()
    unsigned = [row.id for row in rows if row.has_money]
    if unsigned:
        office.ledger.act(drafting.sign_drafts, "cashier", draft_ids=unsigned)
    return [row.id for row in rows]


def _post(office: Office, ids: Sequence[int]) -> list[list[int]]:
    """Post drafts in the order given; return the vouchers of each transaction."""
    batches = []
    for start in range(0, len(ids), CHUNK):
        with unit_of_work(office.session) as work:
            posted = posting.post_drafts(
                work,
                actor=office.ledger.actor("chief"),
                draft_ids=ids[start : start + CHUNK],
                on=TODAY,
            )
        batches.append([voucher.voucher_id for voucher in posted])
    return batches


def measured(count: int) -> dict[str, float]:
    """Return the seconds of each step, and of the bare driver as ``bare``."""
    sealed.configure(bytes.fromhex(KEYS["CHARITY_FIELD_KEY"]))
    data, times = bill(count), dict[str, float]()
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        path, session = open_database(Path(first))
        office = _prepare(session, Path(first))
        with _timed(times, "read"):
            parsed = read_file(data, "bill.csv")
        with _timed(times, "judge"):
            file = office.stage(data)
            file_id = file.id
            if file.state == "reading":
                booking.read_job(office.run(), file_id, office.data_dir, {})
        times["judge"] -= times["read"]  # dropping a file reads it once more
        with _timed(times, "book"):
            result = booking.book_job(office.run(), file_id)
        if (len(parsed.rows), result["booked"]) != (count, count):
            raise AssertionError(f"{len(parsed.rows)} rows, {result}")
        ids = _sign(office)
        with _timed(times, "post"):
            batches = _post(office, ids)
        session.close()
        session.get_bind().dispose()  # type: ignore[union-attr]
        times["bare"] = bare_seconds(Path(second), path, batches)
    return times


_STEPS: tuple[tuple[str, str, Callable[[dict[str, float]], float | None]], ...] = (
    ("read", "reading a WeChat bill", lambda times: None),
    ("judge", "keeping and judging its rows", lambda times: None),
    ("book", "booking gifts and their drafts", lambda times: None),
    ("post", "posting, a line for each gift", lambda times: MANY / times["bare"]),
)


def run() -> list[Measure]:
    """Return rows a second of each step at a hundred thousand, beside ten thousand."""
    few, many = measured(FEW), measured(MANY)
    return [
        Measure(
            f"{words}, {MANY:,} rows",
            MANY / many[step],
            "/s",
            floor(many),
            f"{FEW / few[step]:,.0f}/s at {FEW:,} rows",
        )
        for step, words, floor in _STEPS
    ]
