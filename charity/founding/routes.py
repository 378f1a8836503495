"""The set-up page: works once, on an installation without an org, for who knows the code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click
from flask import Blueprint, abort, current_app, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from charity.config import Settings
from charity.db import db
from charity.errors import Refused, refuse
from charity.founding import code, steps
from charity.founding.forms import SetupForm
from charity.founding.plan import Plan
from charity.founding.service import is_founded
from charity.founding.usual import FUNDS, PLACES
from charity.web.access import public
from charity.web.context import now, settings, today
from charity.web.limits import charge, client_address, uncharge
from charity.web.prefix import reserved_segments
from charity.web.render import render

blueprint = Blueprint("founding", __name__)

#: Tries of the code from one address in an hour.
CODE_TRIES, CODE_WINDOW_S = 20, 3600
#: Rows of the page beyond the usual ones.
SPARE_FUNDS, SPARE_PLACES = 1, 2


@dataclass(frozen=True, slots=True)
class SetupPage:
    """What is asked.

    Attributes:
        form: every question.
        said: what a test on the spot brought, in a sentence; empty before one.
        is_plain_http: whether the page itself came without encryption from afar.
    """

    form: SetupForm
    said: str
    is_plain_http: bool


@dataclass(frozen=True, slots=True)
class FoundedPage:
    """What was founded, and what comes next.

    Attributes:
        name: of the org.
        links: name and link of each administrator.
        sign_in: where to sign in.
    """

    name: str
    links: tuple[tuple[str, str], ...]
    sign_in: str


def _private(response: Response) -> Response:
    """Keep a page with secrets out of every cache."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _show(form: SetupForm, status: int = 200, said: str = "") -> Response:
    host = request.remote_addr or ""
    is_plain = not request.is_secure and host not in ("127.0.0.1", "::1", "")
    return _private(render("founding/setup.html", SetupPage(form, said, is_plain), status))


def _fresh_form() -> SetupForm:
    """Return the form with what most federations begin with."""
    own = settings()
    data: dict[str, Any] = {
        "code": request.args.get("code", "")[:40],
        "org": {"books_from": f"{today().year}-01-01", "legal_form": "association"},
        "funds": [*FUNDS, *[{}] * SPARE_FUNDS],
        "places": [*PLACES, *[{}] * SPARE_PLACES],
        "site": {"public_url": own.public_url, "zone": str(own.zone)},
        "mail": {"sender": own.mail_from if own.smtp_url else ""},
    }
    return SetupForm(formdata=None, data=data)


@blueprint.route("/setup", methods=["GET", "POST"])
@public
def setup() -> ResponseReturnValue:
    """Ask whoever installs for everything a federation begins with, and found it."""
    if is_founded(db.session()):
        abort(410)
    if request.method == "GET":
        written, is_new = code.setup_code(settings().data_dir)
        if is_new:
            # Beside the log, whose lines hold no secrets and so would withhold it.
            click.echo(f"Set-up code for {settings().public_url}/setup: {written}", err=True)
        return _show(_fresh_form())
    charge(name="setup_code", subject=client_address(), limit=CODE_TRIES, window_s=CODE_WINDOW_S)
    form = SetupForm()
    is_right = code.is_right(settings().data_dir, form.code.data or "")
    if is_right:
        # Whoever has the code may mend the other fields as often as it takes.
        uncharge(name="setup_code", subject=client_address(), window_s=CODE_WINDOW_S)
    if not form.validate_on_submit():
        return _show(form, 422)
    try:
        if not is_right:
            raise refuse("setup_code_refused", "code")
        return _act(form, settings())
    except Refused as refused:
        if "setup_done" in refused.codes:
            abort(410)
        form.add_problems(refused.problems)
        return _show(form, 422)


def _act(form: SetupForm, own: Settings) -> Response:
    """Try mail or gateway on the spot, or found the federation."""
    reserved = reserved_segments(current_app.url_map)
    plan = steps.judge(own, form.plan_data(), reserved)
    wanted = request.form.get("act", "")
    if wanted in _TRIALS:
        return _show(form, 200, _TRIALS[wanted](plan))
    units = form.units.data.read() if getattr(form.units.data, "filename", "") else b""
    founded = steps.found(own, plan, units, now(), reserved)
    address = str(plan.site["public_url"]).rstrip("/")
    page = FoundedPage(founded.name, tuple(steps.links(own, founded, now(), address)), f"{address}/sign-in")
    return _private(render("founding/founded.html", page))


def _try_mail(plan: Plan) -> str:
    """Send a test mail to the first administrator."""
    to = plan.administrators[0]["email"]
    if not plan.mail["url"] or not to:
        raise refuse("setup_missing", "administrators-0-email" if plan.mail["url"] else "mail-url")
    steps.try_mail_of(plan, to, now())
    return str(_("The mail server took the test mail to %(to)s. Look whether it has come.", to=to))


def _try_sms(plan: Plan) -> str:
    """Send a test message to the first administrator."""
    to = plan.administrators[0]["phone"]
    if not plan.sms["url"] or not to:
        raise refuse("setup_missing", "administrators-0-phone" if plan.sms["url"] else "sms-url")
    steps.try_sms_of(plan, to)
    return str(_("The gateway took the test message to %(to)s. Look whether it has come.", to=to))


_TRIALS = {"try_mail": _try_mail, "try_sms": _try_sms}
