"""The page of the operation log, its files, and the lines other pages show of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from charity.db import db
from charity.documents.columns import Column
from charity.documents.spreadsheet import iterate_csv
from charity.errors import N_
from charity.oplog import rules
from charity.oplog.forms import LogFilterForm
from charity.oplog.queries import LogFilter, LogRow, every_entry, search_entries
from charity.oplog.service import ADDRESS
from charity.web import navigation
from charity.web.access import permission_required
from charity.web.context import current_actor
from charity.web.filters import instant, translated
from charity.web.limits import client_address
from charity.web.render import FileColumn, exports, render, table_rule

blueprint = Blueprint("oplog", __name__)

navigation.register("office", "oplog.log", N_("Operation log"), "oplog.read", order=80, group="settings")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One entry in the reader's language.

    Attributes:
        at: the instant, UTC.
        time: the same in the org's zone, to the second.
        who: the name signed with; 系统 for the system.
        act: what was done, as a sentence.
        subject: what it was done to.
        summary: the actor's line.
        changes: (label, old, new); old is empty where nothing stood before.
        changes_text: the same in one line, for files.
        address: the first digits of the address's hash; empty without one.
    """

    at: datetime
    time: str
    who: str
    act: str
    subject: str
    summary: str
    changes: tuple[tuple[str, str, str], ...]
    changes_text: str
    address: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """The operation log.

    Attributes:
        filter: the form of the filter.
        lines: one page of entries, newest first.
        older_url: the next page; empty on the last.
        newest_url: the first page; empty on it.
        exports: (label, address) of the files with the same filter.
    """

    filter: LogFilterForm
    lines: tuple[LogLine, ...]
    older_url: str
    newest_url: str
    exports: tuple[tuple[str, str], ...]


@blueprint.before_app_request
def note_address() -> None:
    """Leave the client's address where entries of this request take it from."""
    # A request through a local socket has none that can be read; its entries go without.
    with suppress(ValueError):
        db.session().info[ADDRESS] = client_address()


def _changes(details: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, value in details.items():
        if value in ("", None, []):
            continue
        label = translated(rules.LABELS[name]) if name in rules.LABELS else name
        if isinstance(value, dict):
            yield label, _value(name, value.get("old")), _value(name, value.get("new"))
        else:
            yield label, "", _value(name, value)


def _value(name: str, value: Any) -> str:
    """Return a value in words: registered words are translated, the rest is data."""
    if isinstance(value, list):
        return "、".join(_value(name, item) for item in value) or "–"
    word = rules.WORDS.get((name, value)) if isinstance(value, str) else None
    return translated(word) if word else rules.value_text(name, value)


def shown_lines(rows: Iterable[LogRow]) -> tuple[LogLine, ...]:
    """Return entries in the reader's language."""
    return tuple(_line(row) for row in rows)


def _line(row: LogRow) -> LogLine:
    changes = tuple(_changes(row.details))
    kind = rules.SUBJECTS.get(row.subject_kind, "")
    texts = (f"{label}: {old} → {new}" if old else f"{label}: {new}" for label, old, new in changes)
    return LogLine(
        at=row.at,
        time=f"{instant(row.at)}:{row.at.second:02d}",
        who=row.user_name or _("System"),
        act=translated(rules.ACTS.get(row.act, row.act)),
        subject=f"{translated(kind)} {row.subject_no}".strip(),
        summary=row.summary,
        changes=changes,
        changes_text="; ".join(texts),
        address=row.address_hash[:12],
    )


def _wanted(form: LogFilterForm) -> LogFilter:
    return LogFilter(
        who=form.who.data or "",
        from_on=form.from_on.data,
        until_on=form.until_on.data,
        text=form.text.data or "",
        act=form.act.data or "",
    )


@table_rule(blueprint, "/office/log")
@permission_required("oplog.read")
def log(fmt: str) -> ResponseReturnValue:
    """Show administrators, supervisors and inspectors who did what, when, from old to new."""
    org_id = current_actor().org_id
    form = LogFilterForm(formdata=request.args)
    form.validate()
    wanted = _wanted(form)
    if fmt != "html":
        return _file(org_id, wanted, fmt)
    cursor = request.args.get("cursor", "")
    page = search_entries(db.session(), org_id, wanted, cursor=cursor)
    kept = {name: value for name, value in request.args.items() if name != "cursor" and value}
    older = url_for("oplog.log", **kept, cursor=page.next_cursor) if page.next_cursor else ""
    files = tuple((name.upper(), url_for("oplog.log", fmt=name, **kept)) for name in ("csv", "json"))
    newest = url_for("oplog.log", **kept) if cursor else ""
    return render("oplog/log.html", LogPage(form, shown_lines(page.rows), older, newest, files))


def _file(org_id: int, wanted: LogFilter, fmt: str) -> Response:
    """Return the log as a file in plain language; CSV is written while it is read."""
    columns = [
        FileColumn("time", _("Time")),
        FileColumn("who", _("Person")),
        FileColumn("act", _("Act")),
        FileColumn("subject", _("Subject")),
        FileColumn("summary", _("Summary")),
        FileColumn("changes_text", _("Details (old → new)")),
        FileColumn("address", _("Address (hash)")),
    ]
    lines = (_line(row) for row in every_entry(db.session(), org_id, wanted))
    if fmt == "json":
        return exports(list(lines), columns, "operation-log", "json")
    rows = ([getattr(line, column.key) for column in columns] for line in lines)
    body = iterate_csv([Column(column.title) for column in columns], rows, bom=True)
    response = Response(stream_with_context(body), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="operation-log.csv"'
    return response
