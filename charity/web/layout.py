"""What every page carries around its content: org, person, navigation, language."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, has_request_context, request, url_for
from flask_login import current_user
from werkzeug.exceptions import HTTPException

from charity.db import Actor
from charity.web import navigation
from charity.web.context import OrgRef, current_actor, current_org, hook, settings
from charity.web.locale import HTML_LANG, LANGUAGES, language

#: Endpoints of the users feature.
SIGN_IN, SIGN_OUT = "users.sign_in", "users.sign_out"
#: The public page by which an error is reported.
CONTACT = "disclosure.contact"


@dataclass(frozen=True, slots=True)
class Layout:
    """The frame of a page.

    Attributes:
        org: whose page it is; None while no org is set up, and on broken pages.
        actor: who is signed in; None on public pages, which are the same for all.
        role: translated name of the actor's role.
        open_month: the month the books are open for, as text; may be empty.
        groups: the navigation the reader may use.
        lang: value of the ``lang`` attribute.
        language: code of the language shown.
        languages: (code, own name) of every language.
        address: path and query of the page, for coming back after a switch.
        endpoint: the endpoint shown, to mark its entry in the navigation.
        contact_url: where anybody reports an error.
        sign_in_url: where the office signs in, at the foot of public pages.
        sign_out_url: where the person signs out; empty on public pages.
        is_demo: whether the page must say 演示.
        is_plain_http: whether an office page must warn that nothing is encrypted.
    """

    org: OrgRef | None
    actor: Actor | None
    role: str
    open_month: str
    groups: tuple[navigation.EntryGroup, ...]
    lang: str
    language: str
    languages: tuple[tuple[str, str], ...]
    address: str
    endpoint: str
    contact_url: str
    sign_in_url: str
    sign_out_url: str
    is_demo: bool
    is_plain_http: bool

    def names_org(self) -> str:
        """Return the org's name in the language shown; empty without org."""
        if self.org is None:
            return ""
        return self.org.name_en or self.org.name if self.language == "en" else self.org.name


def _address() -> str:
    """Return path and query below the script root, starting with one slash."""
    query = request.query_string.decode("utf-8", "replace")
    path = request.full_path if query else request.path
    return request.script_root + path


def _frame(
    org: OrgRef | None, actor: Actor | None, role: str, month: str, groups: tuple[navigation.EntryGroup, ...]
) -> Layout:
    code = language()
    return Layout(
        org=org,
        actor=actor,
        role=role,
        open_month=month,
        groups=groups,
        lang=HTML_LANG.get(code, code),
        language=code,
        languages=tuple(LANGUAGES.items()),
        address=_address() if has_request_context() else "/",
        endpoint=(request.endpoint or "") if has_request_context() else "",
        contact_url=_url(CONTACT),
        sign_in_url=_url(SIGN_IN),
        sign_out_url=_url(SIGN_OUT) if actor else "",
        is_demo=settings().is_demo,
        is_plain_http=settings().environment == "production" and not settings().is_secure,
    )


def _url(endpoint: str) -> str:
    return url_for(endpoint) if endpoint in current_app.view_functions else ""


def public_layout() -> Layout:
    """Return the frame of a public page; it never depends on who reads it."""
    return _frame(_org_or_none(), None, "", "", navigation.groups("public"))


def office_layout() -> Layout:
    """Return the frame of an office page for the person signed in."""
    org, actor = current_org(), current_actor()
    user = current_user._get_current_object()
    role = hook("charity.role_label")(user, org.id)
    month = hook("charity.open_month")(org.id)
    return _frame(org, actor, role, month, navigation.groups("office", actor))


def plain_layout() -> Layout:
    """Return a frame that asks nothing of the database, for broken pages."""
    return _frame(None, None, "", "", ())


def _org_or_none() -> OrgRef | None:
    try:
        return current_org()
    except HTTPException:
        return None
