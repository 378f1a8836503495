"""Triggers: the database's own guards, declared as text, installed and compared.

Imports the standard library, SQLAlchemy and the ground floor only. A feature declares
its guards in ``sealing.py`` and registers them here; a migration installs them and
``compare`` finds every guard that is missing, changed, switched off or foreign. The
invariant: what stands in the database is what stands in the text, on both databases.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class Trigger:
    """One guard of one table, as text for both databases.

    Attributes:
        name: lower case; the trigger's name, or the stem of its names where SQLite
            needs several (SQLite has one event a trigger).
        table: the table it stands on.
        sqlite: ``CREATE TRIGGER`` statements; empty where SQLite needs none.
        postgresql: ``CREATE FUNCTION`` and ``CREATE TRIGGER`` statements; the condition
            stands in the function, not in ``WHEN``, which PostgreSQL rewrites. A
            function may be declared again with the same text by other triggers.
    """

    name: str
    table: str
    sqlite: str
    postgresql: str


class TriggerTextError(ValueError):
    """A declared trigger cannot be read; raised while registering, never later."""


@dataclass(frozen=True, slots=True)
class _Declared:
    """One parsed declaration: a trigger or a function, with its text for comparison."""

    name: str
    table: str
    statement: str
    text: str


_CREATE_TRIGGER = re.compile(
    r"create\s+(?:or\s+replace\s+)?trigger\s+(?:if\s+not\s+exists\s+)?(?P<name>\w+)\s+(?P<rest>.*)",
    re.I | re.S,
)
_CREATE_FUNCTION = re.compile(
    r"create\s+(?:or\s+replace\s+)?function\s+(?:public\.)?(?P<name>\w+)\s*\(\s*\)\s*returns\s+trigger"
    r"(?P<before>.*?)\bas\s+(?P<quote>\$\w*\$)(?P<body>.*)(?P=quote)(?P<after>.*)",
    re.I | re.S,
)
_EVENTS = re.compile(
    r"(?P<time>before|after|instead of)\s+(?P<events>.+?)\s+on\s+(?:public\.)?(?P<table>\w+)\s+(?P<rest>.*)",
    re.S,
)
_registered: dict[str, Trigger] = {}


def register(triggers: Iterable[Trigger]) -> None:
    """Register the guards of one feature; called by its ``sealing.py`` at import.

    Raises:
        TriggerTextError: a text cannot be read, or a name is declared twice.
    """
    for trigger in triggers:
        if _registered.setdefault(trigger.name, trigger) != trigger:
            raise TriggerTextError(f"two triggers are called {trigger.name}")
        _sqlite_triggers([trigger])
        _postgresql_parts([trigger])


def registered() -> list[Trigger]:
    """Return every registered trigger, by name."""
    return [_registered[name] for name in sorted(_registered)]


def append_only(table: str, key: Sequence[str]) -> Trigger:
    """Return the guard of a table that may only grow: no change, no removal, no replacement.

    Args:
        table: its name.
        key: columns of its primary key; on SQLite ``INSERT OR REPLACE`` would otherwise
            slip past a delete trigger.
    """
    match = " AND ".join(f"{column} = NEW.{column}" for column in key)
    sqlite = "\n".join(
        f"CREATE TRIGGER {table}_{suffix} BEFORE {event} ON {table} BEGIN"
        f" SELECT RAISE(ABORT, 'ledger: {table} may only grow'){condition}; END;"
        for suffix, event, condition in (
            ("no_update", "UPDATE", ""),
            ("no_delete", "DELETE", ""),
            ("no_replace", "INSERT", f" WHERE EXISTS (SELECT 1 FROM {table} WHERE {match})"),
        )
    )
    postgresql = f"""
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ledger: % may only grow', TG_TABLE_NAME;
END $$;
CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
    return Trigger(f"{table}_append_only", table, sqlite, postgresql)


def install(connection: Connection, triggers: Sequence[Trigger] | None = None) -> None:
    """Make the database's triggers equal their text; run by the owner after migrations.

    A trigger on the project's tables that is not declared is dropped: the text decides.

    Args:
        connection: the owner's, inside a transaction.
        triggers: the declarations; every registered one when None.
    """
    declared = registered() if triggers is None else list(triggers)
    if connection.dialect.name == "sqlite":
        for name in _sqlite_installed(connection):
            _run(connection, f'DROP TRIGGER "{name}"')
        for item in _sqlite_triggers(declared).values():
            _run(connection, item.statement)
        return
    for name, table, *_ in _postgresql_installed(connection):
        _run(connection, f'DROP TRIGGER "{name}" ON "{table}"')
    functions, wanted = _postgresql_parts(declared)
    for item in functions.values():
        _run(
            connection,
            re.sub(r"(?i)create\s+function", "CREATE OR REPLACE FUNCTION", item.statement, count=1),
        )
        _run(connection, f'REVOKE ALL ON FUNCTION "{item.name}"() FROM PUBLIC')
    for item in wanted.values():
        _run(connection, item.statement)
        # ALWAYS: a session in replica mode would otherwise pass every guard.
        _run(connection, f'ALTER TABLE "{item.table}" ENABLE ALWAYS TRIGGER "{item.name}"')


