"""One test per refusal: a sentence nobody has provoked is a sentence nobody has read.

Every problem code the product registers is said by the product and named by a test. A code
that can no longer occur goes from the product, with its translations; it gets no place in a
list here.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from charity.errors import SENTENCES
from tests.support import source


def texts(files: Iterable[Path]) -> Iterator[str]:
    """Yield every text that stands in quotes in some files."""
    for path in files:
        for node in ast.walk(source.tree(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


#: Tests that name what the database's guards say, which often is the code of a sentence too.
_OF_GUARDS = {"test_forgeries.py", "test_guarded_tables.py"}


@cache
def named_in_tests() -> frozenset[str]:
    """Return every text that stands as a whole in quotes in a test of an act."""
    files = [p for p in source.files_of_tests() if p != Path(__file__) and p.name not in _OF_GUARDS]
    assert len(files) > 100
    return frozenset(texts(files))


def composed() -> Iterator[re.Pattern[str]]:
    """Yield what the codes look like that the product puts together: ``f"{kind}_wrong"``."""
    for path in source.package_files():
        for node in ast.walk(source.tree(path)):
            is_said = isinstance(node, ast.Call) and source.dotted(node.func) in ("Problem", "refuse")
            if is_said and node.args and isinstance(node.args[0], ast.JoinedStr):
                parts = node.args[0].values
                yield re.compile("".join(p.value if isinstance(p, ast.Constant) else r"\w+" for p in parts))


def test_every_refusal_is_provoked_by_a_test() -> None:
    source.import_everything()
    assert len(SENTENCES) > 500
    assert sorted(SENTENCES.keys() - named_in_tests()) == []


def test_every_sentence_is_said_by_the_product() -> None:
    """Its code stands once where it is registered, and once more where it is found or shown."""
    source.import_everything()
    count, patterns = Counter(texts(source.package_files())), list(composed())
    assert len(patterns) > 2
    unsaid = [code for code in SENTENCES if count[code] < 2 and not any(p.fullmatch(code) for p in patterns)]
    assert unsaid == []
