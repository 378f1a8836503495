"""Catalogues of translations, and the tool that keeps them true to the code.

A developer's tool (``python3 dev.py messages``), not imported by the app. English ids
stand in the code; zh_Hans is complete; zh_Hant holds only what was read by a person and
falls back to zh_Hans. It drafts nothing by itself: translations come from JSON files of
``{"English id": "译文"}`` (an id with context is ``"context\\u0004id"``), or are edited in
the .po files. The invariant: after ``update`` a catalogue has exactly the messages of
the code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
#: Catalogue → ending of the JSON files merged into it.
LOCALES = {"zh_Hans": ".json", "zh_Hant": ".hant.json"}
#: Catalogues in which every message must be translated.
COMPLETE = ("zh_Hans",)
#: ``_l`` is what forms call ``lazy_gettext`` beside ``_``.
KEYWORDS = DEFAULT_KEYWORDS | parse_keywords(
    ["lazy_gettext", "_l", "lazy_ngettext:1,2", "lazy_pgettext:1c,2", "npgettext:1c,2,3"]
)

#: Written into the header, so that the same messages give the same file.
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_FIELD = re.compile(r"%\((\w+)\)[sd]")


@dataclass(frozen=True, slots=True)
class Report:
    """What is wrong with the catalogues; each line names locale and message.

    Attributes:
        missing: messages of the code without a translation.
        unknown: translations offered for messages the code does not have.
        differing: messages for which two files offer different translations.
        fields: translations whose ``%(name)s`` fields are not those of the message.
    """

    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    differing: tuple[str, ...]
    fields: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Say whether nothing is wrong."""
        return not (self.missing or self.unknown or self.differing or self.fields)


def extract() -> Catalog:
    """Return every message of the code and the templates, as ``babel.cfg`` finds them."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    catalogue = _empty(None)
    for name, _line, message, _comments, context in extract_from_dir(
        ROOT, methods, options, KEYWORDS, comment_tags=("Translators:",)
    ):
        catalogue.add(message, locations=[(Path(name).as_posix(), 1)], context=context)
    return catalogue


def catalogue_path(locale: str) -> Path:
    """Return the .po file of a catalogue."""
    return HERE / locale / "LC_MESSAGES" / "messages.po"


def read(locale: str) -> Catalog:
    """Return a catalogue as it stands; empty while there is no file."""
    path = catalogue_path(locale)
    if not path.exists():
        return Catalog(locale=locale)
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def update(json_dir: Path | None = None) -> Report:
    """Bring every .po file to the messages of the code, with the JSON files merged in.

    A translation from JSON replaces the one of the .po file. Messages the code does not
    have any more are dropped.

    Args:
        json_dir: folder of ``<area>.json`` and ``<area>.hant.json`` files; None for none.
    """
    template = extract()
    unknown: list[str] = []
    differing: list[str] = []
    for locale, ending in LOCALES.items():
        offered, clashes = _offered(json_dir, ending)
        differing += [f"{locale}: {key}" for key in clashes]
        unknown += [
            f"{locale}: {key}" for key in offered if key not in {_key(m) for m in _messages(template)}
        ]
        _write(locale, _merged(locale, template, offered))
    checked = check(template)
    return Report(checked.missing, tuple(unknown), tuple(differing), checked.fields)


def check(template: Catalog | None = None) -> Report:
    """Compare the .po files with the code, changing nothing; for the tests.

    Args:
        template: the messages of the code; extracted when None.
    """
    template = template or extract()
    missing: list[str] = []
    unknown: list[str] = []
    fields: list[str] = []
    known = {_key(message) for message in _messages(template)}
    for locale in LOCALES:
        texts = {_key(message): _text(message) for message in _messages(read(locale))}
        unknown += [f"{locale}: {key}" for key in texts if key not in known]
        if locale in COMPLETE:
            missing += [f"{locale}: {key}" for key in sorted(known) if not texts.get(key)]
        fields += [
            f"{locale}: {key}" for key, text in texts.items() if text and _fields(key) != _fields(text)
        ]
    return Report(tuple(missing), tuple(unknown), (), tuple(fields))


def compile_all() -> None:
    """Write the .mo file beside every .po file."""
    for locale in LOCALES:
        with catalogue_path(locale).with_suffix(".mo").open("wb") as file:
            write_mo(file, _translated(read(locale)))


def _translated(catalogue: Catalog) -> Catalog:
    """Return a catalogue without what is not translated.

    Babel would write an untranslated plural as English, and nothing could fall back.
    """
    kept = _empty(str(catalogue.locale))
    for message in _messages(catalogue):
        if _text(message):
            kept.add(message.id, message.string, context=message.context)
    return kept


def _empty(locale: str | None) -> Catalog:
    """Return a catalogue without messages, whose header names nobody and no day of making."""
    return Catalog(
        locale=locale,
        project="charity-ledger",
        version="1",
        header_comment="# Made by charity/translations; edit the translations, not the messages.",
        msgid_bugs_address="see README",
        last_translator="the maintainers",
        language_team="the maintainers",
        creation_date=_BEGAN,
        revision_date=_BEGAN,
        fuzzy=False,
    )


def _messages(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


def _key(message: Message) -> str:
    """Return the key of a message in JSON: the id, or its singular, behind its context."""
    text = message.id if isinstance(message.id, str) else message.id[0]
    return f"{message.context}\x04{text}" if message.context else str(text)


def _text(message: Message) -> str:
    """Return the translation of a message, of a plural one its only form; empty without."""
    if isinstance(message.string, str):
        return message.string
    return message.string[0] if message.string else ""


def _fields(text: str) -> set[str]:
    return set(_FIELD.findall(text.rpartition("\x04")[2]))


def _offered(json_dir: Path | None, ending: str) -> tuple[dict[str, str], list[str]]:
    """Return the translations of all files of one kind, and the keys they disagree on."""
    offered: dict[str, str] = {}
    clashes: list[str] = []
    for path in sorted(json_dir.glob("*.json")) if json_dir else ():
        if "".join(path.suffixes) != ending:
            continue
        for key, text in json.loads(path.read_text(encoding="utf-8")).items():
            if offered.setdefault(key, text) != text:
                clashes.append(f"{key} ({path.name})")
    return offered, clashes


def _merged(locale: str, template: Catalog, offered: Mapping[str, str]) -> Catalog:
    """Return the catalogue of a locale with exactly the template's messages."""
    kept = {_key(message): _text(message) for message in _messages(read(locale))}
    catalogue = _empty(locale)
    for message in _messages(template):
        text = offered.get(_key(message)) or kept.get(_key(message), "")
        # Chinese has one plural form; both locales here are Chinese.
        string: str | tuple[str, ...] = text if isinstance(message.id, str) else (text,)
        catalogue.add(message.id, string, locations=message.locations, context=message.context)
    return catalogue


def _write(locale: str, catalogue: Catalog) -> None:
    path = catalogue_path(locale)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=100, sort_output=True, include_lineno=False)
