"""The database itself refuses what the sequencer would never do."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from charity.db import transact
from charity.ledger.models import Period
from charity.ledger.sealed_models import Voucher
from charity.proofs.models import Checkpoint, LogLeaf, LogNode, OplogLink, ProofLog
from tests.books import Ledger
from tests.service.proofs.conftest import AT, GIFTS


def refused(session: Session, statement: Any, values: Any = None) -> str:
    """Run a statement that the database refuses; return what it said."""
    with pytest.raises(DBAPIError) as error:
        transact(lambda own: own.execute(statement, values), session=session)
    session.rollback()
    return str(error.value.orig)


def leaf(ledger: Ledger, **values: Any) -> dict[str, Any]:
    """A leaf of the operation log that would come next after the nine of ``log``."""
    known: dict[str, Any] = {"org_id": ledger.org_id, "position": 9, "kind": "log", "number": 99}
    known |= {"leaf_sha256": bytes(32), "content": b"x", "salt": bytes(32)}
    known |= dict.fromkeys(("month", "word", "voucher_id", "line_no"))
    return known | values


def line(ledger: Ledger, voucher: Voucher, **values: Any) -> dict[str, Any]:
    """The leaf of a voucher's first line, coming next."""
    known = leaf(ledger, kind="line", content=None, salt=None)
    known |= {"month": voucher.month, "word": voucher.word, "number": voucher.number}
    return known | {"voucher_id": voucher.id, "line_no": 1} | values


@pytest.fixture
def waiting(log: Ledger, session: Session) -> Voucher:
    """A posted voucher that is not in the log yet: 2026-03 记-0001, with two after it."""
    log.post(GIFTS.replace("2026-01-0", "2026-03-0"))
    found = session.scalars(select(Voucher).where(Voucher.month == 202603).order_by(Voucher.number)).first()
    assert found is not None
    session.expunge(found)
    session.rollback()
    return found


@pytest.mark.parametrize("position", [0, 8, 10, 11])
def test_a_leaf_comes_next(log: Ledger, session: Session, position: int) -> None:
    said = refused(session, insert(LogLeaf), [leaf(log, position=position)])
    assert any(word in said for word in ("leaf_not_next", "leaf_not_first", "may only grow", "duplicate"))


def test_a_leaf_may_come_next(log: Ledger, session: Session) -> None:
    transact(lambda own: own.execute(insert(LogLeaf), [leaf(log)]), session=session)
    assert session.scalar(select(LogLeaf.kind).where(LogLeaf.position == 9)) == "log"


def test_a_hash_has_32_bytes(log: Ledger, session: Session) -> None:
    assert "leaf_hash_length" in refused(session, insert(LogLeaf), [leaf(log, leaf_sha256=b"short")])


@pytest.mark.parametrize("column", ["month", "word", "number"])
def test_the_leaf_of_a_line_names_its_own_voucher(
    log: Ledger, session: Session, waiting: Voucher, column: str
) -> None:
    other = {"month": 202602, "word": "收", "number": 7}[column]
    said = refused(session, insert(LogLeaf), [line(log, waiting, **{column: other})])
    assert "leaf_of_other_voucher" in said


def test_vouchers_come_in_the_order_of_their_numbers(log: Ledger, session: Session, waiting: Voucher) -> None:
    later = session.scalars(select(Voucher).where(Voucher.month == 202603, Voucher.number == 2)).one()
    values = line(log, later)
    session.rollback()
    assert "voucher_out_of_order" in refused(session, insert(LogLeaf), [values])


def test_the_lines_of_a_voucher_follow_one_another(log: Ledger, session: Session, waiting: Voucher) -> None:
    assert "leaf_out_of_order" in refused(session, insert(LogLeaf), [line(log, waiting, line_no=2)])


def test_a_voucher_is_not_cut_short(log: Ledger, session: Session, waiting: Voucher) -> None:
    rows = [line(log, waiting), leaf(log, position=10)]
    assert "voucher_cut_short" in refused(session, insert(LogLeaf), rows)


def test_a_line_has_one_leaf(log: Ledger, session: Session) -> None:
    voucher = session.scalars(select(Voucher).where(Voucher.month == 202602)).one()
    values = line(log, voucher)
    session.rollback()
    assert "voucher_out_of_order" in refused(session, insert(LogLeaf), [values])


