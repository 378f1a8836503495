"""Forging vouchers: copies of posted ones with changes, rightly committed to, written past every service.

One set of books a database holds for all cases: whatever is tried is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.orm import Session

from charity.db import begin_write, prepare_engine
from charity.ledger import closing, commitments, corrections, reading, setup
from charity.ledger.sealed_models import Voucher, VoucherAttachment, VoucherLine
from charity.periods import Month
from tests.books import Ledger, open_books
from tests.support import databases
from tests.support.databases import Database

_HEADERS, _LINES, _LINKS = Voucher.__table__, VoucherLine.__table__, VoucherAttachment.__table__

#: The id of every forged voucher; no real one is so small.
FORGED = 5


@dataclass(frozen=True)
class Id:
    """The id of what a code names; looked up when the case runs."""

    table: str
    code: str


@dataclass(frozen=True)
class Forgery:
    """A copy of a posted voucher with changes.

    Attributes:
        base: name of the voucher it is copied from.
        head: changed columns of the header.
        lines: number of a line, 0 for all → changed columns.
        added: copies of a line with changes, put behind the others.
        before: statements of the app that prepare the ground.
        bump: by how much the counter is raised.
        org: whose books.
    """

    base: str = "gift"
    head: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    added: Sequence[tuple[int, Mapping[str, Any]]] = ()
    before: Sequence[str] = ()
    bump: int = 1
    org: str = "CITY"


@dataclass
class Stage:
    """The books of two orgs, with every kind of voucher that a case is copied from."""

    session: Session
    owner_url: str
    ledgers: dict[str, Ledger]
    vouchers: dict[str, int]

    def find(self, value: Any, org: str) -> Any:
        """Return a value, an :class:`Id` as the number it stands for."""
        if not isinstance(value, Id):
            return value
        if value.table == "voucher":
            return self.vouchers[value.code]
        own = (
            ""
            if value.table in ("account", "cash_flow_item")
            else f" AND org_id = {self.ledgers[org].org_id}"
        )
        return self.session.execute(
            text(f"SELECT id FROM ledger_{value.table} WHERE code = :code{own}"), {"code": value.code}
        ).scalar_one()

    def try_out(self, forgery: Forgery) -> None:
        """Write a forgery as the app would, without its services, and take everything back."""
        self.session.rollback()
        begin_write(self.session)
        try:
            self._write(forgery)
            if self.session.get_bind().dialect.name == "postgresql":
                self.session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        finally:
            self.session.rollback()

    def is_accepted(self, forgery: Forgery) -> bool:
        """Say whether the database would take a forgery; whatever refuses it is raised."""
        self.try_out(forgery)
        return True

    def _rows(self, table: Any, column: Any, key: int) -> list[dict[str, Any]]:
        query = select(table).where(column == key).order_by(*table.primary_key.columns)
        return [dict(row) for row in self.session.execute(query).mappings()]

    def _write(self, forgery: Forgery) -> None:
        org_id, base = self.ledgers[forgery.org].org_id, self.vouchers[forgery.base]
        for statement in forgery.before:
            self.session.execute(text(statement), {"org": org_id})
        (head,) = self._rows(_HEADERS, _HEADERS.c.id, base)
        head |= {"id": FORGED, "idempotency_key": "forged", "voucher_on": date(2026, 3, 20), "tx": 0}
        head |= {name: self.find(value, forgery.org) for name, value in forgery.head.items()}
        lines = self._rows(_LINES, _LINES.c.voucher_id, base)
        lines += [lines[number - 1] | changes for number, changes in forgery.added]
        for number, line in enumerate(lines, start=1):
            line |= {"voucher_id": FORGED, "line_no": number, "tx": 0}
            line |= {"voucher_on": head["voucher_on"], "month": head["month"]}
            for changes in (forgery.lines.get(0, {}), forgery.lines.get(number, {})):
                line |= {name: self.find(value, forgery.org) for name, value in changes.items()}
        if "line_count" not in forgery.head:
            head["line_count"] = len(lines)
        links = self._rows(_LINKS, _LINKS.c.voucher_id, base)[: head["attachment_count"]]
        self._number(head, forgery)
        self._commit(head, lines, [link["sha256"] for link in links])
        self.session.execute(insert(_LINES), lines)
        for link in links:
            self.session.execute(insert(_LINKS), [link | {"voucher_id": FORGED}])
        self.session.execute(insert(_HEADERS), [head])

    def _number(self, head: dict[str, Any], forgery: Forgery) -> None:
        if forgery.bump:
            head["number"] = self.session.execute(
                text(
                    "UPDATE ledger_voucher_counter SET last_no = last_no + :by"
                    " WHERE org_id = :org AND month = :month AND word = :word RETURNING last_no"
                ),
                {"by": forgery.bump, "org": head["org_id"], "month": head["month"], "word": head["word"]},
            ).scalar_one()

    def _commit(self, head: dict[str, Any], lines: list[dict[str, Any]], papers: list[str]) -> None:
        """Give the lines the commitments that posting would have given them."""
        codes = reading.load_codes(self.session, head["org_id"])
        posted = tuple(reading._line(line, codes, {}) for line in lines)
        record = reading.PostedRecord(head, posted, tuple(papers))
        for line, values in zip(lines, record.committed_values(), strict=True):
            if len(line["salt"]) == commitments.SALT_BYTES and line["commitments"]:
                line["commitments"] = commitments.commit_line(line["salt"], values)


ODD_ACCOUNTS = (
    ("4990", "restriction", "'split'"),
    ("4991", "from_on", "'2026-12-01'"),
    ("4992", "until_on", "'2026-02-28'"),
)


def _odd_accounts(database: Database) -> None:
    """Give the owner's chart accounts that no release would: split, too early, too late."""
    engine = create_engine(database.owner_url)
    with engine.begin() as owner:
        names = [
            row[0]
            for row in owner.execute(text("SELECT * FROM ledger_account WHERE 1 = 0")).cursor.description
        ]
        for number, (code, changed, value) in enumerate(ODD_ACCOUNTS, start=1):
            values = {"id": str(number), "code": f"'{code}'", changed: value}
            owner.execute(
                text(
                    f"INSERT INTO ledger_account ({', '.join(names)})"
                    f" SELECT {', '.join(values.get(name, name) for name in names)}"
                    " FROM ledger_account WHERE code = '490101'"
                )
            )
    engine.dispose()