def _run(connection: Connection, statement: str) -> None:
    """Run a statement as it is written: a ``%`` in a trigger's body is no parameter."""
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def compare(connection: Connection, triggers: Sequence[Trigger] | None = None) -> list[str]:
    """Return the differences between the database's triggers and their text, by name.

    Args:
        connection: any role's; only the catalogue is read.
        triggers: the declarations; every registered one when None.

    Returns:
        One sentence a difference (missing, changed, switched off, not declared);
        empty when all is as declared.
    """
    declared = registered() if triggers is None else list(triggers)
    if connection.dialect.name == "sqlite":
        return list(_compare_sqlite(connection, declared))
    return list(_compare_postgresql(connection, declared))


def _compare_sqlite(connection: Connection, declared: Sequence[Trigger]) -> Iterator[str]:
    """Yield the differences on SQLite."""
    wanted = _sqlite_triggers(declared)
    present = _sqlite_installed(connection)
    for name in sorted(wanted.keys() | present.keys()):
        if name not in present:
            yield f"the trigger {name} is missing"
        elif name not in wanted:
            yield f"the trigger {name} is not declared"
        elif _fold(present[name]) != wanted[name].text:
            yield f"the trigger {name} differs from its text"


def _compare_postgresql(connection: Connection, declared: Sequence[Trigger]) -> Iterator[str]:
    """Yield the differences on PostgreSQL: functions, triggers, and whether they fire."""
    functions, wanted = _postgresql_parts(declared)
    present = {row[0]: row for row in _postgresql_installed(connection)}
    bodies = {row[0]: row for row in _postgresql_functions(connection)}
    for name in sorted(functions):
        if name not in bodies:
            yield f"the function {name} is missing"
        elif _function_text(*bodies[name][1:]) != functions[name].text:
            yield f"the function {name} differs from its text"
    for name in sorted(wanted.keys() | present.keys()):
        if name not in present:
            yield f"the trigger {name} is missing"
            continue
        _, table, definition, enabled = present[name]
        if name not in wanted:
            yield f"the trigger {name} on {table} is not declared"
        elif _trigger_text(_match_trigger(definition)["rest"]) != wanted[name].text:
            yield f"the trigger {name} differs from its text"
        elif enabled != "A":
            yield f"the trigger {name} does not always fire"


def _sqlite_installed(connection: Connection) -> dict[str, str]:
    """Return the text of each trigger of an SQLite database, by name."""
    rows = connection.exec_driver_sql("SELECT lower(name), sql FROM sqlite_master WHERE type = 'trigger'")
    return {str(name): str(text) for name, text in rows}


def _postgresql_installed(connection: Connection) -> list[tuple[str, str, str, str]]:
    """Return name, table, definition and mode of each trigger of the schema."""
    rows = connection.exec_driver_sql(
        "SELECT t.tgname, c.relname, pg_get_triggerdef(t.oid), t.tgenabled::text FROM pg_trigger t"
        " JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace ORDER BY t.tgname"
    )
    return [(name, table, definition, enabled) for name, table, definition, enabled in rows]


def _postgresql_functions(connection: Connection) -> list[tuple[str, str, bool, list[str] | None, str]]:
    """Return name, body, security, settings and language of each trigger function."""
    rows = connection.exec_driver_sql(
        "SELECT p.proname, p.prosrc, p.prosecdef, p.proconfig, l.lanname FROM pg_proc p"
        " JOIN pg_language l ON l.oid = p.prolang"
        " WHERE p.prorettype = 'trigger'::regtype AND p.pronamespace = 'public'::regnamespace"
    )
    return [(name, body, definer, settings, language) for name, body, definer, settings, language in rows]


def _fold(text: str) -> str:
    """Return SQL with blanks folded, as both sides of a comparison are written."""
    folded = re.sub(r"\s+", " ", text.strip().rstrip(";").strip())
    return re.sub(r"(?i)^create trigger if not exists", "CREATE TRIGGER", folded)


def _function_text(body: str, is_definer: bool, settings: Sequence[str] | None, language: str) -> str:
    """Return the comparable form of a trigger function."""
    paths = sorted(re.sub(r"[\s\"']", "", setting).lower() for setting in settings or ())
    return f"{language.lower()} {'definer' if is_definer else 'invoker'} {paths} {_fold(body)}"


