"""Declared triggers are read when they are registered; what cannot be compared is refused."""

from __future__ import annotations

import pytest

from charity import triggers
from charity.triggers import Trigger, TriggerTextError, append_only

BODY = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;"


def declare(sqlite: str = "", postgresql: str = "", name: str = "sample") -> Trigger:
    return Trigger(name, "sample_table", sqlite, postgresql)


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "_registered", {})


def test_what_is_registered_is_returned_by_name() -> None:
    second, first = declare(name="b"), declare(name="a")
    triggers.register([second, first])
    assert triggers.registered() == [first, second]


def test_the_same_declaration_may_be_registered_twice() -> None:
    triggers.register([declare()])
    triggers.register([declare()])
    assert len(triggers.registered()) == 1


def test_two_triggers_of_one_name_are_refused() -> None:
    triggers.register([declare()])
    with pytest.raises(TriggerTextError, match="two triggers are called sample"):
        triggers.register([declare(sqlite="CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END;")])


@pytest.mark.parametrize(
    ("postgresql", "why"),
    [
        (
            BODY + "CREATE TRIGGER t BEFORE INSERT ON s FOR EACH ROW WHEN (NEW.a > 0) EXECUTE FUNCTION f();",
            "WHEN",
        ),
        ("CREATE VIEW v AS SELECT 1;", "not a CREATE TRIGGER"),
        ("CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN RETURN NEW; END $$;", "name the language"),
        (BODY.replace("LANGUAGE plpgsql", "LANGUAGE plpgsql SECURITY DEFINER"), "search_path"),
        (
            BODY.replace("LANGUAGE plpgsql", "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public"),
            "pg_temp last",
        ),
        (BODY + BODY.replace("RETURN NEW", "RETURN NULL"), "two functions are called f"),
    ],
)
def test_a_postgresql_text_that_cannot_be_held_is_refused(postgresql: str, why: str) -> None:
    with pytest.raises(TriggerTextError, match=why):
        triggers.register([declare(postgresql=postgresql)])


@pytest.mark.parametrize(
    ("sqlite", "why"),
    [
        ("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1;", "does not end"),
        ("CREATE TABLE t (a);", "not a CREATE TRIGGER"),
        ("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END;" * 2, "two SQLite triggers"),
    ],
)
def test_an_sqlite_text_that_cannot_be_held_is_refused(sqlite: str, why: str) -> None:
    with pytest.raises(TriggerTextError, match=why):
        triggers.register([declare(sqlite=sqlite)])


def test_the_guard_of_a_growing_table_can_be_registered_for_several_tables() -> None:
    triggers.register([append_only("a", ["id"]), append_only("b", ["org_id", "id"])])
    assert len(triggers.registered()) == 2
