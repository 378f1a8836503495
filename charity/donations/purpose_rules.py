"""Which fund the giver's words name: learned keywords, and silence where they are unclear.

Pure. A word that several funds could mean, or that nobody has decided yet, waits for a
person; words that only say “a gift” name no purpose, so the gift is free money.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from charity.errors import N_, Problem, register
from charity.names import fold_text

PROBLEMS = register(
    {
        "keyword_empty": N_("A keyword needs at least two letters or characters that say more than “gift”."),
        "keyword_long": N_("Write at most %(limit)s characters as a keyword."),
    }
)

KEYWORD_LIMIT = 40

#: What people write who only mean to give; nothing of it names a purpose.
_GENERIC = re.compile(
    r"慈善总会|慈善会|慈善一日捐|一日捐|慈善捐赠|慈善捐款|爱心捐赠|爱心捐款|公益捐赠|公益捐款|捐赠款|捐赠金|爱心款|"
    r"捐助款|捐款|捐赠|捐助|捐献|善款|捐资|爱心|慈善|公益|收款|转账|付款|支付|汇款|扫码|二维码|商户|消费|来账|普通汇兑|"
    r"网银|电汇|跨行|摘要|用途|附言|备注|个人|单位|往账|贷记|其他|其它|无|donation|gift|other"
)
_NUMBERS = re.compile(r"[0-9a-z]*[0-9][0-9a-z]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a gift goes: codes of fund and earmark, and the rule that said so.

    Attributes:
        is_charter: whether the earmark is the fund's default one, so that a narrower
            earmark of the same fund wins over it.
    """

    fund: str
    earmark: str
    is_charter: bool = True
    rule_id: int | None = None


@dataclass(frozen=True, slots=True)
class Keyword:
    """One learned rule: a folded word, and where it leads."""

    word: str
    target: Target
    place_id: int | None = None


def fold_keyword(text: str) -> str:
    """Return a keyword in its stored form."""
    return fold_text(text)


def check_keyword(text: str) -> list[Problem]:
    """Return why a text cannot be learned as a keyword."""
    word = fold_keyword(text)
    if len(word) > KEYWORD_LIMIT:
        return [Problem("keyword_long", {"limit": KEYWORD_LIMIT}, "keyword")]
    if len(word) < 2 or not telling_part(word):
        return [Problem("keyword_empty", where="keyword")]
    return []


@lru_cache(maxsize=20_000)
def telling_part(folded: str) -> str:
    """Return what is left of a folded text without generic words and numbers."""
    return _NUMBERS.sub("", _GENERIC.sub("", folded))


class PurposeBook:
    """The rules in force, ready to be asked for every row of a file."""

    def __init__(self, keywords: Iterable[Keyword], general: Target) -> None:
        """Take the rules.

        Args:
            keywords: rules in force; an empty word is the default of its place.
            general: where a gift without any purpose goes.
        """
        self._general = general
        self._words: dict[str, list[Keyword]] = {}
        self._defaults: dict[int, Target] = {}
        for keyword in keywords:
            if keyword.word:
                self._words.setdefault(keyword.word, []).append(keyword)
            elif keyword.place_id is not None:
                self._defaults[keyword.place_id] = keyword.target
        longest_first = sorted(self._words, key=lambda word: (-len(word), word))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self._known: dict[tuple[str, int | None], Target | None] = {}

    def target_of(self, text: str, place_id: int | None = None) -> Target | None:
        """Return where a gift with these words goes; None when a person must say.

        Args:
            text: the giver's words as written, or the name of the good paid for.
            place_id: where the money came in; a place may have a default and own words.
        """
        key = (text, place_id)
        if key not in self._known:
            self._known[key] = self._find(fold_text(text), place_id)
        return self._known[key]

    def _find(self, folded: str, place_id: int | None) -> Target | None:
        found = self._targets(folded, place_id)
        if found:
            return _narrowest(found)
        if telling_part(folded):
            return None
        return self._defaults.get(place_id, self._general) if place_id is not None else self._general

    def _targets(self, folded: str, place_id: int | None) -> list[Target]:
        if self._pattern is None:
            return []
        targets = []
        for word in dict.fromkeys(self._pattern.findall(folded)):
            rules = self._words[word]
            own = [rule for rule in rules if rule.place_id is not None and rule.place_id == place_id]
            targets += [rule.target for rule in own or rules if rule.place_id in (None, place_id)]
        return targets


def _narrowest(targets: Sequence[Target]) -> Target | None:
    """Return the one target all words allow; None when they name different purposes."""
    places = {(target.fund, target.earmark): target for target in targets}
    if len(places) == 1:
        return targets[0]
    narrow = [target for target in places.values() if not target.is_charter]
    if len(narrow) == 1 and {target.fund for target in targets} == {narrow[0].fund}:
        return narrow[0]
    return None
