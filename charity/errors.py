"""Problems and refusals: what is wrong, where, and what to do, as values.

Imports the standard library only. A rule returns ``list[Problem]``; a service that
cannot act raises :class:`Refused` with them. The sentence of a problem is an English
message id registered beside the rule that finds it, so that each code has one sentence
and a test can hold every code to a translation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SENTENCES: dict[str, str] = {}


def N_(message: str) -> str:
    """Mark a message for the catalogue without translating it here."""
    return message


def register(sentences: Mapping[str, str]) -> Mapping[str, str]:
    """Register the sentences of one feature's problem codes.

    Args:
        sentences: code (``noun_fact``) → English message id with ``%(name)s`` fields.

    Raises:
        ValueError: a code is registered twice with different sentences.
    """
    for code, sentence in sentences.items():
        if SENTENCES.setdefault(code, sentence) != sentence:
            raise ValueError(f"two sentences for the problem code {code}")
    return sentences


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the house inside a sentence, translated with it.

    Attributes:
        message: English message id.
    """

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Named:
    """A thing of the books inside a sentence, by its own name.

    Attributes:
        name: Chinese name.
        name_en: English name; empty where it has none.
    """

    name: str
    name_en: str = ""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        code: the registered code, ``noun_fact``.
        params: the values of the sentence's fields, already formatted for people; a
            :class:`Term` or :class:`Named` follows the reader's language.
        where: the form field, line or row the problem stands at; empty for the whole.
    """

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""

    def sentence(self) -> str:
        """Return the English sentence with its fields filled in."""
        return SENTENCES[self.code] % dict(self.params)


class Refused(Exception):
    """An act was refused; nothing was changed.

    Attributes:
        problems: at least one, the most important first.
    """

    def __init__(self, *problems: Problem) -> None:
        if not problems:
            raise ValueError("a refusal names at least one problem")
        self.problems = problems
        super().__init__("; ".join(f"{p.code}: {p.sentence()}" for p in problems))

    @property
    def codes(self) -> list[str]:
        """Return the problem codes in order."""
        return [problem.code for problem in self.problems]


def refuse_if(problems: Iterable[Problem]) -> None:
    """Raise :class:`Refused` when there is any problem, else do nothing."""
    found = tuple(problems)
    if found:
        raise Refused(*found)


def refuse(code: str, where: str = "", /, **params: Any) -> Refused:
    """Return a :class:`Refused` with one problem, to be raised by the caller."""
    return Refused(Problem(code, params, where))
