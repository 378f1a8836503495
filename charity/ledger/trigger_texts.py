"""One text for two databases: how a guard of the ledger is written down.

A check is a problem code and the condition under which the row is refused; an act is a
statement that follows. Parts in braces differ between SQLite and PostgreSQL. The message
of a refusal is ``ledger:`` and the code, which ``refusals`` turns into a sentence.
"""

from __future__ import annotations

from charity.triggers import Trigger

SQLITE_PARTS = {
    # Without statistics SQLite would walk the whole org along an index that happens to
    # have the order of a GROUP BY; a unary plus keeps it on the lines of the voucher.
    "+": "+",
    "month_of_date": "CAST(strftime('%Y%m', NEW.voucher_on) AS INTEGER)",
    "year_13": "CAST(strftime('%Y', NEW.voucher_on) AS INTEGER) * 100 + 13",
    "is_last_day": "strftime('%m-%d', NEW.voucher_on) = '12-31'",
    "false": "0",
    "true": "1",
    # Whether two values differ, none counting as a value.
    "differs": "IS NOT",
}
POSTGRESQL_PARTS = {
    "+": "",
    "month_of_date": "CAST(to_char(NEW.voucher_on, 'YYYYMM') AS integer)",
    "year_13": "CAST(to_char(NEW.voucher_on, 'YYYY') AS integer) * 100 + 13",
    "is_last_day": "to_char(NEW.voucher_on, 'MM-DD') = '12-31'",
    "false": "false",
    "true": "true",
    "differs": "IS DISTINCT FROM",
}


def _fill(text: str, parts: dict[str, str]) -> str:
    """Return a fragment with the parts of one database put in."""
    for name, value in parts.items():
        text = text.replace("{" + name + "}", value)
    return text


def sqlite_trigger(name: str, event: str, table: str, checks: list[tuple[str, str]], acts: list[str]) -> str:
    """Return one SQLite trigger: refusals first, then statements."""
    body = [
        f"SELECT RAISE(ABORT, 'ledger: {code}') WHERE {_fill(when, SQLITE_PARTS)};" for code, when in checks
    ]
    body += [_fill(act, SQLITE_PARTS) + ";" for act in acts]
    return f"CREATE TRIGGER {name} {event} ON {table} BEGIN\n" + "\n".join(body) + "\nEND;\n"


def postgresql_trigger(
    name: str,
    event: str,
    table: str,
    checks: list[tuple[str, str]],
    acts: list[str],
    result: str = "NEW",
    first: list[str] | None = None,
) -> str:
    """Return one PostgreSQL function with the owner's rights and its trigger."""
    body = [f"  {act};" for act in first or ()]
    body += [
        f"  IF ({_fill(when, POSTGRESQL_PARTS)}) THEN RAISE EXCEPTION 'ledger: {code}'; END IF;"
        for code, when in checks
    ]
    body += ["  " + _fill(act, POSTGRESQL_PARTS) + ";" for act in acts]
    lines = "\n".join(body)
    return f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
{lines}
  RETURN {result};
END $$;
CREATE TRIGGER {name} {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}();
"""


def both_databases(
    name: str, event: str, table: str, checks: list[tuple[str, str]], acts: list[str]
) -> Trigger:
    """Return a trigger whose text is the same on both databases but for small parts."""
    result = "OLD" if "DELETE" in event else "NEW"
    return Trigger(
        name,
        table,
        sqlite_trigger(name, event, table, checks, acts),
        postgresql_trigger(name, event, table, checks, acts, result),
    )
