"""Pages of the shell: language, the office's home, all components on one page."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Blueprint, abort, redirect, request
from flask.typing import ResponseReturnValue

from charity.db import db
from charity.errors import N_
from charity.web import desk, locale, navigation
from charity.web.access import public, signed_in
from charity.web.context import current_actor
from charity.web.patterns import patterns_page
from charity.web.render import render

blueprint = Blueprint("web", __name__)

navigation.register("office", "web.office", N_("Overview"), order=0, group="today")


@dataclass(frozen=True, slots=True)
class OfficePage:
    """The office's home.

    Attributes:
        name: who is signed in.
        waiting: what waits for this person, each with its page.
        told: what is only told.
        groups: what this person may do, as in the navigation, without the page itself.
    """

    name: str
    waiting: tuple[desk.Waiting, ...]
    told: tuple[desk.Waiting, ...]
    groups: tuple[navigation.EntryGroup, ...]


def safe_next(address: str) -> str:
    """Return an address of this site to go on to, or an empty text.

    Only a path of this host is taken: no scheme, no host, no ``//`` and no backslash. What
    is no address at all (``//[``) leads nowhere either.
    """
    try:
        parts = urlsplit(address.replace("\\", "/"))
    except ValueError:
        return ""
    is_own = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    is_printable = address.isprintable() and not address.startswith(("//", "/\\", "\\"))
    return address if is_own and is_printable else ""


@blueprint.get("/language/<code>")
@public
def language(code: str) -> ResponseReturnValue:
    """Remember the language a reader has chosen and lead back to the page."""
    if code not in locale.LANGUAGES:
        abort(404)
    response = redirect(safe_next(request.args.get("next", "")) or request.script_root + "/", 303)
    response.set_cookie(
        locale.COOKIE,
        code,
        max_age=locale.COOKIE_AGE_S,
        path="/",
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


@blueprint.get("/office/")
@signed_in
def office() -> ResponseReturnValue:
    """Show a member what waits, and what the own permissions open."""
    actor = current_actor()
    rows = desk.waiting(db.session(), actor)
    waiting = tuple(row for row in rows if row.state != "info")
    told = tuple(row for row in rows if row.state == "info")
    others = tuple(
        group for group in navigation.groups("office", actor) if group.entries[0].endpoint != "web.office"
    )
    return render("web/office.html", OfficePage(actor.name, waiting, told, others))


@blueprint.get("/office/patterns")
@signed_in
def patterns() -> ResponseReturnValue:
    """Show designers and testers every component with invented data."""
    return render("web/patterns.html", patterns_page())
