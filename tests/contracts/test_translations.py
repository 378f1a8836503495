"""The catalogues say everything the code says: whole, alive, with the same fields, compiled."""

from __future__ import annotations

import io
import re
from functools import cache

import pytest
from babel.messages import Catalog, Message
from babel.messages.mofile import read_mo

from charity import translations
from charity.errors import SENTENCES
from tests.support import source
from tests.support.source import import_everything

#: Where messages stand that the public reads: pages and documents have 繁體 too.
_PUBLIC = re.compile(
    r"charity/(?:documents|disclosure)/|templates/(?:disclosure/|layouts/(?:public|skeleton))"
)


@cache
def messages() -> Catalog:
    return translations.extract()


def texts(catalogue: Catalog) -> dict[str, list[str]]:
    """Return what a catalogue translates, plural forms listed."""
    strings = {key(m): [m.string] if isinstance(m.string, str) else list(m.string) for m in catalogue if m.id}
    return {name: forms for name, forms in strings.items() if any(forms)}


def key(message: Message) -> str:
    """Return context and id of a message in one line; a compiled catalogue has other types."""
    context = message.context.decode() if isinstance(message.context, bytes) else message.context
    return f"{context or ''}|{message.id if isinstance(message.id, str) else message.id[0]}"


def is_public(locations: list[tuple[str, int | None]]) -> bool:
    """Say whether a message stands on a public page or in a document."""
    return any(_PUBLIC.match(name) or name in public_templates() for name, _ in locations)


@cache
def public_templates() -> frozenset[str]:
    """Return the templates drawn in the public layout, wherever they stand."""
    extends = 'extends "layouts/public.html"'
    return frozenset(source.relative(path) for path in source.templates() if extends in source.text(path))


def test_every_message_is_translated_and_every_translation_used() -> None:
    assert len(messages()) > 100
    report = translations.check(messages())
    assert report.missing == ()
    assert report.unknown == ()
    assert report.fields == ()


def test_every_refusal_has_a_sentence_in_the_catalogue() -> None:
    import_everything()
    known = {message.id for message in messages() if isinstance(message.id, str)}
    assert len(SENTENCES) > 50
    assert sorted(code for code, sentence in SENTENCES.items() if sentence not in known) == []


def test_public_pages_and_documents_speak_traditional_chinese() -> None:
    public = [message for message in messages() if message.id and is_public(message.locations)]
    assert len(public) > 20
    catalogue = translations.read("zh_Hant")
    untranslated = []
    for message in public:
        found = catalogue.get(message.id if isinstance(message.id, str) else message.id[0], message.context)
        text = found.string if found else ""
        if not (text if isinstance(text, str) else "".join(text)):
            untranslated.append(key(message))
    assert untranslated == []


@pytest.mark.parametrize("locale", translations.LOCALES)
def test_the_compiled_catalogue_is_the_written_one(locale: str) -> None:
    path = translations.catalogue_path(locale)
    compiled = read_mo(io.BytesIO(path.with_suffix(".mo").read_bytes()))
    written, found = texts(translations.read(locale)), texts(compiled)
    assert written
    assert written == found