def test_an_open_month_has_no_leaf(log: Ledger, session: Session) -> None:
    values = leaf(log, kind="month", month=202602, line_no=1, salt=None, number=None)
    assert "month_not_closed" in refused(session, insert(LogLeaf), [values])


def test_the_leaf_of_a_month_comes_after_its_lines(log: Ledger, session: Session, waiting: Voucher) -> None:
    def close_and_append(own: Session) -> None:
        for month in (202602, 202603):
            own.execute(
                update(Period)
                .where(Period.org_id == log.org_id, Period.month == month)
                .values(is_open=False, closed_by=14, closed_at=AT)
            )
        own.execute(
            insert(LogLeaf), [leaf(log, kind="month", month=202603, line_no=1, salt=None, number=None)]
        )

    with pytest.raises(DBAPIError, match="month_before_its_lines"):
        transact(close_and_append, session=session)


def test_a_node_comes_next(log: Ledger, session: Session) -> None:
    row = {"org_id": log.org_id, "level": 1, "number": 1, "sha256": bytes(32)}
    assert "node_not_next" in refused(session, insert(LogNode), [row])
    assert "node_hash_length" in refused(session, insert(LogNode), [row | {"number": 0, "sha256": b""}])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"number": 2}, "may only grow"),
        ({"number": 4}, "checkpoint_not_next"),
        ({"tree_size": 8}, "checkpoint_shrinks"),
        ({"root_sha256": bytes(32)}, "checkpoint_shrinks"),
        ({"tree_size": 10}, "checkpoint_beyond_log"),
    ],
)
def test_a_checkpoint_goes_on(log: Ledger, session: Session, values: dict[str, Any], said: str) -> None:
    last = session.scalars(select(Checkpoint).order_by(Checkpoint.number.desc())).first()
    assert last is not None
    known = {column.name: getattr(last, column.name) for column in Checkpoint.__table__.columns}
    session.rollback()
    message = refused(session, insert(Checkpoint), [known | {"number": 3} | values])
    # Where the number is taken, PostgreSQL's guard or its key says so first.
    assert any(text in message for text in (said, "checkpoint_not_next", "duplicate"))


def test_a_link_comes_next(log: Ledger, session: Session) -> None:
    row = {"org_id": log.org_id, "position": 99, "entry_id": 1, "sha256": bytes(32)}
    assert "link_not_next" in refused(session, insert(OplogLink), [row])
    count = len(session.scalars(select(OplogLink.position).where(OplogLink.org_id == log.org_id)).all())
    session.rollback()
    said = refused(session, insert(OplogLink), [row | {"position": count, "sha256": b""}])
    assert "link_hash_length" in said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tree_size": 8}, "log_shrinks"),
        ({"tree_size": 10}, "log_size_wrong"),
        ({"origin": "other.example/proofs"}, "log_renamed"),
        ({"public_key": bytes(32)}, "log_renamed"),
    ],
)
def test_the_logs_own_row_keeps_its_name_and_its_size(
    log: Ledger, session: Session, values: dict[str, Any], said: str
) -> None:
    assert said in refused(session, update(ProofLog).values(values))


def test_a_log_is_not_deleted_and_not_begun_again(log: Ledger, session: Session) -> None:
    assert "log_deleted" in refused(session, delete(ProofLog))
    own = session.get_one(ProofLog, log.org_id)
    row = {column.name: getattr(own, column.name) for column in ProofLog.__table__.columns}
    session.rollback()
    assert "log_not_empty" in refused(session, insert(ProofLog), [row])
    empty = row | {"tree_size": 0, "frontier": b""}
    assert "log_exists" in refused(session, insert(ProofLog), [empty])


@pytest.mark.parametrize("table", ["proofs_leaf", "proofs_node", "proofs_checkpoint", "proofs_oplog_link"])
@pytest.mark.parametrize("act", ["UPDATE {} SET org_id = org_id", "DELETE FROM {}"])
def test_what_was_appended_stays(log: Ledger, session: Session, table: str, act: str) -> None:
    with pytest.raises(DBAPIError):
        transact(lambda own: own.execute(text(act.format(table))), session=session)
