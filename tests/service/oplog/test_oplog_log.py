"""The operation log only grows and is found again by person, time and content."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.oplog import queries
from charity.oplog.models import OpLogEntry
from charity.oplog.queries import LogFilter, search_entries
from charity.oplog.rules import Change, register_acts
from charity.oplog.service import ADDRESS, record

register_acts(
    {"testing.paid": "Paid a test", "testing.named": "Named a test", "proving.named": "Named a proof"}
)

NOON = datetime(2026, 3, 15, 4, 0, tzinfo=UTC)


def actor(name: str = "张三丰", *, org_id: int = 1, at: datetime = NOON, user_id: int = 7) -> Actor:
    return Actor(user_id=user_id, org_id=org_id, name=name, permissions=frozenset(), at=at)


def write(session: Session, **values: object) -> int:
    values.setdefault("actor", actor())
    values.setdefault("act", "testing.paid")
    return transact(lambda own: record(own, **values), session=session)  # type: ignore[arg-type]


def test_an_entry_tells_who_what_when_and_old_to_new(session: Session) -> None:
    write(session, subject_kind="fund", subject_no="F1", summary="急难基金", amount_fen=Change(100, 200))
    (row,) = search_entries(session, 1).rows
    assert (row.at, row.user_name, row.act) == (NOON, "张三丰", "testing.paid")
    assert (row.subject_kind, row.subject_no, row.summary) == ("fund", "F1", "急难基金")
    assert row.details == {"amount_fen": {"old": 100, "new": 200}}


def test_an_act_without_a_sentence_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="no sentence"):
        write(session, act="testing.unheard_of")


def test_the_entry_dies_with_its_act(session: Session) -> None:
    def act(own: Session) -> None:
        record(own, actor=actor(), act="testing.paid")
        raise RuntimeError("the act fails after it was logged")

    with pytest.raises(RuntimeError):
        transact(act, session=session)
    assert search_entries(session, 1).rows == ()


def test_the_address_is_kept_as_a_keyed_hash(session: Session) -> None:
    session.info[ADDRESS] = "203.0.113.9"
    write(session)
    (row,) = search_entries(session, 1).rows
    assert len(row.address_hash) == 64 and "203" not in row.address_hash


def test_without_a_request_there_is_no_address(session: Session) -> None:
    write(session)
    assert search_entries(session, 1).rows[0].address_hash == ""


@pytest.mark.parametrize("who", ["张三", "zhangsan", "zsf", "ZhangSanFeng", "三 丰"])
def test_found_by_person(session: Session, who: str) -> None:
    write(session)
    write(session, actor=actor("李四", user_id=8))
    assert [row.user_name for row in search_entries(session, 1, LogFilter(who=who)).rows] == ["张三丰"]


def test_found_by_business_day_at_both_midnights(session: Session) -> None:
    """The office's day runs from 16:00 UTC to 16:00 UTC."""
    for hour, minute in ((15, 59), (16, 0)):
        at = datetime(2026, 3, 14, hour, minute, tzinfo=UTC)
        write(session, actor=actor(at=at), summary=f"{hour}:{minute:02d}")
        write(session, actor=actor(at=at + timedelta(days=1)), summary=f"next {hour}:{minute:02d}")
    found = search_entries(session, 1, LogFilter(from_on=date(2026, 3, 15), until_on=date(2026, 3, 15))).rows
    assert [row.summary for row in found] == ["next 15:59", "16:00"]


def test_found_by_content(session: Session) -> None:
    write(session, subject_no="2026-03 记-0007", summary="更正摘要", reason=Change("打错", "改正"))
    write(session, summary="别的事")
    for text_wanted in ("记-0007", "更正", "打错", "改 正"):
        assert len(search_entries(session, 1, LogFilter(text=text_wanted)).rows) == 1


def test_a_wildcard_in_the_search_is_an_ordinary_character(session: Session) -> None:
    write(session, summary="100 percent")
    write(session, actor=actor("a_b"))
    assert search_entries(session, 1, LogFilter(text="1$0")).rows == ()
    assert search_entries(session, 1, LogFilter(text="1+0")).rows == ()
    assert search_entries(session, 1, LogFilter(who="axb")).rows == ()


