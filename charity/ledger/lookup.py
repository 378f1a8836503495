"""What a person types for a code: the code, the name, its pinyin or its initials.

Standard library and the lowest layer only. Typing is spared, never guessed at: where two
things fit, both are named and the person chooses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from charity.errors import N_, refuse, register
from charity.ledger.rules import AccountInfo
from charity.names import fold_text, search_text

PROBLEMS = register(
    {
        "entry_ambiguous": N_("“%(text)s” fits several: %(candidates)s. Choose one from the list."),
    }
)

#: Which restrictions of an account a kind of fund may stand on.
_FITS = {
    "restricted": ("any", "yes"),
    "general": ("any", "no"),
    "agency": ("agency",),
}

_LEADING_CODE = re.compile(r"(\d+)(?!\d)")
_SHOWN = 4


def fits_fund(account: AccountInfo, fund_kind: str) -> bool:
    """Say whether an account may carry a fund of a kind (restricted, general, agency)."""
    return account.restriction in _FITS.get(fund_kind, ())


def account_code(text: str, accounts: Mapping[str, AccountInfo], fund_kind: str = "") -> str:
    """Return the code of the account that a text means.

    A heading (``4101``, 捐赠收入) gives the one postable account below it that fits the
    fund. What fits nothing is returned as typed, so that the rules name it.

    Args:
        text: a code, ``code name``, a name, pinyin or initials.
        accounts: the chart in force, by code.
        fund_kind: kind of the line's fund; empty when it is not known.

    Raises:
        Refused: ``entry_ambiguous``.
    """
    typed = text.strip()
    if not typed:
        return ""
    head = _LEADING_CODE.match(typed)
    if head and head[1] in accounts:
        return _below(accounts[head[1]], accounts, fund_kind)
    found = [account for account in accounts.values() if account.is_postable and _is_meant(typed, account)]
    exact = [a for a in accounts.values() if fold_text(typed) in (fold_text(a.name_zh), fold_text(a.name_en))]
    if len(exact) == 1:
        return _below(exact[0], accounts, fund_kind)
    if fund_kind and len(found) > 1:
        found = [account for account in found if fits_fund(account, fund_kind)] or found
    if not found:
        return typed
    if len(found) > 1:
        raise _ambiguous(typed, (f"{account.code} {account.name_zh}" for account in found))
    return found[0].code


def _below(account: AccountInfo, accounts: Mapping[str, AccountInfo], fund_kind: str) -> str:
    """Return the account itself, or for a heading the one below it that fits the fund."""
    if account.is_postable:
        return account.code
    inside = [
        other
        for code, other in accounts.items()
        if code.startswith(account.code) and other.is_postable and fits_fund(other, fund_kind)
    ]
    return inside[0].code if len(inside) == 1 else account.code


def _is_meant(typed: str, account: AccountInfo) -> bool:
    """Say whether a text stands in an account's name, its pinyin or its initials."""
    wanted = fold_text(typed)
    return _is_telling(wanted) and (
        wanted in search_text(account.name_zh) or wanted in fold_text(account.name_en)
    )


def _is_telling(wanted: str) -> bool:
    """Say whether a folded word tells enough to be looked for: a Han character, or two letters."""
    return bool(wanted) and (len(wanted) > 1 or not wanted.isascii())


def code_of(text: str, names: Mapping[str, str]) -> str:
    """Return the code that a text means in a small table of codes and names.

    Args:
        text: a code, ``code name``, a name, pinyin or initials.
        names: code → name.

    Raises:
        Refused: ``entry_ambiguous``.
    """
    typed = text.strip()
    if not typed or typed in names:
        return typed
    for code in names:
        if typed.startswith(f"{code} "):
            return code
    wanted = fold_text(typed)
    exact = [code for code, name in names.items() if fold_text(name) == wanted]
    found = exact or [
        code for code, name in names.items() if _is_telling(wanted) and wanted in search_text(name)
    ]
    if not found:
        return typed
    if len(found) > 1:
        raise _ambiguous(typed, (f"{code} {names[code]}" for code in found))
    return found[0]


def _ambiguous(text: str, candidates: Iterable[str]) -> Exception:
    """Return the refusal that names what a text could mean."""
    shown = list(candidates)
    more = " …" if len(shown) > _SHOWN else ""
    return refuse("entry_ambiguous", text=text[:40], candidates="；".join(shown[:_SHOWN]) + more)
