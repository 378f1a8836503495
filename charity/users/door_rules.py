"""The second factor: who must have one, when it is asked again, how a lost one is taken off.

Pure. A policy is the stricter of what the installation's settings and the org's own row
ask for; neither can loosen the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from charity.errors import N_, Problem, register
from charity.users.credentials import Tries
from charity.users.rules import permissions_of

Demand = Literal["offered", "money", "everyone"]

#: Strictness of a demand, rising, and what it is called.
DEMANDS: Mapping[str, str] = {
    "offered": N_("offered to everybody, asked of nobody"),
    "money": N_("asked of whoever books or moves money or gives roles"),
    "everyone": N_("asked of everybody who signs in"),
}

#: Permissions whose holders must have a second factor when the demand is ``money``.
MONEY_PERMISSIONS = frozenset(
    {
        "ledger.draft",
        "ledger.review",
        "ledger.sign",
        "ledger.hold",
        "ledger.post",
        "ledger.close",
        "ledger.setup",
        "ledger.approve_rule",
        "imports.book",
        "receipts.void",
        "users.manage",
    }
)
#: Acts for which a second factor is asked again when its last proof is too old.
STEP_UP_PERMISSIONS = frozenset(
    {"ledger.sign", "ledger.post", "ledger.close", "ledger.hold", "ledger.approve_rule", "users.manage"}
)

#: How long a half session waits for the second factor.
HALF_LIFE = timedelta(minutes=10)
#: How long the question to a passkey stays open.
CHALLENGE_LIFE = timedelta(minutes=5)
#: How long a secret waits to be confirmed by the first digits.
ENROL_LIFE = timedelta(minutes=15)
#: How long a reset waits for the second administrator.
RESET_WAIT = timedelta(hours=24)
#: How long ended sessions are kept: the list, and the memory of known devices.
SESSION_MEMORY = timedelta(days=180)

#: Tries at a second factor: a million digits are not guessed in a working day.
FACTOR_TRIES = Tries(name_here=10, name=10, address=100, window_s=900)

RECOVERY_CODES = 10
#: Characters of a recovery code: 5 bits each, 120 bits.
RECOVERY_LENGTH = 24
#: Most passkeys of one person.
PASSKEYS_MOST = 10
#: Most sessions of one person at once; the oldest ends.
SESSIONS_MOST = 20
#: Seconds one code of an app is shown.
STEP_S = 30

PROBLEMS = register(
    {
        "factor_wrong": N_("This code is not right, or was used before. Wait for the next one."),
        "factor_locked": N_("Too many wrong codes. Wait a quarter of an hour, or ask an administrator."),
        "factor_missing": N_("Your login has no second factor yet. Set one up in your profile first."),
        "factor_again": N_(
            "Show your second factor as well: the digits of the app, a passkey or a recovery code."
        ),
        "factor_demanded": N_(
            "This organisation asks your roles for a second factor;"
            " set up another one before you remove the last."
        ),
        "password_locked": N_("Too many wrong passwords. Wait a quarter of an hour."),
        "app_expired": N_("This code to scan is too old. Begin again."),
        "passkey_refused": N_("The passkey was not accepted. Try again, or use another way."),
        "passkey_known": N_("This passkey belongs to a login already."),
        "passkey_missing": N_("There is no such passkey."),
        "passkey_too_many": N_("A login keeps at most %(most)s passkeys; remove one first."),
        "passkey_impossible": N_(
            "Passkeys need an encrypted address with a name (https), or localhost. Use an app instead."
        ),
        "reset_pending": N_("A reset has been asked for already and waits for the second administrator."),
        "reset_missing": N_("No reset is waiting for this person."),
        "reset_expired": N_("This reset was asked for more than a day ago. Ask for it anew."),
        "reset_needs_second": N_(
            "Whoever asked for a reset may not confirm it; a second administrator does."
        ),
        "reset_of_self": N_("Nobody takes off the own second factor this way; two other administrators do."),
        "reset_needless": N_("This person has no second factor."),
        "session_missing": N_("This session has ended already."),
        "policy_unknown": N_("There is no such rule."),
        "step_up_range": N_("Give 0, or between 5 and 720 minutes."),
    }
)


@dataclass(frozen=True, slots=True)
class Policy:
    """What is asked at the door.

    Attributes:
        second_factor: a key of :data:`DEMANDS`.
        step_up_min: minutes a proof counts for acts on money; 0: not asked again.
    """

    second_factor: str = "offered"
    step_up_min: int = 0


def stricter(one: Policy, other: Policy) -> Policy:
    """Return what both policies together ask for.

    Example: ``(money, 0)`` and ``(offered, 30)`` give ``(money, 30)``.
    """
    order = list(DEMANDS)
    demand = max(one.second_factor, other.second_factor, key=order.index)
    minutes = [policy.step_up_min for policy in (one, other) if policy.step_up_min]
    return Policy(demand, min(minutes, default=0))


def check_policy(policy: Policy) -> list[Problem]:
    """Return why a policy cannot be set. Problems: ``policy_unknown``, ``step_up_range``."""
    if policy.second_factor not in DEMANDS:
        return [Problem("policy_unknown", {}, "second_factor")]
    if policy.step_up_min and not 5 <= policy.step_up_min <= 720:
        return [Problem("step_up_range", {}, "step_up_min")]
    return []


def is_demanded(policy: Policy, roles: Iterable[str]) -> bool:
    """Say whether a person with these roles must have a second factor."""
    if policy.second_factor == "everyone":
        return True
    # Acts that ask for a fresh proof could never be done without a factor to prove with.
    is_wanted = policy.second_factor == "money" or bool(policy.step_up_min)
    return is_wanted and bool(permissions_of(roles) & MONEY_PERMISSIONS)


def proof_is_fresh(policy: Policy, proved_at: datetime | None, at: datetime) -> bool:
    """Say whether an act on money may go on without showing the second factor again.

    Args:
        policy: of the org.
        proved_at: when one was last shown in this session; None for never.
        at: the present instant.
    """
    if not policy.step_up_min:
        return True
    return proved_at is not None and at - proved_at <= timedelta(minutes=policy.step_up_min)


def next_reset_state(state: str, act: str) -> str | None:
    """Return the state after an act on a reset; None where it cannot be done."""
    return {("asked", "confirm"): "done", ("asked", "decline"): "declined"}.get((state, act))


def check_reset(
    *, state: str, act: str, user_id: int, asked_by: int, actor_id: int, asked_at: datetime, at: datetime
) -> list[Problem]:
    """Return why somebody may not confirm or decline a reset.

    Problems: ``reset_missing``, ``reset_of_self``, ``reset_needs_second``, ``reset_expired``.
    """
    if next_reset_state(state, act) is None:
        return [Problem("reset_missing")]
    if actor_id == user_id:
        return [Problem("reset_of_self")]
    if act == "confirm" and actor_id == asked_by:
        return [Problem("reset_needs_second")]
    if act == "confirm" and at - asked_at > RESET_WAIT:
        return [Problem("reset_expired")]
    return []


_BROWSERS = (
    ("MicroMessenger/", "WeChat"),
    ("Edg/", "Edge"),
    ("QQBrowser/", "QQ"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def device_words(user_agent: str) -> str:
    """Return browser and system in a few words, as far as a browser tells; empty for nothing known."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return " · ".join(part for part in (browser, system) if part)


def passkey_site(public_url: str) -> tuple[str, str] | None:
    """Return the name and the origin passkeys are bound to; None where browsers give none.

    Source: W3C Web Authentication level 2, 5.1.3: a relying party is a domain, reached
    over TLS or as localhost; an address in numbers is none.
    """
    scheme, _, rest = public_url.partition("://")
    host = rest.partition("/")[0]
    name = host.partition(":")[0]
    is_number = name.replace(".", "").isdigit() or host.startswith("[")
    if is_number or not (scheme == "https" or name == "localhost"):
        return None
    return name, f"{scheme}://{host}"
