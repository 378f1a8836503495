"""Sixteen people at their desks at once, through real sign-in over a real server.

Accountants write vouchers, reviewers check, cashiers sign, chief accountants post; each
takes from the queue whatever stands there, so that several grasp for the same voucher.
Some payments ask for more than there is. Nothing fails but by a refusal in words, and in
the end no number is missing or given twice and the guard is exact to the fen.
"""

from __future__ import annotations

import http.client
import re
import threading
import urllib.parse
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.cookies import SimpleCookie

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import transact
from charity.ledger.checks import run_checks
from charity.ledger.models import Draft, VoucherCounter
from charity.ledger.sealed_models import Voucher
from charity.users.models import User
from charity.users.passwords import passwords_for
from tests.books import Ledger, open_books
from tests.builders import make_user

PASSWORD = "correct horse battery"
ROLES = ("accountant", "reviewer", "cashier", "chief_accountant")
THREADS = 16
#: Vouchers each accountant writes: gifts of 100.00 and payments of 130.00.
EACH = 5
GIFT_FEN, AID_FEN, FIRST_FEN = 10_000, 13_000, 20_000

FIRST = """
2026-03-02 普通捐款
  借 1002@B1  200.00  F1
  贷 410102   200.00  F1
"""


@dataclass
class Person:
    """Somebody with a browser: a connection of his own, his cookies, and what he was answered."""

    address: str
    username: str
    cookies: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)

    def send(self, method: str, path: str, pairs: Sequence[tuple[str, str]] = ()) -> tuple[int, str, str]:
        """Return status, text and where it leads."""
        host = urllib.parse.urlsplit(self.address).netloc
        connection = http.client.HTTPConnection(host, timeout=120)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if method == "POST":
            body = urllib.parse.urlencode(pairs)
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.address}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        for line in response.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        connection.close()
        self.statuses.append(response.status)
        return response.status, text, response.headers.get("Location", "")

    def get(self, path: str) -> str:
        """Return a page that must be there."""
        status, text, _ = self.send("GET", path)
        assert status == 200, f"{self.username} {path}: {status}"
        return text

    def post(self, path: str, pairs: Sequence[tuple[str, str]], token: str) -> tuple[int, str, str]:
        """Send a form with the token of its page."""
        return self.send("POST", path, [("csrf_token", token), *pairs])

    def sign_in(self) -> None:
        """Come in through the door."""
        token = token_of(self.get("/sign-in"))
        status, _, led = self.post(
            "/sign-in", [("username", self.username), ("password", PASSWORD), ("next", "")], token
        )
        assert (status, led) == (303, "/office/"), f"{self.username}: {status}"


def token_of(text: str) -> str:
    """Return the form token of a page."""
    return hidden(text, "csrf_token")


def hidden(text: str, name: str) -> str:
    """Return the value of a hidden field."""
    for tag in re.findall(r"<input[^>]*>", text):
        if f'name="{name}"' in tag and (found := re.search(r'value="([^"]*)"', tag)):
            return found[1]
    raise AssertionError(f"no field {name} in the page")


def marks(text: str) -> list[str]:
    """Return the drafts of a queue that may be marked."""
    return re.findall(r'name="ids" value="(\d+)"', text)


def write(person: Person, place: int, papers: str) -> None:
    """Write one voucher and hand it on, now a gift, now a payment."""
    text = person.get("/office/drafts/new")
    is_aid = place % 2 == 1
    yuan = "130.00" if is_aid else "100.00"
    money = {"account": "1002", "money_place": "B1", "credit" if is_aid else "debit": yuan}
    other = {"account": "510102" if is_aid else "410102", "debit" if is_aid else "credit": yuan}
    pairs = [("voucher_on", "2026-03-18"), ("idempotency_key", hidden(text, "idempotency_key"))]
    pairs += [("version", "0"), ("attachments", papers), ("act", "submit")]
    for line, values in enumerate((other, money) if is_aid else (money, other)):
        known = {"summary": "医疗救助" if is_aid else "捐款", "fund": "F1", **values}
        pairs += [(f"lines-{line}-{name}", value) for name, value in known.items()]
    for _ in range(1 + place % 2):  # every second one is sent twice, as by a double click
        status, answer, _ = person.post("/office/drafts/new", pairs, token_of(text))
        assert status == 303, f"{status}: {answer[:2000]}"


def pass_on(person: Person, queue: str) -> None:
    """Mark everything in a queue; where a colleague was quicker, one by one."""
    text = person.get(f"/office/{queue}")
    ids = marks(text)
    if not ids:
        return
    token, chosen = token_of(text), [("act", "post" if queue == "post" else "do")]
    status, _, _ = person.post(f"/office/{queue}", [*chosen, *(("ids", i) for i in ids)], token)
    if status != 422:
        return
    for draft_id in ids:
        person.post(f"/office/{queue}", [*chosen, ("ids", draft_id)], token)