def _city(ledger: Ledger) -> dict[str, int]:
    """Post the vouchers that cases of CITY are copied from; close January and February."""
    vouchers: dict[str, int] = {}

    def post(name: str, journal: str, **origin: Any) -> None:
        vouchers[name] = ledger.post(journal, **origin)[0].voucher_id

    post("opening", "2026-01-01 !opening 年初\n  借 1002@B1 50.00 GEN\n  贷 3101 50.00 GEN")
    for number in (1, 2):
        ledger.act(closing.close_month, "chief", month=Month(2026, number), on=date(2026, 3, 1))
    post("gift", "2026-03-01 捐款\n  借 1002@B1 100.00 F2\n  贷 410102 100.00 F2")
    post("general", "2026-03-02 捐款\n  借 1002@B1 10.00 GEN\n  贷 410101 10.00 GEN")
    post("reversed", "2026-03-02 捐款\n  借 1002@B1 10.00 GEN\n  贷 410101 10.00 GEN")
    red = ledger.act(
        corrections.reverse_voucher, "maker", voucher_id=vouchers["reversed"], on=date(2026, 3, 3)
    )
    vouchers["red"] = ledger.run([red])[0].voucher_id
    post("aid", "2026-03-04 救助\n  借 510102 5.00 F2\n  贷 1002@B1 5.00 F2")
    hold_id = ledger.hold("F2", "1")
    post("paid", "2026-03-04 救助\n  借 510102 1.00 F2\n  贷 1002@B1 1.00 F2", hold_id=hold_id)
    post("agency", "2026-03-04 代收\n  借 100291@B1 5.00 AGENCY\n  贷 2601 5.00 AGENCY")
    share = "net_asset_change=management_share"
    post("move", f"2026-03-05 管理费\n  借 3102 1.00 F2 {share}\n  贷 3101 1.00 GEN {share}")
    post("goods", "2026-03-05 物资\n  借 1201 3.00 F2\n  贷 410102 3.00 F2")
    post("wrong", "2026-03-06 捐款\n  借 1002@B1 1000.00 F3\n  贷 410102 1000.00 F3")
    post("spent", "2026-03-07 救助\n  借 510102 950.00 F3\n  贷 1002@B1 950.00 F3")
    drafts = ledger.act(
        corrections.correct_fact,
        "maker",
        voucher_id=vouchers["wrong"],
        amounts={1: 10_000, 2: 10_000},
        on=date(2026, 3, 8),
        reason="多记一位",
    )
    vouchers["difference"] = ledger.run(drafts)[-1].voucher_id
    more = ledger.act(
        corrections.difference_voucher,
        "maker",
        voucher_id=vouchers["general"],
        amounts={1: 2_000, 2: 2_000},
        on=date(2026, 3, 9),
    )
    vouchers["more"] = ledger.run([more])[0].voucher_id
    post("december", "2026-12-05 捐款\n  借 1002@B1 10.00 GEN\n  贷 410101 10.00 GEN")
    post("january", "2027-01-05 捐款\n  借 1002@B1 10.00 GEN\n  贷 410101 10.00 GEN")
    return vouchers


