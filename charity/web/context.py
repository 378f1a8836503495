"""Who asks, for which org, at which instant: the context of one request.

The features above register hooks in ``app.extensions`` (see :data:`HOOKS`); ``web``
itself knows no table of orgs or users. What is looked up once is kept in the request's
environ, which dies with the request, and never in ``g``, which tests may share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from flask import Flask, current_app, request
from flask_login import current_user
from werkzeug.exceptions import Forbidden, NotFound, ServiceUnavailable, Unauthorized

from charity.config import Settings
from charity.db import Actor
from charity.periods import business_date

_ORG = "charity.org"
_ACTOR = "charity.actor"
#: Environ key under which the prefix middleware leaves the slug of the org.
ORG_SLUG = "charity.org_slug"


@dataclass(frozen=True, slots=True)
class OrgRef:
    """One legal entity with its own books, as far as a page needs to know it.

    Attributes:
        id: inner key, ``org_id`` of everything that grows.
        code: short code used in numbers and files.
        slug: first path segment of its pages; the default org needs none.
        name: full Chinese name (全称).
        short_name: name for headings (简称).
        name_en: English name.
        is_default: whether pages without a prefix are its own.
    """

    id: int
    code: str
    slug: str
    name: str
    short_name: str
    name_en: str
    is_default: bool


class NotMember(Forbidden):
    """The login is known, but belongs to no role of the org asked for."""


def _nobody(_user_id: str) -> None:
    """Return no login; replaced by the users feature."""


def _no_org(_slug: str | None, _host: str) -> OrgRef | None:
    """Return no org; replaced by the users feature."""
    return None


def _no_permissions(_user: Any, _org_id: int) -> tuple[frozenset[str], int | None]:
    """Return no permission; replaced by the users feature."""
    return frozenset(), None


def _no_text(*_args: object) -> str:
    """Return an empty text."""
    return ""


#: Hooks a feature above may replace in ``app.extensions`` (from a blueprint:
#: ``@blueprint.record_once``), with what stands there until it does.
HOOKS: Mapping[str, Callable[..., Any]] = {
    #: (login id of the session) → user with ``id`` and ``name``, or None.
    "charity.user_loader": _nobody,
    #: (slug or None, host) → OrgRef or None.
    "charity.org_loader": _no_org,
    #: () → slugs of all orgs but those served without prefix.
    "charity.org_slugs": frozenset,
    #: (user, org id) → (permissions, unit id); no permission means no member.
    "charity.permissions": _no_permissions,
    #: (user, org id) → translated name of the role, shown beside the name.
    "charity.role_label": _no_text,
    #: (org id) → the month the books are open for, as text.
    "charity.open_month": _no_text,
}


def install(app: Flask) -> None:
    """Put the empty hooks in place, before the features register theirs."""
    for name, function in HOOKS.items():
        app.extensions.setdefault(name, function)


def hook(name: str) -> Callable[..., Any]:
    """Return the function registered under a hook's name."""
    return cast(Callable[..., Any], current_app.extensions[name])


def settings() -> Settings:
    """Return the settings this app was made with."""
    return cast(Settings, current_app.extensions["charity.settings"])


def now() -> datetime:
    """Return the present instant, UTC, from the app's clock."""
    return cast(datetime, current_app.config["CLOCK"]())


def today() -> date:
    """Return the business date in the org's zone."""
    return business_date(now(), settings().zone)


def current_org() -> OrgRef:
    """Return the org the request belongs to, by path prefix, then by host.

    Raises:
        NotFound: the prefix names an org that is not there any more.
        ServiceUnavailable: no org has been set up yet.
    """
    org = request.environ.get(_ORG)
    if org is None:
        slug = request.environ.get(ORG_SLUG)
        org = hook("charity.org_loader")(slug, request.host.partition(":")[0])
        if org is None:
            raise NotFound() if slug else ServiceUnavailable()
        request.environ[_ORG] = org
    return cast(OrgRef, org)


def current_actor() -> Actor:
    """Return who acts in this request, with the permissions held in its org.

    Raises:
        Unauthorized: nobody is signed in; becomes a redirect to the sign-in page.
        NotMember: the login holds no permission in this org.
    """
    actor = request.environ.get(_ACTOR)
    if actor is None:
        user = current_user._get_current_object()
        if not user.is_authenticated:
            raise Unauthorized()
        org = current_org()
        permissions, unit_id = hook("charity.permissions")(user, org.id)
        if not permissions:
            raise NotMember()
        actor = Actor(
            user_id=user.id, org_id=org.id, name=user.name, permissions=permissions, at=now(), unit_id=unit_id
        )
        request.environ[_ACTOR] = actor
    return cast(Actor, actor)
