"""Answers: a page from its template and dataclass, a table as CSV or JSON, a refusal.

A template gets ``page`` (a frozen dataclass of the feature) and ``layout`` (the frame),
nothing else; undefined names are errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template, request
from flask.typing import ResponseReturnValue

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
