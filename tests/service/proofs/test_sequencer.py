"""The sequencer follows the books: every line once, in the order of numbers, then signed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import Actor, begin_write, prepare_engine, transact
from charity.ids import new_id
from charity.jobs.models import Job
from charity.ledger import posting, setup
from charity.ledger.checks import Finding
from charity.oplog.rules import register_acts
from charity.oplog.service import record
from charity.periods import Month
from charity.proofs import sequencer, service
from charity.proofs.chaining import chain_head, unchained
from charity.proofs.folder import LogFolder
from charity.proofs.leaf_rules import covered
from charity.proofs.models import LogLeaf, OplogLink, ProofLog
from charity.proofs.months import register_statement
from tests.books import Ledger, open_books, read_journal
from tests.service.proofs.conftest import AID, AT, GIFTS, Run, close, leaves

register_acts({"testing.proved": "Proved a test"})

Findings = Callable[[Ledger], list[Finding]]


def test_every_line_has_its_leaf_in_the_order_of_numbers(log: Ledger, session: Session) -> None:
    """Lines, the operation log, the closed month, lines, the operation log."""
    assert [row[:2] + row[2:] for row in leaves(session, log)] == [
        (0, "line", 202601, "记", 1, 1),
        (1, "line", 202601, "记", 1, 2),
        (2, "line", 202601, "记", 2, 1),
        (3, "line", 202601, "记", 2, 2),
        (4, "log", None, None, leaves(session, log)[4][4], None),
        (5, "month", 202601, None, None, 1),
        (6, "line", 202602, "记", 1, 1),
        (7, "line", 202602, "记", 1, 2),
        (8, "log", None, None, leaves(session, log)[8][4], None),
    ]


def test_what_was_sequenced_passes_every_check(log: Ledger, findings: Findings) -> None:
    assert findings(log) == []


def test_a_second_run_does_nothing(log: Ledger, run: Run, session: Session, folder: LogFolder) -> None:
    before, note = leaves(session, log), folder.read_checkpoint()
    done = run(log)
    assert (done.leaves, done.tree_size) == (0, 9)
    assert (leaves(session, log), folder.read_checkpoint()) == (before, note)


def test_an_org_without_vouchers_logs_its_opening(session: Session, run: Run, findings: Findings) -> None:
    ledger = open_books(session)
    done = run(ledger)
    assert (done.leaves, [row[1] for row in leaves(session, ledger)]) == (1, ["log"])
    assert findings(ledger) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_small_transactions_give_the_same_leaves(
    ledger: Ledger, run: Run, session: Session, findings: Findings, limit: int
) -> None:
    ledger.post(GIFTS)
    ledger.post(AID)
    close(ledger, "2026-01")
    run(ledger, limit=limit)
    kinds = [row[1] for row in leaves(session, ledger)]
    assert kinds == ["line"] * 4 + ["month"] + ["line"] * 2 + ["log"]
    assert findings(ledger) == []


def test_a_voucher_is_never_cut_between_transactions(
    ledger: Ledger, session: Session, settings: Settings
) -> None:
    ledger.post(GIFTS)
    done = transact(
        lambda own: service.append_leaves(own, org_id=ledger.org_id, at=AT, settings=settings, limit=1),
        session=session,
    )
    assert (done.leaves, done.has_more) == (2, True)


def test_three_words_are_walked_each_by_its_own_numbers(
    session: Session, run: Run, findings: Findings
) -> None:
    ledger = open_books(session)
    ledger.act(setup.open_year, "chief", year=2026, words="three")
    ledger.open_months("2026-01", "2026-01")
    ledger.post(GIFTS)
    ledger.post(AID.replace("2026-02-15", "2026-01-15"))
    run(ledger)
    ledger.post(GIFTS.replace("2026-01-05", "2026-01-20").replace("2026-01-08", "2026-01-21"))
    run(ledger)
    close(ledger, "2026-01")
    run(ledger)
    words = [(row[3], row[4]) for row in leaves(session, ledger) if row[1] == "line"]
    assert words == [
        (word, n) for word, n in (("付", 1), ("收", 1), ("收", 2), ("收", 3), ("收", 4)) for _ in "12"
    ]
    month = session.scalars(select(LogLeaf.clear).where(LogLeaf.kind == "month")).one()
    assert [row for row in (month or b"").decode().splitlines() if row.startswith("word")] == [
        "word 付 1-1",
        "word 收 1-4",
        "word 转 0-0",
    ]
    assert findings(ledger) == []


def test_the_leaf_of_a_month_commits_to_its_trial_balance_and_tells_no_figure(
    log: Ledger, session: Session
) -> None:
    content, clear, salt = session.execute(
        select(LogLeaf.content, LogLeaf.clear, LogLeaf.salt).where(LogLeaf.kind == "month")
    ).one()
    assert content == covered(clear, salt)
    assert b"balance 1002 F2 " in content
    assert b"10000000" not in content
    rows = clear.decode().splitlines()
    assert rows[0] == "charity-month/v1 CITY 202601 1/1"
    assert [row for row in rows if row.startswith("balance")] == [
        "balance 1002 F2 0 10000000 0 10000000",
        "balance 1002 GEN 0 5000000 0 5000000",
        "balance 410101 GEN 0 0 5000000 -5000000",
        "balance 410102 F2 0 0 10000000 -10000000",
    ]


def test_an_adjustment_into_month_13_does_not_unsay_a_later_month(
    session: Session, run: Run, findings: Findings
) -> None:
    """January 2027 is closed; then the auditors adjust 2026, whose balances January opened with."""
    ledger = open_books(session)
    ledger.open_months("2026-01", "2026-12")
    ledger.post(GIFTS)
    ledger.act(setup.open_month, "chief", month=Month(2026, 13))
    ledger.open_months("2027-01", "2027-01")
    for month in (*(f"2026-{number:02d}" for number in range(1, 13)), "2027-01"):
        close(ledger, month)
    run(ledger)
    assert leaves(session, ledger)[-2][:3] == (16, "month", 202701)
    ledger.post(
        """
        2026-12-31 #2026-13 审计调整
          借 1002@B1  1,000.00  GEN
          贷 410101   1,000.00  GEN
        """
    )
    run(ledger)
    assert findings(ledger) == []


def test_a_registered_statement_is_named_by_its_hash(
    ledger: Ledger, run: Run, session: Session, findings: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: dict[str, Any] = {}
    monkeypatch.setattr("charity.proofs.months._statements", known)
    register_statement("activities", lambda _session, _org_id, month: f"{month.code:064d}")
    ledger.post(GIFTS)
    close(ledger, "2026-01")
    run(ledger)
    content = session.scalars(select(LogLeaf.clear).where(LogLeaf.kind == "month")).one()
    assert f"\nstatement activities {202601:064d}\n" in (content or b"").decode()
    assert findings(ledger) == []
    known["activities"] = lambda _session, _org_id, _month: "f" * 64
    assert [finding.check for finding in findings(ledger)] == ["proof months"]
    with pytest.raises(ValueError, match="two statements"):
        register_statement("activities", lambda _session, _org_id, _month: "")
    with pytest.raises(ValueError, match="small letters"):
        register_statement("Two Words", lambda _session, _org_id, _month: "")


def entry(session: Session, org_id: int, entry_summary: str) -> int:
    actor = Actor(7, org_id, "王会计", frozenset(), AT)
    return record(session, actor=actor, act="testing.proved", summary=entry_summary)


def chained(session: Session, org_id: int) -> list[int]:
    session.rollback()
    query = select(OplogLink.entry_id).where(OplogLink.org_id == org_id).order_by(OplogLink.position)
    return list(session.scalars(query))


def test_an_entry_that_committed_late_finds_its_place(
    log: Ledger, run: Run, session: Session, findings: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its id is older than that of the last entry chained."""
    late = new_id()
    transact(lambda own: entry(own, log.org_id, "in time"), session=session)
    run(log)
    monkeypatch.setattr("charity.oplog.service.new_id", lambda: late)
    transact(lambda own: entry(own, log.org_id, "late"), session=session)
    run(log)
    assert chained(session, log.org_id)[-1] == late < chained(session, log.org_id)[-2]
    assert findings(log) == []


