"""Error pages: what happened, what was kept, what to do next; never a bare code."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from flask import Flask, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException, TooManyRequests, Unauthorized
from werkzeug.routing import BuildError

from charity.db import is_disk_full
from charity.errors import N_, Refused
from charity.web.access import PERMISSIONS, PermissionMissing
from charity.web.context import NotMember
from charity.web.layout import SIGN_IN, plain_layout, public_layout
from charity.web.logs import METHODS
from charity.web.render import Sentence, problems_of, render

#: Refusals, for whoever watches the server; acts stand in the operation log.
security_log = logging.getLogger("charity.security")

#: Status → (title, what happened and what was kept, what to do next).
TEXTS: dict[int, tuple[str, str, str]] = {
    400: (
        N_("This request could not be read"),
        N_("The page sent something the system does not understand. Nothing was changed."),
        N_("Go back, load the page again and try once more."),
    ),
    401: (
        N_("Please sign in"),
        N_("This page is for signed-in members. Nothing was changed."),
        N_("Sign in and open the page again."),
    ),
    403: (
        N_("You may not open this page"),
        N_("Your login does not have the permission this page asks for. Nothing was changed."),
        N_("If you need it for your work, ask an administrator of your organisation."),
    ),
    404: (
        N_("There is no such page"),
        N_("The address may be mistyped, or what stood here was never published."),
        N_("Check the address, or begin at the home page."),
    ),
    405: (
        N_("This address cannot be used that way"),
        N_("The request came in a form this address does not accept. Nothing was changed."),
        N_("Go back and use the buttons on the page."),
    ),
    410: (
        N_("This page has been taken down"),
        N_("What stood here was shown for a limited time, or has been withdrawn."),
        N_("Begin at the home page. What was corrected stands beside the figure it corrects."),
    ),
    413: (
        N_("The file is too large"),
        N_("At most 32 MB can be sent at once. Nothing was saved."),
        N_("Split the file and send the parts one after another."),
    ),
    422: (
        N_("This could not be done"),
        N_("Nothing was changed."),
        N_("Go back, correct what is named above and send it again."),
    ),
    429: (
        N_("Too many tries"),
        N_("This was tried too often in a short time. Nothing was changed."),
        N_("Wait a while and try again."),
    ),
    500: (
        N_("Something went wrong on our side"),
        N_("The error has been recorded. What was saved before is safe; this last step was not done."),
        N_("Try again in a few minutes. If it happens again, tell the office the time it happened."),
    ),
    503: (
        N_("Not in service yet"),
        N_("The system is being set up or is not available at the moment."),
        N_("Try again in a few minutes."),
    ),
    507: (
        N_("The disk of the server is full"),
        N_("This last step was not done. What was saved before is safe."),
        N_("Tell the administrator to make room on the disk; then go back and send it again."),
    ),
}


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """An error page; all texts in the reader's language.

    Attributes:
        status: HTTP status.
        title: what happened, in a few words.
        what: what happened and what was kept.
        next: what to do now.
        sentences: the problems of a refusal, in their order.
        sign_in_url: where to sign in; empty unless that helps.
    """

    status: int
    title: str
    what: str
    next: str
    sentences: tuple[Sentence, ...] = ()
    sign_in_url: str = ""


def page_of(error: HTTPException) -> ErrorPage:
    """Return the page of an HTTP error; an unknown status borrows the words of 400 or 500."""
    status = error.code or 500
    title, what, next_step = TEXTS.get(status, TEXTS[400 if status < 500 else 500])
    if isinstance(error, PermissionMissing):
        label = PERMISSIONS.get(error.permission)
        name = f"{gettext(label)} ({error.permission})" if label else error.permission
        what = N_("This page asks for the permission “%(permission)s”, which your login does not have.")
        return ErrorPage(status, gettext(title), gettext(what, permission=name), gettext(next_step))
    if isinstance(error, NotMember):
        what = N_("You are signed in, but you are not a member of this organisation.")
    if isinstance(error, CSRFError):
        title = N_("This form is out of date")
        what = N_("You have signed in or out since it was opened. Nothing was changed.")
        next_step = N_("Go back, load the page again and send the form once more.")
    if isinstance(error, TooManyRequests) and isinstance(error.retry_after, int):
        return ErrorPage(status, gettext(title), gettext(what), _come_back(error.retry_after))
    sign_in_url = _sign_in_url() if status == 401 else ""
    return ErrorPage(status, gettext(title), gettext(what), gettext(next_step), (), sign_in_url)


def _come_back(wait_s: int) -> str:
    """Return when a further try is allowed, in words."""
    minutes = -(-wait_s // 60)
    if minutes < 60:
        return str(ngettext("Try again in %(num)s minute.", "Try again in %(num)s minutes.", minutes))
    return str(
        ngettext("Try again in about %(num)s hour.", "Try again in about %(num)s hours.", -(-minutes // 60))
    )


def _sign_in_url() -> str:
    try:
        return url_for(SIGN_IN)
    except BuildError:
        return ""


def note_refusal(kind: str, *, status: int, permission: str = "", login: str | None = None) -> None:
    """Write a refusal to the log of the process: what, to whom, from where.

    The page stands there by the name of its endpoint: its address may hold the link of a
    password that is not chosen yet, or a name. ``%r`` keeps whatever comes from afar in its line.

    Args:
        kind: of the refusal, a word of the code.
        status: HTTP status.
        permission: what was missing; may be empty.
        login: name of the login; who is signed in when None.
    """
    if login is None:
        is_known = current_user and current_user.is_authenticated
        login = str(getattr(current_user, "username", "")) if is_known else ""
    said = {
        "status": status,
        "kind": kind,
        "permission": permission,
        "login": login,
        "method": request.method if request.method in METHODS else "",
        "endpoint": request.endpoint or "none",
        "address": request.remote_addr or "",
    }
    fields = " ".join(f"{name}=%r" for name in said)
    security_log.warning(f"refused {fields}", *said.values(), extra={"said": said})


def on_http_error(error: HTTPException) -> ResponseReturnValue:
    """Answer an HTTP error as a page, or as JSON where JSON was asked for."""
    if error.response is not None:
        return error
    if error.code is not None and 300 <= error.code < 400:
        return error
    if error.code in (403, 429) or isinstance(error, CSRFError):
        permission = error.permission if isinstance(error, PermissionMissing) else ""
        note_refusal(type(error).__name__, status=error.code or 400, permission=permission)
    page = page_of(error)
    if request.path.endswith(".json"):
        response = jsonify({"error": page.title, "detail": page.what})
        response.status_code = page.status
    else:
        layout = plain_layout() if page.status >= 500 else public_layout()
        response = render("errors/error.html", page, page.status, layout=layout)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def on_unauthorized(error: Unauthorized) -> ResponseReturnValue:
    """Lead an anonymous reader to the sign-in page, and back to this one afterwards."""
    try:
        if request.method in ("GET", "HEAD"):
            wanted = request.full_path if request.query_string else request.path
            return redirect(url_for(SIGN_IN, next=request.script_root + wanted))
        return redirect(url_for(SIGN_IN), 303)
    except BuildError:
        return on_http_error(error)


def on_refused(refused: Refused) -> ResponseReturnValue:
    """Answer a refusal no route has caught: its sentences, and what to do."""
    title, what, next_step = (gettext(text) for text in TEXTS[422])
    page = ErrorPage(422, title, what, next_step, tuple(problems_of(refused)))
    return render("errors/error.html", page, 422, layout=public_layout())


def on_storage_error(error: Exception) -> ResponseReturnValue:
    """Answer a full disk with what to do; any other error stays a crash.

    Raises:
        Exception: the error itself, when it is another one.
    """
    if not is_disk_full(error):
        raise error
    logging.getLogger(__name__).error("the disk is full: %s", type(error).__name__)
    return on_http_error(DiskFull())


class DiskFull(HTTPException):
    """The server has no room to write."""

    code = 507


def install(app: Flask) -> None:
    """Register the handlers above; the one for HTTP errors also answers a crash."""
    app.register_error_handler(HTTPException, on_http_error)
    app.register_error_handler(Unauthorized, on_unauthorized)
    app.register_error_handler(Refused, on_refused)
    app.aborter.mapping[507] = DiskFull
    for kind in (DBAPIError, OSError):
        app.register_error_handler(kind, on_storage_error)
