"""What a database holds, in words that can be compared: tables, columns, constraints, indexes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy.engine import Connection

_CONSTRAINT = re.compile(r"(?:CONSTRAINT|PRIMARY KEY|UNIQUE|CHECK|FOREIGN KEY)\b")


def describe(connection: Connection) -> list[str]:
    """Return one line a column, constraint and index of a database, sorted."""
    lines = _sqlite(connection) if connection.dialect.name == "sqlite" else _postgresql(connection)
    return sorted(line for line in lines if "alembic_version" not in line)


def _sqlite(connection: Connection) -> Iterator[str]:
    """Yield what SQLite keeps: the text of each statement, split at its commas."""
    rows = connection.exec_driver_sql(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL"
    )
    for kind, name, sql in rows:
        text = re.sub(r"\s+", " ", sql)
        if kind == "index":
            yield text
            continue
        for place, part in enumerate(_parts(text)):
            yield f"{name}: {part}" if _CONSTRAINT.match(part) else f"{name}: column {place}: {part}"


def _parts(create_table: str) -> list[str]:
    """Return the definitions inside CREATE TABLE, split at the outermost commas."""
    inside = create_table[create_table.index("(") + 1 : create_table.rindex(")")]
    parts, depth, is_text = [""], 0, False
    for character in inside:
        is_text ^= character == "'"
        depth += (character == "(") - (character == ")") if not is_text else 0
        if character == "," and depth == 0 and not is_text:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _postgresql(connection: Connection) -> Iterator[str]:
    """Yield what PostgreSQL's catalogue says, in PostgreSQL's own words."""
    rows = connection.exec_driver_sql(
        "SELECT c.relname || ': column ' || a.attnum || ': ' || a.attname"
        " || ' ' || format_type(a.atttypid, a.atttypmod)"
        " || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END"
        " || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
        " AND a.attnum > 0 AND NOT a.attisdropped"
        " UNION ALL SELECT c.relname || ': ' || n.conname || ' ' || pg_get_constraintdef(n.oid)"
        " FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid"
        " WHERE n.connamespace = 'public'::regnamespace"
        " UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    yield from (str(line) for (line,) in rows)
