"""Who may open a page: each endpoint declares it, one guard enforces it.

A view without a declaration is refused when the app is made, so that a page cannot be
open by oversight. The role × endpoint test reads :class:`Access` from the views.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from flask import Flask, current_app, request
from flask_login import LoginManager
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized
from werkzeug.routing import RequestRedirect

from charity.web.context import current_actor, hook

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Access:
    """Who may open an endpoint.

    Attributes:
        kind: ``public``: anybody; ``signed_in``: any member of the org;
            ``permission``: members who hold the permission.
        permission: the permission's code, e.g. ``ledger.review``; else empty.
    """

    kind: Literal["public", "signed_in", "permission"]
    permission: str = ""


class PermissionMissing(Forbidden):
    """The member does not hold the permission the page asks for."""

    def __init__(self, permission: str) -> None:
        super().__init__()
        self.permission = permission


class UndeclaredAccess(Exception):
    """An endpoint does not say who may open it."""


#: Code of a permission → what it lets a person do, an English message id.
PERMISSIONS: dict[str, str] = {}


def name_permissions(labels: Mapping[str, str]) -> None:
    """Register what permissions are called on the page that refuses for want of one."""
    PERMISSIONS.update(labels)


def _declare(access: Access) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        view.access = access  # type: ignore[attr-defined]
        return view

    return decorate


def public(view: View) -> View:
    """Declare that anybody may open the page."""
    return _declare(Access("public"))(view)


def signed_in(view: View) -> View:
    """Declare that any member of the org may open the page."""
    return _declare(Access("signed_in"))(view)


def permission_required(permission: str) -> Callable[[View], View]:
    """Declare that only members who hold the permission may open the page."""
    return _declare(Access("permission", permission))


def access_of(app: Flask, endpoint: str) -> Access | None:
    """Return what an endpoint declares; static files are public."""
    if endpoint == "static":
        return Access("public")
    return getattr(app.view_functions[endpoint], "access", None)


def may_open(endpoint: str) -> bool:
    """Say whether a page is there and who reads this one may open it: no link leads to a refusal."""
    access = access_of(current_app, endpoint) if endpoint in current_app.view_functions else None
    return access is not None and (not access.permission or current_actor().may(access.permission))


def may_follow(path: str) -> bool:
    """Say whether a path leads to a page of this site that its reader may open."""
    path = path.removeprefix(request.script_root)
    try:
        endpoint, _values = current_app.url_map.bind("").match(path.partition("?")[0], method="GET")
    except (HTTPException, RequestRedirect):
        return False
    return path.startswith("/") and not path.startswith("//") and may_open(endpoint)


def guard() -> None:
    """Refuse the request unless its endpoint may be opened; runs before every view."""
    if request.endpoint is None:
        return
    access = access_of(current_app, request.endpoint)
    if access is None:
        raise UndeclaredAccess(request.endpoint)
    if access.kind == "public":
        return
    actor = current_actor()
    if access.permission and not actor.may(access.permission):
        raise PermissionMissing(access.permission)


def install(app: Flask) -> None:
    """Wire Flask-Login with the users feature's loader and set the guard at the door."""
    manager = LoginManager()
    # Its context processor would ask the database who reads, on every public page.
    manager.init_app(app, add_context_processor=False)

    @manager.user_loader  # type: ignore[untyped-decorator]
    def _load(user_id: str) -> Any:
        return hook("charity.user_loader")(user_id)

    @manager.unauthorized_handler  # type: ignore[untyped-decorator]
    def _refuse() -> None:
        raise Unauthorized()

    app.before_request(guard)


def check_declared(app: Flask) -> None:
    """Refuse an app in which an endpoint does not declare its access.

    Raises:
        UndeclaredAccess: names every such endpoint.
    """
    open_ends = sorted(name for name in app.view_functions if access_of(app, name) is None)
    if open_ends:
        raise UndeclaredAccess(
            f"{', '.join(open_ends)}: put @public, @signed_in or @permission_required(…) on the view"
        )
