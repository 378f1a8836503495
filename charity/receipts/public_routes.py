"""Public pages: is a receipt genuine, and what became of its money.

Neither says a name. Both are kept by no cache and out of search engines.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from flask import Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from charity.ids import key_of
from charity.receipts import path_queries
from charity.receipts.common_routes import blueprint, reading
from charity.receipts.forms import LookupForm, VerifyForm
from charity.receipts.rules import (
    SMALL_CELL,
    TRIES_PER_ADDRESS,
    TRIES_PER_RECEIPT,
    TRY_WINDOW_S,
    fold_number,
    fold_verify_code,
)
from charity.web.access import public
from charity.web.acts import status_of
from charity.web.context import current_org, today
from charity.web.limits import charge, client_address
from charity.web.locale import language
from charity.web.render import render


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
        small_cell: fewer payments than this are not told as a sum.
    """

    form: LookupForm
    card: path_queries.PathCard | None
    is_refused: bool
    is_english: bool
    small_cell: int
    on: date


def _spend_tries(number: str) -> None:
    """Count one try, per address and per receipt, whether or not there is such a receipt.

    The address comes first: who has no try left does not use up those of a donor.
    """
    charge(
        name="receipt look-up by address",
        subject=client_address(),
        limit=TRIES_PER_ADDRESS,
        window_s=TRY_WINDOW_S,
    )
    charge(
        name="receipt look-up",
        subject=f"{current_org().id}/{fold_number(number)}",
        limit=TRIES_PER_RECEIPT,
        window_s=TRY_WINDOW_S,
    )


@blueprint.route("/lookup", methods=["GET", "POST"])
@public
def lookup() -> ResponseReturnValue:
    """Show a donor without an account where the gift was booked and what followed."""
    form = LookupForm()
    card, is_refused, status = None, False, status_of(form)
    if not form.is_submitted():
        form.number.data = request.args.get("number", "")[:40]
    elif form.validate():
        _spend_tries(form.number.data or "")
        card = path_queries.look_up(
            reading(), current_org().id, form.number.data or "", form.check_code.data or ""
        )
        is_refused, status = card is None, 200 if card else 404
    page = LookupPage(form, card, is_refused, language() == "en", SMALL_CELL, today())
    return _private(render("receipts/lookup.html", page, status))


@blueprint.post("/lookup/proof")
@public
def proof() -> ResponseReturnValue:
    """Hand a donor the proof of the own line, to be checked offline."""
    form = LookupForm()
    found = None
    if form.validate():
        _spend_tries(form.number.data or "")
        position = request.form.get("part", "1")
        found = path_queries.proof_of(
            reading(),
            current_org().id,
            form.number.data or "",
            form.check_code.data or "",
            min(key_of(position) or 0, 999),
        )
    if found is None:
        page = LookupPage(form, None, True, language() == "en", SMALL_CELL, today())
        return _private(render("receipts/lookup.html", page, 404))
    response = Response(
        json.dumps(found, ensure_ascii=False, indent=1) + "\n", content_type="application/json; charset=utf-8"
    )
    name = f"proof-{fold_number(form.number.data or '')}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return _private(response)