def day(person: Person, role: str, meet: threading.Barrier, is_over: Callable[[], bool]) -> None:
    """Sign in, wait for the others, then do one's part until nothing is left."""
    person.sign_in()
    meet.wait(timeout=120)
    if role == "accountant":
        for place in range(EACH):
            write(person, place, "a" * 64)
        return
    queue = {"reviewer": "review", "cashier": "sign", "chief_accountant": "post"}[role]
    while not is_over():
        pass_on(person, queue)
    pass_on(person, queue)


def open_day(session: Session) -> Ledger:
    """Return books with a little money, and sixteen people with passwords."""
    ledger = open_books(session)
    ledger.at, ledger.on = datetime(2026, 3, 2, 4, 0, tzinfo=UTC), date(2026, 3, 18)
    ledger.open_months("2026-03", "2026-03")
    ledger.post(FIRST)
    made = passwords_for("test").hash(PASSWORD)
    for number in range(THREADS):
        role = ROLES[number % len(ROLES)]
        username = name_of(number)
        make_user(session, org_id=ledger.org_id, username=username, roles=(role,))

    def work(own: Session) -> None:
        for user in own.scalars(select(User).where(User.username.in_(map(name_of, range(THREADS))))):
            user.password_hash = made

    transact(work, session=session)
    return ledger


def name_of(number: int) -> str:
    """Return the login name of a person."""
    return f"{ROLES[number % len(ROLES)].replace('_', '-')}-{number}"


def written() -> int:
    """Return how many vouchers the accountants write."""
    return EACH * THREADS // len(ROLES)


def test_sixteen_people_at_once_leave_no_gap_and_no_overdraft(session: Session, live_server: str) -> None:
    ledger = open_day(session)
    people = [(Person(live_server, name_of(n)), ROLES[n % len(ROLES)]) for n in range(THREADS)]
    meet, written_all, passed = threading.Barrier(THREADS), threading.Event(), threading.Semaphore(0)

    def part(pair: tuple[Person, str]) -> None:
        person, role = pair
        try:
            day(person, role, meet, written_all.is_set)
        finally:
            if role == "accountant":
                passed.release()

    with ThreadPoolExecutor(THREADS) as pool:
        parts = [pool.submit(part, pair) for pair in people]
        for _ in range(THREADS // len(ROLES)):
            passed.acquire()
        written_all.set()
        for done in parts:
            done.result()
    finish(people)
    assert {status for person, _ in people for status in person.statuses} <= {200, 303, 422}
    hold_the_books_to_it(ledger)


def finish(people: Sequence[tuple[Person, str]]) -> None:
    """Take what is left through the three desks, one after another.

    A payment refused for want of money stands before the gifts that would cover it: the queue
    is gone through again until a pass posts nothing more.
    """
    by_role = {role: person for person, role in people}
    for role, queue in (("reviewer", "review"), ("cashier", "sign")):
        pass_on(by_role[role], queue)
    chief, waiting = by_role["chief_accountant"], None
    while (now := marks(chief.get("/office/post"))) != waiting:
        pass_on(chief, "post")
        waiting = now


def hold_the_books_to_it(ledger: Ledger) -> None:
    """Compare the books with what was written: numbers, guard, and every check."""
    session = ledger.session
    session.rollback()
    numbers = session.scalars(
        select(Voucher.number).where(Voucher.org_id == ledger.org_id).order_by(Voucher.number)
    ).all()
    assert numbers == list(range(1, len(numbers) + 1))
    last_no = session.scalar(select(VoucherCounter.last_no).where(VoucherCounter.org_id == ledger.org_id))
    assert last_no == len(numbers)
    drafts = session.scalars(select(Draft).where(Draft.org_id == ledger.org_id)).all()
    assert len(drafts) == written() + 1  # a double click makes no second voucher
    left = [draft for draft in drafts if draft.state != "posted"]
    gifts = sum(1 for d in drafts if d.state == "posted" and d.total_fen == GIFT_FEN)
    aids = sum(1 for d in drafts if d.state == "posted" and d.total_fen == AID_FEN)
    assert gifts == 3 * THREADS // len(ROLES)
    free = FIRST_FEN + gifts * GIFT_FEN - aids * AID_FEN
    assert {(draft.state, draft.total_fen) for draft in left} <= {("signed", AID_FEN)}
    assert free >= 0 and (not left or free < AID_FEN)
    assert ledger.guard()["F1"] == (f"{free // 100:,}.{free % 100:02d}", "0.00")
    assert run_checks(session, ledger.org_id) == []
