"""Login names, passwords and the life of a session: what is good enough. No database."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from charity.errors import N_, Problem, register

#: A session without a request ends after this.
IDLE = timedelta(minutes=60)
#: A session ends after this, busy or not: a working day.
LONGEST_SESSION = timedelta(hours=12)
#: How long a link to choose a new password works.
RESET_LIFE = timedelta(minutes=30)
#: How long the first link of a new login works: over a weekend.
INVITE_LIFE = timedelta(hours=72)

#: For so long after somebody else changed the mail address no link goes to it but through a
#: second administrator: who gives roles must not be able to sign in as those who hold them.
EMAIL_REST = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Tries:
    """How many tries a window allows; right passwords are not counted.

    Attributes:
        name_here: at one login name from one address: a village behind one address is not
            locked out by one of its people, nor somebody by a stranger elsewhere.
        name: at one login name from everywhere together.
        address: from one address, at whatever names.
        window_s: length of the window, in seconds.
    """

    name_here: int
    name: int
    address: int
    window_s: int


SIGN_IN_TRIES = Tries(name_here=10, name=50, address=100, window_s=900)
#: Links asked for.
LINK_TRIES = Tries(name_here=3, name=10, address=20, window_s=3600)

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 128

_USERNAME = re.compile(r"[a-z][a-z0-9._-]{1,29}")

#: Passwords everybody tries first, folded by :func:`_plain`; the shortest length already
#: keeps out most of the known lists.
_COMMON_TEXT = """
1234567890 0123456789 0987654321 1234512345 1234554321 1357924680 1472583690 1111111111
0000000000 8888888888 6666666666 12345678910 123456789a a123456789 a1234567890 abc1234567
abcd123456 abc123456789 123456789abc qwertyuiop qwerty12345 asdfghjkl1 1q2w3e4r5t
1qaz2wsx3edc qazwsxedcrfv zaq12wsxcde3 password12 password123 password1234 passw0rd123
iloveyou12 woaini1314 woaini520 woaini5201314 5201314520 wodemima123 admin12345 admin123456
administrator administrator1 welcome123 welcome1234 letmein1234 changeme123 caiwu123456
cishan123456 cszh123456
"""
_COMMON = frozenset(_COMMON_TEXT.split())
#: Words of this house: a password made of them, digits and signs alone is guessed first.
CONTEXT_WORDS = (
    *("admin", "administrator", "caiwu", "charity", "chuna", "cishan", "cishanzonghui", "cszh"),
    *("federation", "fund", "gongyi", "jijin", "juankuan", "juanzeng", "kuaiji", "ledger", "mima"),
    *("password", "shenji", "user", "xitong", "yonghu", "zhangwu", "zonghui"),
)
_CONTEXT = re.compile(f"(?:{'|'.join(CONTEXT_WORDS)})+")


@cache
def _listed() -> frozenset[str]:
    """Return known passwords, words and names of at least the shortest length: some 13,000.

    Read when the first password is chosen, since the lists take a moment.
    """
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(
        word for words in FREQUENCY_LISTS.values() for word in words if len(word) >= SHORTEST_PASSWORD
    )


PROBLEMS = register(
    {
        "username_malformed": N_(
            "The login name has 2 to 30 small letters, digits, dots or hyphens and starts with a letter."
        ),
        "password_short": N_("Take at least %(least)s characters; three or four words are easy to remember."),
        "password_long": N_("Take at most %(most)s characters."),
        "password_common": N_("This password is among the first anybody would try; choose another."),
        "password_repeats": N_("This password repeats the same few characters; choose another."),
        "password_names_you": N_("The password must not contain the login name."),
        "password_not_repeated": N_("The two new passwords differ."),
    }
)


def fold_username(text: str) -> str:
    """Return a login name as it is stored: NFKC, small letters, without blanks around it."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def check_username(username: str) -> list[Problem]:
    """Return why a folded login name is not good. Problems: ``username_malformed``."""
    return [] if _USERNAME.fullmatch(username) else [Problem("username_malformed", {}, "username")]


def fold_password(text: str) -> str:
    """Return a password as it is hashed: a Chinese input method types full-width letters too."""
    return unicodedata.normalize("NFKC", text)


def _plain(password: str) -> str:
    return re.sub(r"[^0-9a-z]", "", password.casefold())


def _is_common(plain: str) -> bool:
    """Say whether a password, its signs left out, is one everybody tries: listed, or a word and digits."""
    letters = re.sub(r"[0-9]", "", plain)
    is_listed = plain in _COMMON or plain in _listed() or plain.rstrip("0123456789") in _listed()
    return is_listed or _CONTEXT.fullmatch(letters) is not None


def check_password(password: str, username: str) -> list[Problem]:
    """Return why a new password is not good enough.

    Length is what counts; no mixture of signs is asked for, since it makes passwords
    that are written on a note.

    Args:
        password: as typed.
        username: the folded login name.

    Problems: ``password_short``, ``password_long``, ``password_common``,
    ``password_repeats``, ``password_names_you``.
    """
    folded = fold_password(password)
    if len(folded) < SHORTEST_PASSWORD:
        return [Problem("password_short", {"least": SHORTEST_PASSWORD}, "new")]
    if len(folded) > LONGEST_PASSWORD:
        return [Problem("password_long", {"most": LONGEST_PASSWORD}, "new")]
    if _is_common(_plain(folded)):
        return [Problem("password_common", {}, "new")]
    if len(set(folded.casefold())) < 4:
        return [Problem("password_repeats", {}, "new")]
    if len(username) >= 3 and username in folded.casefold():
        return [Problem("password_names_you", {}, "new")]
    return []


def session_has_ended(signed_in_at: datetime, seen_at: datetime, at: datetime) -> bool:
    """Say whether a session has been idle too long or has lasted too long.

    One that was begun or last used after now, by a clock that has been set back since, has ended:
    nobody could say how long it lasts.

    Args:
        signed_in_at: when it began.
        seen_at: the last request that counted.
        at: the present instant.
    """
    is_ahead = max(seen_at, signed_in_at) - at > IDLE
    return is_ahead or at - seen_at > IDLE or at - signed_in_at > LONGEST_SESSION


def email_rests_until(changed_at: datetime | None) -> datetime | None:
    """Return until when a changed mail address gets no link from who changed it; None if it never was."""
    return changed_at + EMAIL_REST if changed_at is not None else None
