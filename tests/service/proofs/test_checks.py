"""What the owner of the database changes behind the triggers is found, and the row is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.ledger.checks import Finding
from charity.oplog.models import OpLogEntry
from charity.proofs.folder import LogFolder
from charity.proofs.leaf_rules import covered
from charity.proofs.models import Checkpoint, LogLeaf, OplogLink, ProofLog
from charity.proofs.note_rules import TreeHead
from charity.proofs.rules import leaf_hash
from charity.proofs.signing import sign
from charity.proofs.tile_rules import Tile
from tests.books import Ledger, open_books
from tests.service.proofs.conftest import GIFTS, Run, tamper

Findings = Callable[[Ledger], list[Finding]]


def told(found: list[Finding]) -> list[tuple[str, str]]:
    """Return check and place of each finding."""
    return [(finding.check, finding.where) for finding in found]


def test_an_org_without_a_log_has_nothing_to_find(session: Session, findings: Findings) -> None:
    assert findings(open_books(session)) == []


def test_an_edited_leaf_is_named(log: Ledger, owner_connection: Connection, findings: Findings) -> None:
    tamper(
        owner_connection,
        "proofs_leaf",
        "UPDATE proofs_leaf SET leaf_sha256 = :hash WHERE position = 2",
        hash=bytes(32),
    )
    found = findings(log)
    assert ("proof leaves", "2026-01 记-0002 line 1 (leaf 2)") in told(found)
    assert found[0].message == "the leaf is not that of this line"
    assert ("proof tree", "checkpoint 1") in told(found) and ("proof tree", "checkpoint 2") in told(found)
    assert ("published tiles", "tile/0/000.p/9") in told(found)


def test_an_edited_salt_is_named(log: Ledger, owner_connection: Connection, findings: Findings) -> None:
    tamper(
        owner_connection,
        "ledger_voucher_line",
        "UPDATE ledger_voucher_line SET salt = :salt WHERE line_no = 2 AND month = 202602",
        salt=bytes(32),
    )
    (finding,) = findings(log)
    assert (finding.check, finding.where) == ("proof leaves", "2026-02 记-0001 line 2 (leaf 7)")
    assert finding.message.endswith("after it was put into the log: the salt")


def test_a_salt_of_another_length_is_named(
    log: Ledger, owner_connection: Connection, findings: Findings
) -> None:
    is_sqlite = owner_connection.dialect.name == "sqlite"
    owner_connection.exec_driver_sql(
        "PRAGMA ignore_check_constraints = ON"
        if is_sqlite
        else "ALTER TABLE ledger_voucher_line DROP CONSTRAINT ck_ledger_voucher_line_salt"
    )
    tamper(
        owner_connection,
        "ledger_voucher_line",
        "UPDATE ledger_voucher_line SET salt = :salt WHERE line_no = 2 AND month = 202602",
        salt=b"short",
    )
    (finding,) = findings(log)
    assert finding.message == "the salt of the line was changed"


def test_an_edited_amount_is_named_with_its_field_and_its_month(
    log: Ledger, owner_connection: Connection, findings: Findings
) -> None:
    tamper(
        owner_connection,
        "ledger_voucher_line",
        "UPDATE ledger_voucher_line SET debit_fen = 1 WHERE debit_fen = 10000000",
    )
    found = findings(log)
    assert ("proof leaves", "2026-01 记-0002 line 1 (leaf 2)") in told(found)
    assert found[0].message.endswith("put into the log: amount")
    (month,) = [finding for finding in found if finding.check == "proof months"]
    assert month.where == "2026-01"
    assert month.message == (
        "the leaf says “balance 1002 F2 0 10000000 0 10000000”, the books give “balance 1002 F2 0 1 0 1”"
    )


@pytest.mark.parametrize("edit", ["clear = :bytes", "salt = :bytes"], ids=["figures", "salt"])
def test_a_month_whose_figures_no_longer_open_its_leaf_is_named(
    log: Ledger, owner_connection: Connection, findings: Findings, edit: str
) -> None:
    tamper(
        owner_connection,
        "proofs_leaf",
        f"UPDATE proofs_leaf SET {edit} WHERE kind = 'month'",
        bytes=b"charity-month/v1 CITY 202601 1/1\n" if "clear" in edit else b"x" * 32,
    )
    assert ("proof months", "2026-01") in told(findings(log))
    assert any("do not open the leaf" in finding.message for finding in findings(log))


def test_commitments_edited_alone_are_named(
    log: Ledger, owner_connection: Connection, findings: Findings
) -> None:
    tamper(
        owner_connection,
        "ledger_voucher_line",
        "UPDATE ledger_voucher_line SET commitments = :bytes WHERE line_no = 1 AND month = 202602",
        bytes=bytes(800),
    )
    found = findings(log)
    assert told(found) == [("proof leaves", "2026-02 记-0001 line 1 (leaf 6)")]
    assert found[0].message == "the commitments kept with the line were changed"


def test_a_line_and_its_leaf_edited_together_are_betrayed_by_the_signature(
    log: Ledger, owner_connection: Connection, findings: Findings, session: Session
) -> None:
    """Everything a careful owner can make fit fits, but what was signed."""
    row = session.execute(
        select(LogLeaf.clear, LogLeaf.salt).where(LogLeaf.kind == "month", LogLeaf.org_id == log.org_id)
    ).one()
    session.rollback()
    clear = row.clear.replace(b"5000000", b"6000000")
    content = covered(clear, row.salt)
    tamper(
        owner_connection,
        "proofs_leaf",
        "UPDATE proofs_leaf SET content = :content, clear = :clear, leaf_sha256 = :hash WHERE kind = 'month'",
        content=content,
        clear=clear,
        hash=leaf_hash(content),
    )
    found = findings(log)
    assert ("proof tree", "checkpoint 2") in told(found)
    assert ("proof months", "2026-01") in told(found)


def test_an_edited_month_is_named(log: Ledger, owner_connection: Connection, findings: Findings) -> None:
    tamper(
        owner_connection, "proofs_leaf", "UPDATE proofs_leaf SET content = :x WHERE kind = 'month'", x=b"x"
    )
    found = told(findings(log))
    assert ("proof tree", "leaf 5 (2026-01 closed, part 1)") in found
    assert ("proof months", "2026-01") in found


def test_a_removed_leaf_is_named(log: Ledger, owner_connection: Connection, findings: Findings) -> None:
    tamper(owner_connection, "proofs_leaf", "DELETE FROM proofs_leaf WHERE position = 3")
    found = told(findings(log))
    assert ("proof coverage", "2026-01 记-0002 line 2") in found
    assert ("proof tree", "leaf 4 (operation log, 22 entries)") in found


def test_leaves_cut_off_at_the_end_are_named(
    log: Ledger, owner_connection: Connection, findings: Findings
) -> None:
    tamper(owner_connection, "proofs_leaf", "DELETE FROM proofs_leaf WHERE position > 4")
    found = findings(log)
    assert ("proof tree", "checkpoint 2") in told(found) and ("proof tree", "log") in told(found)
    assert "published checkpoint" in {finding.check for finding in found}


def test_a_removed_line_is_named(log: Ledger, owner_connection: Connection, findings: Findings) -> None:
    if owner_connection.dialect.name != "sqlite":
        owner_connection.execute(text("ALTER TABLE proofs_leaf DROP CONSTRAINT fk_proofs_leaf_line"))
    tamper(
        owner_connection,
        "ledger_voucher_line",
        "DELETE FROM ledger_voucher_line WHERE line_no = 2 AND month = 202602",
    )
    assert told(findings(log))[0] == ("proof leaves", "2026-02 记-0001 line 2 (leaf 7)")


@pytest.mark.parametrize("change", ["UPDATE proofs_node SET sha256 = :hash", "DELETE FROM proofs_node"])
def test_an_inner_node_is_named(
    ledger: Ledger, run: Run, owner_connection: Connection, findings: Findings, change: str
) -> None:
    lines = "  贷 410101  1.00  GEN\n" * 260
    ledger.post(f"2026-01-05 众人捐款\n  借 1002@B1  260.00  GEN\n{lines}")
    run(ledger)
    assert findings(ledger) == []
    values = {"hash": bytes(32)} if ":hash" in change else {}
    tamper(owner_connection, "proofs_node", change, **values)
    assert ("proof tree", "node 1/0") in told(findings(ledger))


def test_a_node_above_nothing_is_named(log: Ledger, owner_connection: Connection, findings: Findings) -> None:
    tamper(
        owner_connection,
        "proofs_node",
        "INSERT INTO proofs_node (org_id, level, number, sha256) SELECT org_id, 1, 0, :hash FROM proofs_log",
        hash=bytes(32),
    )
    assert told(findings(log)) == [("proof tree", "node 1/0")]


def test_an_edited_frontier_is_named(log: Ledger, owner_connection: Connection, findings: Findings) -> None:
    tamper(owner_connection, "proofs_log", "UPDATE proofs_log SET frontier = :bytes", bytes=bytes(64))
    assert ("proof tree", "log") in told(findings(log))


def replay(connection: Connection, number: int) -> None:
    """Put the first checkpoint last again, under a new number."""
    columns = "org_id, tree_size, root_sha256, note, public_key, signed_at"
    tamper(
        connection,
        "proofs_checkpoint",
        f"INSERT INTO proofs_checkpoint (number, {columns}) SELECT {number}, {columns}"
        " FROM proofs_checkpoint WHERE number = 1",
    )


def test_an_older_checkpoint_put_last_is_named(
    log: Ledger, owner_connection: Connection, findings: Findings
) -> None:
    replay(owner_connection, 3)
    (finding,) = findings(log)
    assert (finding.check, finding.where) == ("checkpoints", "checkpoint 3")
    assert finding.message == "covers 5 leaves after 9: an older one was put last"


def test_an_older_published_file_is_named(
    log: Ledger, session: Session, folder: LogFolder, findings: Findings
) -> None:
    note = session.scalars(select(Checkpoint.note).order_by(Checkpoint.number)).first()
    folder.write_checkpoint(note or "")
    (finding,) = findings(log)
    assert (finding.check, finding.where) == ("published checkpoint", str(folder.checkpoint_path))
    assert "replaced by an older one (5 leaves, 9 were signed)" in finding.message


def test_a_removed_checkpoint_is_named(log: Ledger, owner_connection: Connection, findings: Findings) -> None:
    tamper(owner_connection, "proofs_checkpoint", "DELETE FROM proofs_checkpoint WHERE number = 1")
    assert told(findings(log)) == [("checkpoints", "checkpoint 2")]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("note", "nothing", "cannot be read"),
        ("tree_size", 8, "says something else"),
        ("root_sha256", bytes(32), "says something else"),
        ("public_key", bytes(32), "signature is not valid"),
    ],
    ids=["note", "size", "root", "key"],
)
def test_an_edited_checkpoint_is_named(
    log: Ledger, owner_connection: Connection, findings: Findings, column: str, value: Any, message: str
) -> None:
    tamper(
        owner_connection,
        "proofs_checkpoint",
        f"UPDATE proofs_checkpoint SET {column} = :value WHERE number = 2",
        value=value,
    )
    found = [finding for finding in findings(log) if finding.check == "checkpoints"]
    assert found and found[0].where == "checkpoint 2"
    assert any(message in finding.message for finding in found)


def test_a_checkpoint_signed_by_somebody_else_is_named(
    log: Ledger, session: Session, owner_connection: Connection, findings: Findings
) -> None:
    """The owner of the database has not the signing key."""
    row = session.scalars(select(Checkpoint).order_by(Checkpoint.number.desc())).first()
    assert row is not None
    origin = session.get_one(ProofLog, log.org_id).origin
    note = sign(TreeHead(origin, row.tree_size, row.root_sha256), b"\x01" * 32)
    session.rollback()
    tamper(
        owner_connection,
        "proofs_checkpoint",
        "UPDATE proofs_checkpoint SET note = :note WHERE number = 2",
        note=note,
    )
    assert told(findings(log)) == [("checkpoints", "checkpoint 2")]


def test_an_edited_entry_of_the_operation_log_is_named(
    log: Ledger, session: Session, owner_connection: Connection, findings: Findings
) -> None:
    entry = session.scalars(
        select(OpLogEntry)
        .where(OpLogEntry.org_id == log.org_id, OpLogEntry.act == "ledger.post")
        .order_by(OpLogEntry.id)
    ).first()
    assert entry is not None
    number, entry_id = entry.subject_no, entry.id
    session.rollback()
    tamper(
        owner_connection,
        "oplog_entry",
        "UPDATE oplog_entry SET user_name = '别人' WHERE id = :id",
        id=entry_id,
    )
    (finding,) = findings(log)
    assert finding.check == "operation log"
    assert finding.where.endswith(f"ledger.post {number}")
    assert finding.message == "the entry or its link was changed"


def test_a_removed_entry_is_named(
    log: Ledger, session: Session, owner_connection: Connection, findings: Findings
) -> None:
    if owner_connection.dialect.name != "sqlite":
        owner_connection.execute(
            text("ALTER TABLE proofs_oplog_link DROP CONSTRAINT fk_proofs_oplog_link_entry")
        )
    link = session.scalars(
        select(OplogLink).where(OplogLink.org_id == log.org_id, OplogLink.position == 3)
    ).one()
    entry_id = link.entry_id
    session.rollback()
    tamper(owner_connection, "oplog_entry", "DELETE FROM oplog_entry WHERE id = :id", id=entry_id)
    (finding,) = findings(log)
    assert (finding.where, finding.message) == (
        f"operation log, link 3: entry {entry_id}",
        "the entry is not there any more",
    )


def test_an_entry_removed_with_its_link_is_named(
    log: Ledger, owner_connection: Connection, findings: Findings
) -> None:
    tamper(owner_connection, "proofs_oplog_link", "DELETE FROM proofs_oplog_link WHERE position = 3")
    found = [finding for finding in findings(log) if finding.check == "operation log"]
    assert found[0].where.startswith("operation log, link 4: ")
    assert found[0].message == "follows link 2: links are missing"


def test_links_cut_off_at_the_end_are_betrayed_by_the_tree(
    log: Ledger, owner_connection: Connection, findings: Findings
) -> None:
    tamper(owner_connection, "proofs_oplog_link", "DELETE FROM proofs_oplog_link WHERE position > 24")
    found = [finding for finding in findings(log) if finding.check == "operation log"]
    assert [finding.where for finding in found] == ["leaf 8"]
    assert found[0].message.endswith("entries, 25 are chained")


def test_a_chain_made_anew_is_betrayed_by_the_tree(
    log: Ledger, session: Session, owner_connection: Connection, findings: Findings
) -> None:
    """The last entry changed, its link made again: the leaf over it does not fit any more."""
    from charity.proofs.chaining import each_link
    from charity.proofs.leaf_rules import CHAIN_START, chain, entry_bytes

    last = list(each_link(session, log.org_id))[-1]
    session.rollback()
    tamper(
        owner_connection,
        "oplog_entry",
        "UPDATE oplog_entry SET summary = 'rewritten' WHERE id = :id",
        id=last["entry_id"],
    )
    value = CHAIN_START
    for row in each_link(session, log.org_id):
        value = chain(value, entry_bytes(row))
    session.rollback()
    tamper(
        owner_connection,
        "proofs_oplog_link",
        "UPDATE proofs_oplog_link SET sha256 = :value WHERE position = :position",
        value=value,
        position=last["position"],
    )
    (finding,) = findings(log)
    assert finding.where.startswith("leaf 8 (operation log, ")
    assert finding.message == "the log was changed after the tree committed to it"


def test_an_unreadable_leaf_of_the_operation_log_is_named(
    log: Ledger, owner_connection: Connection, findings: Findings
) -> None:
    tamper(
        owner_connection, "proofs_leaf", "UPDATE proofs_leaf SET content = :x WHERE position = 8", x=b"x y"
    )
    found = [finding for finding in findings(log) if finding.check == "operation log"]
    assert [finding.message for finding in found] == ["cannot be read"]


@pytest.mark.parametrize(
    ("tile", "data", "message"),
    [
        (Tile(0, 0, 9), None, "its file is missing"),
        (Tile(0, 0, 9), bytes(9 * 32), "does not fit the hashes"),
        (Tile(0, 0, 9, is_entries=True), None, "its file is missing"),
        (Tile(0, 0, 9, is_entries=True), b"\x00", "ends inside"),
        (Tile(0, 0, 9, is_entries=True), b"\x00\x01x", "leaf 0 in it"),
        (Tile(0, 0, 9, is_entries=True), b"", "holds 0 leaves in place of 9"),
    ],
    ids=["no tile", "other hashes", "no bundle", "cut bundle", "other leaf", "empty bundle"],
)
def test_a_published_file_that_departs_is_named(
    log: Ledger, folder: LogFolder, findings: Findings, tile: Tile, data: bytes | None, message: str
) -> None:
    if data is None:
        folder.tile_path(tile).unlink()
    else:
        folder.write_tiles([(tile, data)])
    (finding,) = findings(log)
    assert (finding.check, finding.where) == ("published tiles", f"tile/{tile.path}")
    assert message in finding.message


def test_lines_not_yet_sequenced_are_no_finding(log: Ledger, findings: Findings, settings: Settings) -> None:
    log.post(GIFTS.replace("2026-01-0", "2026-03-0"))
    assert findings(log) == []
