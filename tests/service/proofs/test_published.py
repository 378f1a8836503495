"""What was published stays: a head that does not contain it is not signed, a death loses nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import transact
from charity.errors import Refused
from charity.ledger.checks import Finding
from charity.proofs import publishing, service
from charity.proofs.folder import LogFolder
from charity.proofs.models import Checkpoint, ProofLog
from charity.proofs.note_rules import TreeHead, read_note
from charity.proofs.sequencer import SessionRunner, sequence
from charity.proofs.signing import is_signed_by, public_key_of, sign
from charity.proofs.tile_rules import Tile
from charity.proofs.tree import TreeDamaged
from tests.books import Ledger
from tests.service.proofs.conftest import AID, AT, GIFTS, Run, leaves, tamper

Findings = Callable[[Ledger], list[Finding]]


def test_checkpoints_are_signed_and_their_files_published(
    log: Ledger, session: Session, settings: Settings, folder: LogFolder
) -> None:
    rows = session.scalars(select(Checkpoint).order_by(Checkpoint.number)).all()
    assert [(row.number, row.tree_size) for row in rows] == [(1, 5), (2, 9)]
    assert folder.read_checkpoint() == rows[-1].note
    note = read_note(rows[-1].note)
    assert note.head == TreeHead("127.0.0.1:5000/proofs", 9, rows[-1].root_sha256)
    assert is_signed_by(note, public_key_of(settings.sign_key))


def test_every_state_that_was_signed_stays_published_until_its_tile_is_full(
    ledger: Ledger, run: Run, folder: LogFolder, session: Session
) -> None:
    """Partial tiles of 5 and 9 leaves, then a full one of 256 that replaces both."""
    ledger.post(GIFTS)
    run(ledger)
    ledger.post(AID)
    run(ledger)
    parts = [Tile(0, 0, width, kind) for width in (5, 8) for kind in (False, True)]
    assert all(folder.read_tile(tile) for tile in parts)
    for _ in range(2):
        line = "  贷 410101  1.00  GEN\n" * 130
        ledger.post(f"2026-03-01 众人捐款\n  借 1002@B1  130.00  GEN\n{line}")
        run(ledger)
    assert not any(folder.read_tile(tile) for tile in parts)
    assert all(len(folder.read_tile(Tile(0, 0, 256, kind)) or b"") > 8_000 for kind in (False, True))
    assert len(folder.read_tile(Tile(1, 0, 1)) or b"") == 32


def future(log: Ledger, session: Session, settings: Settings, size: int) -> str:
    """A checkpoint signed with our key over a tree that these books never had."""
    origin = session.get_one(ProofLog, log.org_id).origin
    return sign(TreeHead(origin, size, bytes(range(32))), settings.sign_key)


@pytest.mark.parametrize("size", [9, 10, 400])
def test_books_without_the_published_checkpoint_are_not_signed(
    log: Ledger,
    run: Run,
    session: Session,
    settings: Settings,
    folder: LogFolder,
    findings: Findings,
    size: int,
) -> None:
    published = future(log, session, settings, size)
    folder.write_checkpoint(published)
    log.post(GIFTS.replace("2026-01-0", "2026-03-0"))
    before = leaves(session, log)
    with pytest.raises(Refused) as refused:
        run(log)
    assert refused.value.codes == ["checkpoint_not_contained"]
    assert (leaves(session, log), folder.read_checkpoint()) == (before, published)
    assert [finding.check for finding in findings(log)] == ["published checkpoint"]


@pytest.mark.sqlite_only
def test_a_restored_backup_forks_no_history(
    log: Ledger, run: Run, session: Session, settings: Settings, folder: LogFolder, tmp_path: Path
) -> None:
    """Backed up, posted on, restored, posted otherwise: the second history is not signed."""
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    session.rollback()
    session.get_bind().dispose()  # type: ignore[union-attr]
    shutil.copyfile(path, tmp_path / "backup.db")
    log.post(GIFTS.replace("2026-01-0", "2026-03-0"))
    run(log)
    tiles = {file: file.read_bytes() for file in folder.root.rglob("*") if file.is_file()}
    session.rollback()
    session.close()
    session.get_bind().dispose()  # type: ignore[union-attr]
    for leftover in path.parent.glob("charity.db-*"):
        leftover.unlink()
    shutil.copyfile(tmp_path / "backup.db", path)
    log.post(GIFTS.replace("2026-01-0", "2026-03-2"))
    with pytest.raises(Refused) as refused:
        run(log)
    assert refused.value.codes == ["checkpoint_not_contained"]
    assert {file: file.read_bytes() for file in folder.root.rglob("*") if file.is_file()} == tiles


def test_without_the_published_file_nothing_is_signed(
    log: Ledger, run: Run, folder: LogFolder, findings: Findings
) -> None:
    folder.checkpoint_path.unlink()
    with pytest.raises(Refused) as refused:
        run(log)
    assert refused.value.codes == ["checkpoint_file_missing"]
    assert [finding.check for finding in findings(log)] == ["published checkpoint"]


@pytest.mark.parametrize("change", ["garbage", "other log", "other key", "one digit"])
def test_a_damaged_published_file_stops_the_signing(
    log: Ledger,
    run: Run,
    session: Session,
    settings: Settings,
    folder: LogFolder,
    findings: Findings,
    change: str,
) -> None:
    text = folder.read_checkpoint() or ""
    head = read_note(text).head
    folder.write_checkpoint(
        {
            "garbage": "nothing",
            "other log": sign(TreeHead("other.example/proofs", head.size, head.root), settings.sign_key),
            "other key": sign(head, bytes(32)),
            "one digit": text.replace("\n9\n", "\n8\n"),
        }[change]
    )
    with pytest.raises(Refused) as refused:
        run(log)
    assert refused.value.codes == ["checkpoint_file_broken"]
    assert [finding.check for finding in findings(log)] == ["published checkpoint"]


def test_an_older_published_file_stops_the_signing(
    log: Ledger, run: Run, session: Session, folder: LogFolder, findings: Findings
) -> None:
    older = session.scalars(select(Checkpoint.note).order_by(Checkpoint.number)).first()
    folder.write_checkpoint(older or "")
    with pytest.raises(Refused) as refused:
        run(log)
    assert refused.value.codes == ["checkpoint_replayed"]
    assert "older one" in findings(log)[0].message


def test_lost_files_are_written_anew_from_the_books(
    log: Ledger, run: Run, session: Session, settings: Settings, folder: LogFolder, findings: Findings
) -> None:
    shutil.rmtree(folder.root)
    assert len(findings(log)) == 3
    actor = log.actor("chief")
    rebuilt = transact(
        lambda own: publishing.rebuild_files(own, actor=actor, settings=settings), session=session
    )
    assert rebuilt == 9
    assert findings(log) == []
    assert run(log).leaves == 1  # the act stands in the operation log


def test_files_of_another_history_are_not_written_over(
    log: Ledger, session: Session, settings: Settings, folder: LogFolder
) -> None:
    folder.write_checkpoint(future(log, session, settings, 20))
    actor = log.actor("chief")
    with pytest.raises(Refused) as refused:
        transact(lambda own: publishing.rebuild_files(own, actor=actor, settings=settings), session=session)
    assert refused.value.codes == ["checkpoint_not_contained"]


def test_there_is_nothing_to_rebuild_before_the_first_checkpoint(
    ledger: Ledger, session: Session, settings: Settings
) -> None:
    actor = ledger.actor("chief")
    assert publishing.rebuild_files(session, actor=actor, settings=settings) == 0


def test_a_line_changed_before_its_files_are_written_is_not_signed(
    ledger: Ledger, session: Session, settings: Settings, owner_connection: Any, run: Run
) -> None:
    ledger.post(GIFTS)
    transact(
        lambda own: service.append_leaves(own, org_id=ledger.org_id, at=AT, settings=settings),
        session=session,
    )
    tamper(
        owner_connection,
        "ledger_voucher_line",
        "UPDATE ledger_voucher_line SET commitments = :bytes WHERE line_no = 1",
        bytes=bytes(800),
    )
    with pytest.raises(TreeDamaged, match="leaf 0 "):
        run(ledger)
    assert session.scalars(select(Checkpoint)).all() == []


def test_a_new_key_signs_the_same_head_again(
    log: Ledger, session: Session, settings: Settings, findings: Findings
) -> None:
    other = replace(settings, sign_key=bytes(32))
    done = sequence(SessionRunner(session), org_id=log.org_id, at=AT, settings=other)
    assert is_signed_by(read_note(done.note), public_key_of(bytes(32)))
    rows = session.scalars(select(Checkpoint).order_by(Checkpoint.number)).all()
    assert [(row.number, row.tree_size) for row in rows] == [(1, 5), (2, 9), (3, 9)]
    assert findings(log) == []


class Killed(BaseException):
    """The process dies here."""


@pytest.fixture
def killer(session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Die at the n-th effect on the database or the disk: ``killer(7)``; 0 for never."""
    left = [0]

    def step(*_: Any, **__: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    def wrapped(act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            step()
            result = act(*args, **kwargs)
            step()
            return result

        return call

    def statement(_c: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if sql.lstrip().upper().startswith(("INSERT", "UPDATE")):
            step()

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", statement)
    monkeypatch.setattr(session, "commit", wrapped(session.commit))
    monkeypatch.setattr("charity.proofs.folder.os.replace", wrapped(os.replace))
    yield lambda count: left.__setitem__(0, count)
    event.remove(engine, "before_cursor_execute", statement)


def test_killed_at_any_effect_the_next_run_goes_on(
    ledger: Ledger, run: Run, session: Session, findings: Findings, killer: Callable[[int], None]
) -> None:
    """One voucher more each time, killed one effect later each time, until a run survives."""
    ledger.post(GIFTS)
    deaths, survived, day = 0, False, date(2026, 3, 1)
    while not survived:
        day += timedelta(days=deaths % 10 == 0)
        ledger.post(f"{day} 捐款\n  借 1002@B1  1.00  GEN\n  贷 410101  1.00  GEN")
        killer(deaths + 1)
        try:
            run(ledger, limit=3)
            survived = True
        except Killed:
            deaths += 1
            session.rollback()
        killer(0)
        run(ledger)
        assert findings(ledger) == [], f"after dying at effect {deaths}"
    assert deaths > 15
    assert len([row for row in leaves(session, ledger) if row[1] == "line"]) == 4 + 2 * (deaths + 1)
