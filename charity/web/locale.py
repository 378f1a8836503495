"""Which language a page is shown in, and the catalogues it is translated with.

English message ids; zh_Hans is the default, zh_Hant falls back to it where it has no
sentence of its own. Werkzeug's best match is wrong for Chinese (it answers ``zh-HK``
with English), so the browser's wish is read with an own table.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from babel.support import NullTranslations, Translations
from flask import Flask, current_app, has_request_context, request
from flask_babel import Babel, Domain, get_locale
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header, parse_cookie

from charity.config import ROOT

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Code of the language → its own name, shown by the switch; the first is the default.
LANGUAGES: Final = {"zh_Hans": "简体中文", "zh_Hant": "繁體中文", "en": "English"}
#: Code → value of the ``lang`` attribute.
HTML_LANG: Final = {"zh_Hans": "zh-Hans", "zh_Hant": "zh-Hant", "en": "en"}
DEFAULT = "zh_Hans"
COOKIE = "language"
#: Where the choice stands as the trusted proxy read it from the cookie; ``-`` for none.
FROM_PROXY = "charity.language"
COOKIE_AGE_S = 365 * 24 * 3600
_TRADITIONAL = frozenset({"tw", "hk", "mo", "hant"})
_FALLBACK = {"zh_Hant": "zh_Hans"}


@lru_cache(maxsize=1000)
def language_of(header: str) -> str:
    """Return the language for an Accept-Language header, the default when none is ours.

    zh-TW, zh-HK, zh-MO and zh-Hant… are traditional, every other zh simplified.
    """
    for wish, quality in parse_accept_header(header, LanguageAccept):
        if quality <= 0:
            continue
        parts = wish.lower().replace("_", "-").split("-")
        if parts[0] == "zh":
            return "zh_Hant" if _TRADITIONAL & set(parts[1:]) and "hans" not in parts else "zh_Hans"
        if parts[0] == "en":
            return "en"
    return DEFAULT


def language_of_environ(environ: WSGIEnvironment) -> str:
    """Return the language of a request: the reader's own choice, then the browser's.

    A proxy that keeps pages reads the choice from the cookie itself and says what it read:
    then that counts, since the page is kept under it, whatever the cookie may mean here.
    """
    if (read := environ.get(FROM_PROXY)) is not None:
        return read if read in LANGUAGES else language_of(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
    cookies = environ.get("HTTP_COOKIE", "")
    chosen = parse_cookie(cookies).get(COOKIE, "") if COOKIE in cookies else ""
    return chosen if chosen in LANGUAGES else language_of(environ.get("HTTP_ACCEPT_LANGUAGE", ""))


def choose() -> str:
    """Return the language of the present request; the default outside one."""
    return language_of_environ(request.environ) if has_request_context() else DEFAULT


def language() -> str:
    """Return the code of the language in use; the default outside a request."""
    return str(get_locale() or DEFAULT)


class CatalogueDomain(Domain):  # type: ignore[misc]  # Flask-Babel carries no types
    """The message domain whose traditional catalogue falls back to the simplified one."""

    def get_translations(self) -> NullTranslations:
        code = language()
        known: dict[str, NullTranslations] = self.cache
        if code not in known:
            known[code] = self._load(code)
        return known[code]

    def _load(self, code: str) -> NullTranslations:
        catalogue = Translations.load(str(ROOT / "translations"), [code], "messages")
        if (fallback := _FALLBACK.get(code)) is not None:
            catalogue.add_fallback(self._load(fallback))
        return catalogue


def install(app: Flask) -> None:
    """Wire Flask-Babel with the choice and the catalogues above."""
    babel = Babel(app, default_locale=DEFAULT, locale_selector=choose, timezone_selector=_zone)
    # The attribute is a cached property of the extension; setting it is the only place
    # where Flask-Babel 4 lets a domain of one's own in.
    babel.domain_instance = CatalogueDomain()
    app.jinja_env.policies["ext.i18n.trimmed"] = True


def _zone() -> str:
    return str(current_app.extensions["charity.settings"].zone)
