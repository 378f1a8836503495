"""One word, one idea: records are in the glossary, forbidden words stand nowhere."""

from __future__ import annotations

import re
from functools import cache

from charity import schema, translations
from charity.db import Base
from tests.support import source

#: Word → why nobody says it.
FORBIDDEN = {
    "区块链": "the proof log is a signed tree, not a chain of blocks",
    "區塊鏈": "the proof log is a signed tree, not a chain of blocks",
    "不可篡改": "a change can be found afterwards; it cannot be ruled out",
    "绝对真实": "the log does not prove that an entry was right",
    "反结账": "a closed month is never opened again (财会〔2024〕12号)",
    "过账": "the office's word is 记账",
    "免税票据": "the law's document is 捐赠票据, and we do not issue it",
}
#: Name → the glossary's word for it.
WRONG_NAMES = {
    "transaction": "voucher (transaction is the database's word)",
    "journal_entry": "voucher",
    "equity": "net_assets",
    "ledger_entry": "voucher",
    "unpost": "reverse_voucher",
    "reopen_month": "a closed month is never opened again",
}


@cache
def glossary() -> str:
    return source.text(source.ROOT / "docs" / "glossary.md")


def identifiers() -> set[str]:
    """Return every identifier the glossary knows."""
    return set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", glossary()))))


def test_every_record_is_in_the_glossary() -> None:
    schema.load_tables()
    records = {mapper.class_.__name__ for mapper in Base.registry.mappers}
    assert len(records) > 20
    assert sorted(records - identifiers()) == []


def test_an_identifier_means_one_thing() -> None:
    rows = [
        line.split("|") for line in glossary().splitlines() if line.startswith("| ") and "---" not in line
    ]
    classes = [name for row in rows for name in re.findall(r"`([A-Z]\w+)`", row[3])]
    assert len(classes) > 20
    assert sorted({name for name in classes if classes.count(name) > 1}) == []


def test_forbidden_words_stand_nowhere() -> None:
    texts = {source.relative(path): source.text(path) for path in source.templates()}
    texts |= {
        f"{locale}: {message.id}": "".join(message.string)
        for locale in translations.LOCALES
        for message in translations.read(locale)
        if message.id and message.string
    }
    assert len(texts) > 100
    found = [
        f"{where}: {word}, {why}"
        for where, text in texts.items()
        for word, why in FORBIDDEN.items()
        if word in text
    ]
    assert found == []


def test_identifiers_use_the_glossary_s_words() -> None:
    found = []
    for path in source.package_files():
        for name in set(re.findall(r"(?:def|class)\s+(\w+)", source.text(path))):
            found += [
                f"{source.relative(path)}: {name}: {right}"
                for wrong, right in WRONG_NAMES.items()
                if wrong in name
            ]
    assert found == []
