"""Argon2id, with a cap on how many run at once: each takes memory, not only time.

Imports argon2 and ``credentials``. Hashing happens between transactions, never inside
one: on SQLite a writing transaction makes everybody wait.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from charity.errors import N_, refuse, refuse_if, register
from charity.users.credentials import check_password, fold_password

PROBLEMS = register(
    {"sign_in_busy": N_("Many people are signing in just now. Please try again in a moment.")}
)

#: How long a check waits for its turn before it is refused, in seconds.
PATIENCE_S = 5.0


class Passwords:
    """Makes and checks password hashes of one cost."""

    def __init__(self, *, memory_kib: int, passes: int, at_once: int) -> None:
        """Set the cost.

        Args:
            memory_kib: memory of one hash, in KiB.
            passes: passes over that memory.
            at_once: how many may run at once; memory_kib × at_once is the most ever used.
        """
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._turns = threading.BoundedSemaphore(at_once)
        #: Checked when there is no such login, so that the answer takes as long.
        self._nobody = self._hasher.hash("nobody has this password")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=PATIENCE_S):
            raise refuse("sign_in_busy")
        try:
            yield
        finally:
            self._turns.release()

    def hash(self, password: str) -> str:
        """Return the hash of a new password.

        Raises:
            Refused: ``sign_in_busy``.
        """
        with self._turn():
            return self._hasher.hash(fold_password(password))

    def matches(self, stored: str, password: str) -> bool:
        """Say whether a password fits a stored hash; an empty hash fits nothing, as slowly.

        Raises:
            Refused: ``sign_in_busy``.
        """
        with self._turn():
            try:
                is_right = self._hasher.verify(stored or self._nobody, fold_password(password))
            except (VerificationError, InvalidHashError):
                return False
        return is_right and bool(stored)

    def is_outdated(self, stored: str) -> bool:
        """Say whether a hash was made at another cost and should be made anew at sign-in."""
        return self._hasher.check_needs_rehash(stored)


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password that was found good enough, as its hash; made outside any transaction."""

    hash: str = field(repr=False)


def new_password(passwords: Passwords, username: str, text: str) -> NewPassword:
    """Return a new password to hand to a service, after looking at it.

    Raises:
        Refused: ``sign_in_busy``, and the problems of
            :func:`charity.users.credentials.check_password`.
    """
    refuse_if(check_password(text, username))
    return NewPassword(passwords.hash(text))


@cache
def passwords_for(environment: str) -> Passwords:
    """Return the cost for an environment; tests are cheap, everything else is not.

    32 MiB and two passes are above the least that OWASP's cheat sheet names (19 MiB, two),
    and two at once keep a flood of sign-ins to 64 MiB on a small server.
    """
    if environment == "test":
        return Passwords(memory_kib=16, passes=1, at_once=4)
    return Passwords(memory_kib=32 * 1024, passes=2, at_once=2)
