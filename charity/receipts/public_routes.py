"""Public pages: is a receipt genuine, and what became of its money.

Neither says a name. Both are kept by no cache and out of search engines.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from flask import Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from charity.ids import key_of
from charity.receipts import path_queries
from charity.receipts.common_routes import blueprint, reading
from charity.receipts.forms import LookupForm, VerifyForm
from charity.receipts.rules import (
    TRIES_PER_ADDRESS,
    TRIES_PER_RECEIPT,
    TRY_WINDOW_S,
    fold_number,
    fold_verify_code,
)
from charity.web.access import public
from charity.web.acts import status_of
from charity.web.context import current_org, today
from charity.web.limits import charge, client_address, uncharge
from charity.web.locale import language
from charity.web.render import render

T = TypeVar("T")


def _private(response: Response) -> Response:
    """Keep an answer out of caches, search engines and referrers."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@dataclass(frozen=True, slots=True)
class VerifyPage:
    """The verdict on a code; before one is asked for, only the form."""

    form: VerifyForm
    verdict: path_queries.Verdict | None
    org_name: str
    on: date


@blueprint.get("/verify")
@public
def verify() -> ResponseReturnValue:
    """Let anybody type the code of a receipt; the phone's scanner leads to the verdict at once."""
    if code := fold_verify_code(request.args.get("code", "")):
        return _private(make_response(redirect(url_for("receipts.verify_code", code=code), 303)))
    return _verdict(None)


@blueprint.get("/verify/<code>")
@public
def verify_code(code: str) -> ResponseReturnValue:
    """Tell anybody who holds a receipt whether it is genuine, void or unknown."""
    return _verdict(path_queries.verify(reading(), current_org().id, code))


def _verdict(verdict: path_queries.Verdict | None) -> Response:
    org = current_org()
    name = org.name_en if language() == "en" and org.name_en else org.name
    page = VerifyPage(VerifyForm(formdata=None), verdict, name, today())
    return _private(render("receipts/verify.html", page))


@dataclass(frozen=True, slots=True)
class LookupPage:
    """The path of a gift, or the form that asks for it.

    Attributes:
        card: the path; None before it is asked for and where nothing fits.
        is_refused: nothing fits what was typed.
    """

    form: LookupForm
    card: path_queries.PathCard | None
    is_refused: bool
    is_english: bool
    on: date


def _limits(number: str) -> tuple[tuple[str, str, int], ...]:
    """Return name, subject and limit of the counts a try is charged to.

    All belong to the address that tries: numbers run in sequence, so that a count of the
    receipt alone would let anybody keep its donor out. The code has 50 random bits; that,
    not the limit, is what keeps a crowd of addresses from guessing it.
    """
    address = client_address()
    return (
        ("receipt look-up by address", address, TRIES_PER_ADDRESS),
        ("receipt look-up", f"{current_org().id}/{fold_number(number)}/{address}", TRIES_PER_RECEIPT),
    )


def _tried(number: str, look: Callable[[], T | None]) -> T | None:
    """Return what a try finds; only one that finds nothing counts, whether or not there is such a receipt."""
    limits = _limits(number)
    for name, subject, limit in limits:
        charge(name=name, subject=subject, limit=limit, window_s=TRY_WINDOW_S)
    found = look()
    if found is not None:
        for name, subject, _limit in limits:
            uncharge(name=name, subject=subject, window_s=TRY_WINDOW_S)
    return found


@blueprint.route("/lookup", methods=["GET", "POST"])
@public
def lookup() -> ResponseReturnValue:
    """Show a donor without an account where the gift was booked and what followed."""
    form = LookupForm()
    card, is_refused, status = None, False, status_of(form)
    if not form.is_submitted():
        form.number.data = request.args.get("number", "")[:40]
    elif form.validate():
        number, code = form.number.data or "", form.check_code.data or ""
        card = _tried(number, lambda: path_queries.look_up(reading(), current_org().id, number, code))
        is_refused, status = card is None, 200 if card else 404
    page = LookupPage(form, card, is_refused, language() == "en", today())
    return _private(render("receipts/lookup.html", page, status))


@blueprint.post("/lookup/proof")
@public
def proof() -> ResponseReturnValue:
    """Hand a donor the proof of the own line, to be checked offline."""
    form = LookupForm()
    found = None
    if form.validate():
        number, code = form.number.data or "", form.check_code.data or ""
        part = key_of(request.form.get("part", "1")) or 0
        found = _tried(number, lambda: path_queries.proof_of(reading(), current_org().id, number, code, part))
    if found is None:
        page = LookupPage(form, None, True, language() == "en", today())
        return _private(render("receipts/lookup.html", page, 404))
    response = Response(
        json.dumps(found, ensure_ascii=False, indent=1) + "\n", content_type="application/json; charset=utf-8"
    )
    name = f"proof-{fold_number(form.number.data or '')}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return _private(response)