def test_found_by_act_and_by_feature(session: Session) -> None:
    for act in ("testing.paid", "testing.named", "proving.named"):
        write(session, act=act)
    assert len(search_entries(session, 1, LogFilter(act="testing.named")).rows) == 1
    assert len(search_entries(session, 1, LogFilter(act="testing.")).rows) == 2


def test_the_story_of_one_subject_newest_first(session: Session) -> None:
    write(session, subject_kind="user", subject_no="li", summary="first")
    write(
        session,
        subject_kind="user",
        subject_no="li",
        summary="second",
        actor=actor(at=NOON + timedelta(hours=1)),
    )
    write(session, subject_kind="user", subject_no="wang")
    assert [row.summary for row in queries.story(session, 1, "user", "li")] == ["second", "first"]


def test_another_org_is_never_seen(session: Session) -> None:
    write(session, actor=actor(org_id=2))
    assert search_entries(session, 1).rows == ()


def test_pages_follow_one_another_without_gap_or_repetition(session: Session) -> None:
    """Entries of the same instant are the hard case: the id decides between them."""
    for number in range(7):
        write(session, summary=str(number), actor=actor(at=NOON + timedelta(seconds=number // 3)))
    seen: list[str] = []
    cursor = ""
    while True:
        page = search_entries(session, 1, cursor=cursor, limit=2)
        seen += [row.summary for row in page.rows]
        cursor = page.next_cursor
        if not cursor:
            break
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


def test_a_broken_cursor_starts_over(session: Session) -> None:
    write(session)
    assert len(search_entries(session, 1, cursor="nonsense").rows) == 1


def test_the_export_reads_every_entry(session: Session) -> None:
    for number in range(5):
        write(session, summary=str(number))
    rows = list(queries.every_entry(session, 1, LogFilter()))
    assert [row.summary for row in rows] == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    "statement",
    [
        update(OpLogEntry).values(summary="rewritten"),
        delete(OpLogEntry),
        text("UPDATE oplog_entry SET user_name = 'x'"),
    ],
)
def test_the_app_cannot_change_an_entry(session: Session, statement: object) -> None:
    write(session)
    with pytest.raises(DBAPIError):
        transact(lambda own: own.execute(statement), session=session)  # type: ignore[call-overload]
    assert search_entries(session, 1).rows[0].user_name == "张三丰"


def test_an_entry_cannot_be_replaced_under_its_id(session: Session) -> None:
    entry_id = write(session)
    columns = {
        column.name: getattr(session.scalars(select(OpLogEntry)).one(), column.name)
        for column in OpLogEntry.__table__.columns
    }
    columns["summary"] = "replaced"
    statement = insert(OpLogEntry)
    if session.get_bind().dialect.name == "sqlite":
        statement = statement.prefix_with("OR REPLACE")
    with pytest.raises(DBAPIError):
        transact(lambda own: own.execute(statement, columns), session=session)
    assert session.get(OpLogEntry, (1, entry_id)).summary == ""  # type: ignore[union-attr]


def test_an_entry_cannot_be_replaced_under_its_row_id(session: Session) -> None:
    if session.get_bind().dialect.name != "sqlite":
        with pytest.raises(DBAPIError):
            transact(lambda own: own.execute(text("TRUNCATE oplog_entry")), session=session)
        return
    write(session)
    names = [column.name for column in OpLogEntry.__table__.columns]
    chosen = ", ".join("id + 1" if name == "id" else name for name in names)
    into = f"INSERT OR REPLACE INTO oplog_entry (rowid, {', '.join(names)})"
    sql = f"{into} SELECT rowid, {chosen} FROM oplog_entry"
    with pytest.raises(DBAPIError, match="sealed"):
        transact(lambda own: own.execute(text(sql)), session=session)
    assert len(search_entries(session, 1).rows) == 1
