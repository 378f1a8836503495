"""Answers: a page from its template and dataclass, a table as CSV or JSON, a refusal.

A template gets ``page`` (a frozen dataclass of the feature) and ``layout`` (the frame),
nothing else; undefined names are errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import date
from typing import Any, Literal

from flask import Blueprint, Response, current_app, json, make_response, render_template, request
from flask.typing import ResponseReturnValue

from charity.documents.columns import Column, Kind
from charity.documents.spreadsheet import write_csv
from charity.errors import Problem, Refused
from charity.web.access import access_of
from charity.web.forms import sentence_of
from charity.web.layout import Layout, office_layout, public_layout


@dataclass(frozen=True, slots=True)
class Sentence:
    """One problem in the reader's language.

    Attributes:
        where: the form field, line or row; empty for the whole.
        code: the problem's code.
        text: the sentence.
    """

    where: str
    code: str
    text: str


def problems_of(refused: Refused) -> list[Sentence]:
    """Return the problems of a refusal in the reader's language, in their order."""
    return [sentence(problem) for problem in refused.problems]


def sentence(problem: Problem) -> Sentence:
    """Return one problem in the reader's language."""
    return Sentence(problem.where, problem.code, sentence_of(problem))


def layout_of_request() -> Layout:
    """Return the frame the endpoint's access asks for: public pages have no person."""
    access = access_of(current_app, request.endpoint) if request.endpoint else None
    return public_layout() if access is None or access.kind == "public" else office_layout()


def render(template: str, page: Any, status: int = 200, *, layout: Layout | None = None) -> Response:
    """Return a page.

    Args:
        template: path below ``templates/``; equals the endpoint.
        page: a frozen dataclass with everything the page shows.
        status: 422 for a form shown again.
        layout: the frame; by default the one of the endpoint's access.

    Raises:
        TypeError: ``page`` is not a frozen dataclass.
    """
    if not is_dataclass(page) or isinstance(page, type) or not page.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise TypeError(f"the page of {template} must be a frozen dataclass")
    body = render_template(template, page=page, layout=layout or layout_of_request())
    return make_response(body, status)


def table_rule(blueprint: Blueprint, rule: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Serve a table's page at ``rule`` and its files at ``rule.csv`` and ``rule.json``.

    The view takes ``fmt``: ``html``, ``csv`` or ``json``. ``url_for(endpoint)`` leads to
    the page, ``url_for(endpoint, fmt="csv")`` to the file with the same filter.
    """

    def decorate(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
        blueprint.add_url_rule(rule, view_func=view, defaults={"fmt": "html"})
        blueprint.add_url_rule(f"{rule}.<any(csv, json):fmt>", view_func=view)
        return view

    return decorate


@dataclass(frozen=True, slots=True)
class FileColumn:
    """One column of a table as a file.

    Attributes:
        key: attribute of the row, name in JSON and in plain CSV; its unit stands last
            (``amount_fen``, ``share_bp``).
        title: head of the column for people, in the reader's language.
        kind: ``text``, ``money`` (fen), ``count``, ``date``, ``time`` (minutes) or
            ``share`` (basis points).
    """

    key: str
    title: str
    kind: Kind = "text"


def is_plain_csv() -> bool:
    """Say whether a file is asked for as programs read it: keys, no words."""
    return request.args.get("plain") == "1"


def exports(
    rows: Sequence[Any],
    columns: Sequence[FileColumn],
    name: str,
    fmt: Literal["csv", "json"],
    *,
    about: Mapping[str, Any] | None = None,
    next_url: str = "",
) -> Response:
    """Return a table as a file with the same rows as its page.

    CSV is for spreadsheets: titles as shown, money as decimal yuan, a byte order mark.
    With ``?plain=1`` it is for programs: keys as heads, no mark. JSON keeps money as the
    integer of fen. Files of public tables may be fetched by other sites.

    Args:
        rows: dataclasses with an attribute for each key.
        columns: in the order of the file.
        name: file name without ending, ASCII.
        fmt: ``csv`` or ``json``.
        about: what JSON says of the whole table, by name; CSV is rows alone.
        next_url: where the rows behind these are; a ``Link`` header, and ``next`` in JSON.
    """
    values = [[getattr(row, column.key) for column in columns] for row in rows]
    if fmt == "json":
        head = {"name": name, **(about or {})} | ({"next": next_url} if next_url else {})
        response = Response(_json_of(columns, values, head), content_type="application/json; charset=utf-8")
    else:
        is_plain = is_plain_csv()
        heads = [Column(column.key if is_plain else column.title, column.kind) for column in columns]
        body = write_csv(heads, values, bom=not is_plain)
        response = Response(body, content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    if next_url:
        response.headers["Link"] = f'<{next_url}>; rel="next"'
    access = access_of(current_app, request.endpoint) if request.endpoint else None
    if access is not None and access.kind == "public":
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _json_of(columns: Sequence[FileColumn], rows: Sequence[Sequence[Any]], about: Mapping[str, Any]) -> str:
    """Return a table as JSON text, one row a line, so that two versions can be compared."""
    heads = [{"key": column.key, "title": column.title, "kind": column.kind} for column in columns]
    keys = [column.key for column in columns]
    lines = (
        json.dumps(
            {
                key: value.isoformat() if isinstance(value, date) else value
                for key, value in zip(keys, row, strict=True)
            }
        )
        for row in rows
    )
    head = json.dumps({**about, "columns": heads})[:-1]
    return f'{head}, "rows": [\n' + ",\n".join(lines) + "\n]}\n"