def _trigger_text(rest: str) -> str:
    """Return the comparable form of what follows a PostgreSQL trigger's name.

    PostgreSQL writes the events in an order of its own and qualifies names.

    Raises:
        TriggerTextError: a ``WHEN`` condition, or a form this cannot read.
    """
    plain = re.sub(r'["\s]+', " ", rest.strip().rstrip(";")).strip().lower()
    match = _EVENTS.fullmatch(plain)
    if match is None or re.search(r"\bwhen\b", match["rest"]):
        raise TriggerTextError(f"a PostgreSQL trigger without WHEN is expected, not: {rest[:80]}")
    events = " or ".join(
        sorted(re.sub(r"\s*,\s*", ", ", event) for event in re.split(r"\s+or\s+", match["events"]))
    )
    tail = match["rest"].replace("execute procedure", "execute function").replace("public.", "")
    tail = re.sub(r"\s*\(\s*\)", "()", tail)
    return f"{match['time']} {events} on {match['table']} {tail}"


def _match_trigger(statement: str) -> re.Match[str]:
    """Return the name and the rest of a ``CREATE TRIGGER`` statement."""
    match = _CREATE_TRIGGER.fullmatch(statement.strip())
    if match is None:
        raise TriggerTextError(f"not a CREATE TRIGGER statement: {statement.strip()[:80]}")
    return match


def _sqlite_triggers(triggers: Iterable[Trigger]) -> dict[str, _Declared]:
    """Return the SQLite triggers of the declarations, by name."""
    found: dict[str, _Declared] = {}
    for trigger in triggers:
        for statement in _split_sqlite(trigger.sqlite):
            name = _match_trigger(statement)["name"].lower()
            if name in found:
                raise TriggerTextError(f"two SQLite triggers are called {name}")
            found[name] = _Declared(name, trigger.table, statement, _fold(statement))
    return found


def _postgresql_parts(triggers: Iterable[Trigger]) -> tuple[dict[str, _Declared], dict[str, _Declared]]:
    """Return the functions and the triggers of the declarations, by name."""
    functions: dict[str, _Declared] = {}
    found: dict[str, _Declared] = {}
    for trigger in triggers:
        for statement in _split_postgresql(trigger.postgresql):
            if function := _CREATE_FUNCTION.fullmatch(statement):
                item = _declared_function(function, statement)
                if functions.setdefault(item.name, item).text != item.text:
                    raise TriggerTextError(f"two functions are called {item.name}")
                continue
            match = _match_trigger(statement)
            name = match["name"].lower()
            if name in found:
                raise TriggerTextError(f"two PostgreSQL triggers are called {name}")
            found[name] = _Declared(name, trigger.table, statement, _trigger_text(match["rest"]))
    return functions, found


def _declared_function(match: re.Match[str], statement: str) -> _Declared:
    """Return a declared trigger function; its options may stand before or after the body."""
    options = re.sub(r"\s+", " ", match["before"] + " " + match["after"]).lower()
    language = re.search(r"\blanguage (\w+)", options)
    settings = re.findall(r"\bset (\w+)\s*(?:=|to)\s*((?:[\w\"'$]+)(?:\s*,\s*[\w\"'$]+)*)", options)
    is_definer = "security definer" in options
    # Without pg_temp at the end a session's own temporary table would be found first.
    if language is None or (is_definer and not dict(settings).get("search_path", "").endswith("pg_temp")):
        raise TriggerTextError(
            f"{match['name']}: name the language; with the owner's rights a search_path with pg_temp last"
        )
    paths = [f"{name}={value}" for name, value in settings]
    text = _function_text(match["body"], is_definer, paths, language[1])
    return _Declared(match["name"].lower(), "", statement, text)


def _split_sqlite(script: str) -> Iterator[str]:
    """Yield the statements of an SQLite script; a trigger's body holds semicolons too."""
    rest = ""
    for piece in re.split(r"(?<=;)", script):
        rest += piece
        if sqlite3.complete_statement(rest):
            yield rest.strip()
            rest = ""
    if rest.strip():
        raise TriggerTextError(f"a statement does not end: {rest.strip()[:80]}")


def _split_postgresql(script: str) -> Iterator[str]:
    """Yield the statements of a PostgreSQL script; dollar-quoted bodies stay whole."""
    tokens = re.split(r"(\$\w*\$.*?\$\w*\$|;)", script, flags=re.S)
    rest = ""
    for token in tokens:
        if token != ";":
            rest += token
        elif rest.strip():
            yield rest.strip()
            rest = ""
    if rest.strip():
        yield rest.strip()
