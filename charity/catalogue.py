"""The catalogue: whether guarded tables still stand in the database as the models declare them.

Imports SQLAlchemy and the ground floor only. A law kept by a constraint or an index is
gone when the owner drops it, and a right granted by hand opens a guarded table; neither
leaves a trace in the rows. The invariant: every constraint, index and right of a guarded
table is the declared one, and each difference is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Table, UniqueConstraint, inspect
from sqlalchemy.engine import Connection
from sqlalchemy.schema import Constraint

from charity import triggers
from charity.db import APPEND_ONLY, OWNER_ONLY, TRIGGER_ONLY, Base
from charity.grants import table_rights

#: What a check, key or index is, in a form both sides of a comparison can be brought to.
_Form = tuple[Any, ...]

_CAST = re.compile(
    r"::(?:character varying|text|bigint|integer|smallint|numeric|boolean|date|bpchar)(?:\(\d+\))?(?:\[\])?"
)
_BETWEEN = re.compile(r"(\w+(?:\(\w+\))?) between (\S+) and ([^\s)]+)")
_TOKEN = re.compile(r"'(?:[^']|'')*'|\d+|\w+|<>|<=|>=|[=<>+*/%-]")


def guarded_tables() -> list[Table]:
    """Return the tables that not every statement of the app may change, by name."""
    names = APPEND_ONLY | TRIGGER_ONLY | OWNER_ONLY | {item.table for item in triggers.registered()}
    return [table for name, table in sorted(Base.metadata.tables.items()) if name in names]


def compare(connection: Connection) -> list[str]:
    """Return the differences between guarded tables and their declarations, by name.

    Args:
        connection: any role's; only the catalogue is read.

    Returns:
        One sentence a difference (missing, changed, not declared, a right too many);
        empty when all is as declared.
    """
    tables = guarded_tables()
    found = list(_compare_tables(connection, tables))
    if connection.dialect.name == "postgresql":
        found += _foreign_rights(connection)
        found += _silent_keys(connection)
    return found


def _compare_tables(connection: Connection, tables: Iterable[Table]) -> Iterator[str]:
    """Yield the differences of columns, keys, checks and indexes."""
    present = _Present(connection, [table.name for table in tables])
    for table in tables:
        if table.name not in present.columns:
            yield f"the table {table.name} is missing"
            continue
        wanted = dict(_declared(connection, table))
        stands = present.of(table.name)
        for name in sorted(wanted.keys() | stands.keys()):
            if name not in stands:
                yield f"{table.name}: {name} is missing"
            elif name not in wanted:
                yield f"{table.name}: {name} is not declared"
            elif stands[name] != wanted[name]:
                yield f"{table.name}: {name} differs from its declaration"


def _declared(connection: Connection, table: Table) -> Iterator[tuple[str, _Form]]:
    """Yield name and form of everything the models say of a table."""
    quote = connection.dialect.identifier_preparer
    for column in table.columns:
        yield f"column {column.name}", (bool(column.nullable),)
    yield "the primary key", tuple(column.name for column in table.primary_key.columns)
    for item in table.constraints:
        if not _is_meant(item, connection.dialect.name):
            continue
        if isinstance(item, CheckConstraint):
            yield f"check {quote.format_constraint(item)}", _tokens(str(item.sqltext))
        elif isinstance(item, UniqueConstraint):
            yield f"key {quote.format_constraint(item)}", tuple(sorted(c.name for c in item.columns))
        elif isinstance(item, ForeignKeyConstraint):
            target = [element.target_fullname.split(".") for element in item.elements]
            pairs = sorted(zip(item.column_keys, (column for _, column in target), strict=True))
            yield (
                f"key {quote.format_constraint(item)}",
                (target[0][0], tuple(pairs), bool(item.deferrable), (item.initially or "").upper()),
            )
    for index in table.indexes:
        yield f"index {quote.format_index(index)}", _index_form(index, connection.dialect.name)


def _is_meant(item: Constraint, dialect: str) -> bool:
    """Say whether a constraint stands on this database."""
    condition = getattr(item, "_ddl_if", None)
    return condition is None or condition.dialect == dialect


def _index_form(index: Index, dialect: str) -> _Form:
    """Return the form of a declared index: unique or not, columns in order, condition."""
    where = index.dialect_options[dialect].get("where")
    return (
        bool(index.unique),
        tuple(c.name for c in index.columns),
        _tokens("" if where is None else str(where)),
    )


class _Present:
    """What the database says of some tables."""

    def __init__(self, connection: Connection, names: list[str]) -> None:
        reader = inspect(connection)
        self._dialect = connection.dialect.name
        self.columns = self._by_table(reader.get_multi_columns(filter_names=names))
        self._primary = self._by_table(reader.get_multi_pk_constraint(filter_names=names))
        self._checks = self._by_table(reader.get_multi_check_constraints(filter_names=names))
        self._uniques = self._by_table(reader.get_multi_unique_constraints(filter_names=names))
        self._foreign = self._by_table(reader.get_multi_foreign_keys(filter_names=names))
        self._indexes = self._by_table(reader.get_multi_indexes(filter_names=names))

    @staticmethod
    def _by_table(found: Mapping[Any, Any]) -> dict[str, Any]:
        return {name: value for (_, name), value in found.items()}

    def of(self, table: str) -> dict[str, _Form]:
        """Return name → form of everything that stands on a table."""
        forms: dict[str, _Form] = {
            f"column {column['name']}": (bool(column["nullable"]),) for column in self.columns[table]
        }
        forms["the primary key"] = tuple(self._primary[table]["constrained_columns"])
        forms |= {f"check {item['name']}": _tokens(item["sqltext"]) for item in self._checks[table]}
        for item in self._uniques[table]:
            forms[f"key {item['name']}"] = tuple(sorted(item["column_names"]))
        for item in self._foreign[table]:
            pairs = sorted(zip(item["constrained_columns"], item["referred_columns"], strict=True))
            options = item.get("options", {})
            forms[f"key {item['name']}"] = (
                item["referred_table"],
                tuple(pairs),
                bool(options.get("deferrable")),
                (options.get("initially") or "").upper(),
            )
        for item in self._indexes[table]:
            if item.get("duplicates_constraint"):
                continue
            where = item.get("dialect_options", {}).get(f"{self._dialect}_where")
            condition = _tokens("" if where is None else str(where))
            forms[f"index {item['name']}"] = bool(item["unique"]), tuple(item["column_names"]), condition
        return forms


def _tokens(sql: str) -> _Form:
    """Return the words, values and signs of a condition in order, as both databases write them.

    PostgreSQL gives a condition back with casts, brackets and ``= ANY (ARRAY[…])`` for ``IN``.
    """
    parts = re.split(r"('(?:[^']|'')*')", sql)
    text = "".join(part if part.startswith("'") else part.lower() for part in parts)
    text = _CAST.sub("", text)
    text = _BETWEEN.sub(r"\1 >= \2 and \1 <= \3", text)
    text = re.sub(r"(?i)= any\b", "=", re.sub(r"(?i)<> all\b", "<>", text)).replace("!=", "<>")
    text = re.sub(r"\bnot in\b", "<>", text)
    text = re.sub(r"\bin\b(?= *\()", "=", text)
    words = [word.strip('"') for word in _TOKEN.findall(text) if word != "array"]
    return tuple(word[1:-1] if re.fullmatch(r"'-?\d+'", word) else word for word in words)


def _foreign_rights(connection: Connection) -> Iterator[str]:
    """Yield the rights that anybody but the owner has beyond those of the app."""
    rows = connection.exec_driver_sql(
        "SELECT c.relname, '', coalesce(r.rolname, 'PUBLIC'), a.privilege_type"
        " FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND a.grantee <> c.relowner"
        " UNION ALL SELECT c.relname, '.' || t.attname, coalesce(r.rolname, 'PUBLIC'), a.privilege_type"
        " FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid"
        " CROSS JOIN LATERAL aclexplode(t.attacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND a.grantee <> c.relowner ORDER BY 1, 2, 3, 4"
    )
    for table, column, role, right in rows:
        if right not in table_rights(table) | {"SELECT"}:
            yield f"the role {role} may {right} {table}{column}"


def _silent_keys(connection: Connection) -> Iterator[str]:
    """Yield the tables whose foreign keys were switched off."""
    rows = connection.exec_driver_sql(
        "SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE t.tgisinternal AND t.tgenabled NOT IN ('O', 'A')"
        " AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    for (table,) in rows:
        yield f"the foreign keys of {table} are switched off"