@pytest.mark.postgresql_only
def test_a_transaction_open_during_the_run_is_not_missed(
    log: Ledger, run: Run, session: Session, settings: Settings, findings: Findings
) -> None:
    """A voucher and its log entry, posted before the run and committed after it."""
    ledger, later = log, create_engine(settings.database_url)
    prepare_engine(later)
    (voucher,) = read_journal(AID.replace("2026-02-15", "2026-02-20").replace("70,000", "1,000"))
    draft = ledger.draft(voucher)
    ledger.approve(draft)
    with Session(later) as slow:
        begin_write(slow)
        posting.post_drafts(slow, actor=ledger.actor("chief"), draft_ids=[draft], on=date(2027, 1, 1))
        transact(lambda own: entry(own, log.org_id, "in between"), session=session)
        run(ledger)
        slow.commit()
    later.dispose()
    assert unchained(session, ledger.org_id, is_full=True)
    run(ledger)
    lines = [row[2:5] for row in leaves(session, ledger) if row[1] == "line"]
    assert lines[-2:] == [(202602, "记", 2)] * 2 and len(lines) == 8
    assert unchained(session, ledger.org_id, is_full=True) == []
    assert findings(ledger) == []


def test_an_entry_missed_for_more_than_a_day_is_found_and_chained_with_the_next_month(
    log: Ledger, run: Run, session: Session, findings: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = new_id() - (25 * 3_600_000 << 22)
    monkeypatch.setattr("charity.oplog.service.new_id", lambda: old)
    transact(lambda own: entry(own, log.org_id, "missed"), session=session)
    monkeypatch.undo()
    run(log)
    (finding,) = findings(log)
    assert (finding.check, finding.message) == ("operation log", "was never chained")
    assert "testing.proved" in finding.where
    close(log, "2026-02")
    log.post(GIFTS.replace("2026-01-0", "2026-03-0"))
    run(log, limit=1)
    assert old in chained(session, log.org_id)
    assert findings(log) == []


def test_the_installations_own_entries_are_chained_in_the_default_org(
    log: Ledger, run: Run, session: Session, findings: Findings
) -> None:
    transact(lambda own: entry(own, 0, "nobody's"), session=session)
    run(log)
    assert chain_head(session, 0).count == 1
    content = session.scalars(select(LogLeaf.content).order_by(LogLeaf.position.desc())).first()
    assert (content or b"").startswith(b"charity-oplog/v1 * 1 ")
    assert findings(log) == []


def test_another_org_has_a_log_of_its_own(
    log: Ledger, run: Run, session: Session, findings: Findings
) -> None:
    county = open_books(session, code="XJ", is_default=False)
    county.open_months("2026-01", "2026-01")
    county.post(GIFTS)
    run(county)
    rows = {row.org_code: row.origin for row in session.scalars(select(ProofLog))}
    assert rows == {"CITY": "127.0.0.1:5000/proofs", "XJ": "127.0.0.1:5000/xj/proofs"}
    assert findings(county) == findings(log) == []


def test_one_waiting_job_is_enough(ledger: Ledger, session: Session) -> None:
    actor = ledger.actor("chief")

    def ask(own: Session) -> None:
        service.request_sequencing(own, actor=actor)
        service.request_sequencing(own, actor=actor)

    transact(ask, session=session)
    transact(ask, session=session)
    jobs = session.scalars(select(Job).where(Job.org_id == ledger.org_id)).all()
    assert [(job.kind, job.state, job.lane) for job in jobs] == [("proofs.sequence", "queued", "proofs")]


def test_a_running_job_does_not_count_as_waiting(ledger: Ledger, session: Session) -> None:
    actor = ledger.actor("chief")
    transact(lambda own: service.request_sequencing(own, actor=actor), session=session)

    def start(own: Session) -> None:
        job = own.scalars(select(Job).where(Job.org_id == ledger.org_id)).one()
        job.state, job.lease_until = "running", AT

    transact(start, session=session)
    transact(lambda own: service.request_sequencing(own, actor=actor), session=session)
    states = session.scalars(select(Job.state).where(Job.org_id == ledger.org_id).order_by(Job.id)).all()
    assert list(states) == ["running", "queued"]


def test_the_job_is_known_by_its_kind() -> None:
    from charity.jobs.service import kind_of

    kind = kind_of(service.JOB_KIND)
    assert kind is not None and kind.handler is sequencer._handle


def test_posted_lines_closed_months_and_unsigned_leaves_do_not_wait(
    log: Ledger, session: Session, settings: Settings, run: Run
) -> None:
    def due(minutes: int = 0) -> bool:
        session.rollback()
        return sequencer.is_due(session, log.org_id, AT + timedelta(minutes=minutes))

    assert not due()
    log.post(AID.replace("2026-02-15", "2026-02-20").replace("70,000", "1,000"))
    assert due()
    transact(
        lambda own: service.append_leaves(own, org_id=log.org_id, at=AT, settings=settings), session=session
    )
    assert due(), "appended, not signed"
    run(log)
    assert not due()
    close(log, "2026-02")
    assert due()


def test_what_is_only_logged_waits_for_an_hour(log: Ledger, session: Session) -> None:
    transact(lambda own: entry(own, log.org_id, "signed in"), session=session)
    assert not sequencer.is_due(session, log.org_id, AT + timedelta(minutes=59))
    assert sequencer.is_due(session, log.org_id, AT + timedelta(minutes=60))


def test_the_installations_own_entries_make_no_other_org_due(
    session: Session, run: Run, settings: Settings
) -> None:
    open_books(session)
    county = open_books(session, code="XJ", is_default=False)
    run(county)
    transact(lambda own: entry(own, 0, "nobody's"), session=session)
    assert not sequencer.is_due(session, county.org_id, AT + timedelta(hours=2))


def test_an_org_that_only_began_is_due(session: Session) -> None:
    assert sequencer.is_due(session, open_books(session).org_id, AT)
