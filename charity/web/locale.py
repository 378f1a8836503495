"""Which language a page is shown in, and the catalogues it is translated with.

English message ids; zh_Hans is the default, zh_Hant falls back to it where it has no
sentence of its own. Werkzeug's best match is wrong for Chinese (it answers ``zh-HK``
with English), so the browser's wish is read with an own table.
"""

from __future__ import annotations

from typing import Final

from babel.support import NullTranslations, Translations
from flask import Flask, current_app, has_request_context, request
from flask_babel import Babel, Domain, get_locale
from werkzeug.datastructures import LanguageAccept

from charity.config import ROOT

#: Code of the language → its own name, shown by the switch; the first is the default.
LANGUAGES: Final = {"zh_Hans": "简体中文", "zh_Hant": "繁體中文", "en": "English"}
#: Code → value of the ``lang`` attribute.
HTML_LANG: Final = {"zh_Hans": "zh-Hans", "zh_Hant": "zh-Hant", "en": "en"}
DEFAULT = "zh_Hans"
COOKIE = "language"
COOKIE_AGE_S = 365 * 24 * 3600
_TRADITIONAL = frozenset({"tw", "hk", "mo", "hant"})
_FALLBACK = {"zh_Hant": "zh_Hans"}


def language_of(wishes: LanguageAccept) -> str:
    """Return the language for an Accept-Language header, the default when none is ours.

    zh-TW, zh-HK, zh-MO and zh-Hant… are traditional, every other zh simplified.
    """
    for wish, quality in wishes:
        if quality <= 0:
            continue
        parts = wish.lower().replace("_", "-").split("-")
        if parts[0] == "zh":
            return "zh_Hant" if _TRADITIONAL & set(parts[1:]) and "hans" not in parts else "zh_Hans"
        if parts[0] == "en":
            return "en"
    return DEFAULT


def choose() -> str:
    """Return the language of this request: the reader's own choice, then the browser's."""
    if not has_request_context():
        return DEFAULT
    chosen = request.cookies.get(COOKIE, "")
    return chosen if chosen in LANGUAGES else language_of(request.accept_languages)


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