def _codes(ledger: Ledger) -> None:
    """Open what cases name beside the funds of every book."""
    early, late = date(2026, 1, 1), date(2026, 6, 1)
    for code, on in (("F8", early), ("F9", late)):
        ledger.act(
            setup.open_fund,
            "chief",
            code=code,
            name=code,
            name_en=code,
            kind="restricted",
            purpose="助学",
            on=on,
        )
    ledger.act(setup.add_project_tag, "chief", code="P1", name="项目")
    ledger.act(setup.add_dimension_value, "chief", slot=1, code="D1", name="一")
    ledger.act(setup.add_dimension_value, "chief", slot=2, code="D2", name="二")
    ledger.act(setup.write_posting_rule, "chief", code="P01", text="捐款", on=date(2026, 1, 1))
    for fund in ("F2", "GEN"):
        ledger.hold(fund, "2")


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres])])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Books of CITY with one word and of THREE with three, on one database."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("forgeries")
        yield from _stage(databases.copy_sqlite(request.getfixturevalue("sqlite_template"), folder))
        return
    server = request.getfixturevalue("postgres_server")
    with databases.copy_postgresql(server, request.getfixturevalue("postgresql_template")) as database:
        yield from _stage(database)


def _stage(database: Database) -> Iterator[Stage]:
    _odd_accounts(database)
    engine = create_engine(database.url)
    prepare_engine(engine)
    with Session(engine) as session:
        city = open_books(session)
        city.open_months("2026-01", "2027-01")
        vouchers = _city(city)
        _codes(city)
        three = open_books(session, code="THREE", is_default=False)
        three.act(setup.open_year, "chief", year=2026, words="three")
        three.open_months("2026-03", "2026-03")
        for name, journal in (
            ("three gift", "2026-03-05 捐款\n  借 1002@B1 100.00 F2\n  贷 410102 100.00 F2"),
            ("three aid", "2026-03-05 救助\n  借 510102 5.00 F2\n  贷 1002@B1 5.00 F2"),
            ("three goods", "2026-03-05 物资\n  借 1201 3.00 F2\n  贷 410102 3.00 F2"),
        ):
            vouchers[name] = three.post(journal)[0].voucher_id
        yield Stage(session, database.owner_url, {"CITY": city, "THREE": three}, vouchers)
    engine.dispose()
