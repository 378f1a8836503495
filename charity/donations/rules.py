"""What a gift must be, how it is divided, and how its giver is shown; pure functions.

Imports the standard library and the lowest layer only. The invariant: the parts of a
gift sum to it exactly, and a natural person without a recorded choice is 爱心人士.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from charity.errors import N_, Problem, register
from charity.money import MAX_FEN, format_yuan, split_fen
from charity.names import KIND_PERSON, mask_name
from charity.periods import Month

PROBLEMS = register(
    {
        "gift_amount": N_("A gift is more than zero and at most %(most)s yuan."),
        "gift_future": N_("%(on)s is after today; give the day on which the money arrived."),
        "gift_name_missing": N_("Write who gave, or choose anonymous."),
        "gift_name_long": N_("The name has %(count)s characters; write at most %(limit)s."),
        "gift_kind_unknown": N_("“%(kind)s” is not a kind of donor."),
        "gift_channel_unknown": N_("“%(channel)s” is not a way in which money comes in."),
        "publication_unknown": N_("Choose whether the name is shown, masked or not shown."),
        "allocation_missing": N_("Say which fund the gift is for."),
        "allocation_short": N_("%(left)s yuan of the gift are not allocated yet."),
        "allocation_over": N_("The lines allocate %(over)s yuan more than the gift."),
        "allocation_negative": N_("Line %(line)s allocates less than zero."),
        "allocation_open_twice": N_("Only one line may be left without an amount; it takes the rest."),
        "allocation_twice": N_("Line %(line)s names the same fund and earmark as an earlier line."),
        "refund_too_large": N_("At most %(left)s yuan of this gift are left to give back."),
        "slip_count_differs": N_(
            "You counted %(expected)s slips, %(entered)s are entered. Find the missing or extra one."
        ),
        "slip_total_differs": N_(
            "The slips should sum to %(expected)s yuan; entered are %(entered)s, a difference of "
            "%(difference)s. Correct the wrong slip or the count."
        ),
        "slips_missing": N_("Enter at least one slip."),
    }
)

#: Kinds of donor, as the party's handle in the ledger names them → label.
DONOR_KINDS: Mapping[str, str] = {
    "person": N_("person"),
    "company": N_("company"),
    "public_body": N_("public body"),
    "organisation": N_("social organisation"),
    "group": N_("group of people"),
    "anonymous": N_("not known"),
}
#: Kinds that are natural persons and shown as 爱心人士 unless they chose otherwise.
NATURAL_KINDS = frozenset({"person", "anonymous"})

#: Ways in which money comes in → label.
CHANNELS: Mapping[str, str] = {
    "bank": N_("bank transfer"),
    "wechat": N_("WeChat"),
    "alipay": N_("Alipay"),
    "cash": N_("cash"),
    "other": N_("another way"),
}
#: The same in Chinese, for summaries of vouchers, which are kept in Chinese.
CHANNEL_WORDS: Mapping[str, str] = {
    "bank": "银行",
    "wechat": "微信",
    "alipay": "支付宝",
    "cash": "现金",
    "other": "其他",
}

_WECHAT = re.compile(r"微信|财付通|wechat|tenpay", re.I)
_ALIPAY = re.compile(r"支付宝|alipay", re.I)


def platform_of(text: str) -> str:
    """Return which platform a text names: wechat, alipay or nothing."""
    if _WECHAT.search(text):
        return "wechat"
    return "alipay" if _ALIPAY.search(text) else ""


#: How the giver is shown to the public → label.
PUBLICATIONS: Mapping[str, str] = {
    "name": N_("full name"),
    "masked": N_("masked name"),
    "anonymous": N_("anonymous"),
}

#: What stands for a body that wants no name shown.
KIND_BODY = "爱心单位"

NAME_LIMIT = 200

#: Steps of a gift's voucher lines: receipt lines carry the position of their part (1 …).
CLAIM_STEP = 1000
REFUND_STEP = 2000


@dataclass(frozen=True, slots=True)
class Part:
    """One line of an allocation.

    Attributes:
        fund, earmark: codes; an empty earmark means the fund's charter.
        amount_fen: the line's share in fen; None in the one line that takes the rest.
    """

    fund: str
    earmark: str = ""
    amount_fen: int | None = None


def check_gift(amount_fen: int, received_on: date, channel: str, *, on: date) -> list[Problem]:
    """Return what is wrong with a gift's own facts.

    Args:
        amount_fen: in fen, more than zero.
        received_on: the day the money arrived; today or earlier.
        channel: a key of :data:`CHANNELS`.
        on: today.
    """
    problems = []
    if not 0 < amount_fen <= MAX_FEN:
        problems.append(Problem("gift_amount", {"most": format_yuan(MAX_FEN)}, "amount"))
    if received_on > on:
        problems.append(Problem("gift_future", {"on": received_on}, "received_on"))
    if channel not in CHANNELS:
        problems.append(Problem("gift_channel_unknown", {"channel": channel}, "channel"))
    return problems


def check_donor(kind: str, name: str) -> list[Problem]:
    """Return what is wrong with a donor's kind and name; only an unknown giver has none."""
    problems = []
    if kind not in DONOR_KINDS:
        problems.append(Problem("gift_kind_unknown", {"kind": kind}, "kind"))
    if not name.strip() and kind != "anonymous":
        problems.append(Problem("gift_name_missing", where="name"))
    if len(name) > NAME_LIMIT:
        problems.append(Problem("gift_name_long", {"count": len(name), "limit": NAME_LIMIT}, "name"))
    return problems


def check_publication(publish_as: str) -> list[Problem]:
    """Return whether a way of showing the giver is not one of :data:`PUBLICATIONS`."""
    return [] if publish_as in PUBLICATIONS else [Problem("publication_unknown", where="publish_as")]


def default_publication(kind: str) -> str:
    """Return how a giver is shown who made no choice: bodies by name, people not at all.

    Source: 个人信息保护法 art. 25; 公益事业捐赠法 art. 8.
    """
    return "anonymous" if kind in NATURAL_KINDS else "name"


def shown_name(kind: str, name: str, publish_as: str) -> str:
    """Return the giver's name as the public reads it.

    Args:
        kind: a key of :data:`DONOR_KINDS`.
        name: the name as recorded; may be empty.
        publish_as: a key of :data:`PUBLICATIONS`.
    """
    nobody = KIND_PERSON if kind in NATURAL_KINDS else KIND_BODY
    if publish_as == "anonymous" or not name.strip():
        return nobody
    if publish_as == "masked":
        # Half of a company's name still names the company.
        return mask_name(name) if kind == "person" else nobody
    return name


def check_allocation(total_fen: int, parts: Sequence[Part]) -> list[Problem]:
    """Return why these lines do not divide the gift; see :func:`close_allocation`."""
    problems: list[Problem] = []
    seen: set[tuple[str, str]] = set()
    for number, part in enumerate(parts, start=1):
        where = f"parts-{number - 1}"
        if (part.fund, part.earmark) in seen:
            problems.append(Problem("allocation_twice", {"line": number}, where))
        seen.add((part.fund, part.earmark))
        if part.amount_fen is not None and part.amount_fen < 0:
            problems.append(Problem("allocation_negative", {"line": number}, where))
    open_lines = sum(part.amount_fen is None for part in parts)
    if open_lines > 1:
        problems.append(Problem("allocation_open_twice", where="parts"))
    if problems:
        return problems
    left = total_fen - sum(part.amount_fen or 0 for part in parts)
    if not parts or (left == total_fen and not open_lines):
        return [Problem("allocation_missing", where="parts")]
    if left < 0:
        return [Problem("allocation_over", {"over": format_yuan(-left)}, "parts")]
    if left and not open_lines:
        return [Problem("allocation_short", {"left": format_yuan(left)}, "parts")]
    return []


def close_allocation(total_fen: int, parts: Sequence[Part]) -> list[Part]:
    """Return the lines with their amounts; the open one takes the rest, empty ones fall away.

    Args:
        total_fen: the gift, in fen.
        parts: lines that :func:`check_allocation` finds sound.

    Example:
        100.00 over F1 30.00 and F2 (open) gives F1 30.00, F2 70.00.
    """
    left = total_fen - sum(part.amount_fen or 0 for part in parts)
    closed = [part if part.amount_fen is not None else replace(part, amount_fen=left) for part in parts]
    return [part for part in closed if part.amount_fen]


def refund_parts(parts: Sequence[int], refunded: Sequence[int], amount_fen: int) -> list[int]:
    """Return how much of a refund falls on each part of a gift, in fen, in the same order.

    In proportion to what is left of each part, to the fen; no part goes below zero.

    Args:
        parts: the parts of the gift, fen.
        refunded: what was given back of each before, fen.
        amount_fen: this refund, more than zero and at most what is left.

    Raises:
        ValueError: more than is left; ask :func:`check_refund` first.
    """
    left = [part - gone for part, gone in zip(parts, refunded, strict=True)]
    if not 0 < amount_fen <= sum(left):
        raise ValueError("a refund is at most what is left of the gift")
    return split_fen(amount_fen, left)


def check_refund(amount_fen: int, left_fen: int) -> list[Problem]:
    """Return whether more would be given back than is left of a gift, both in fen."""
    if 0 < amount_fen <= left_fen:
        return []
    return [Problem("refund_too_large", {"left": format_yuan(left_fen)}, "amount")]


def check_slips(expected_count: int, expected_fen: int, amounts: Sequence[int]) -> list[Problem]:
    """Return how a grid of slips differs from what was counted by hand; nothing overrides it.

    Args:
        expected_count: slips counted before typing.
        expected_fen: their sum, added up before typing, in fen.
        amounts: the amounts typed, in fen.
    """
    if not amounts:
        return [Problem("slips_missing", where="slips")]
    problems = []
    if len(amounts) != expected_count:
        values: dict[str, object] = {"expected": expected_count, "entered": len(amounts)}
        problems.append(Problem("slip_count_differs", values, "expected_count"))
    if sum(amounts) != expected_fen:
        values = {
            "expected": format_yuan(expected_fen),
            "entered": format_yuan(sum(amounts)),
            "difference": format_yuan(sum(amounts) - expected_fen),
        }
        problems.append(Problem("slip_total_differs", values, "expected_total"))
    return problems


def booking_day(
    received_on: date, *, on: date, open_months: Sequence[int], last_posted: Mapping[int, date]
) -> date:
    """Return the date of a gift's voucher: the day received, as near as the books allow.

    Numbers follow dates (序时), so it is not before the last voucher of its month; a gift
    of a closed month is booked today, and keeps the day it was received.

    Args:
        received_on: the day the money arrived.
        on: today.
        open_months: codes of the open months, ``YYYYMM``.
        last_posted: month code → date of its last posted voucher.
    """
    month = Month.of(received_on).code
    if month not in open_months:
        month, received_on = Month.of(on).code, on
    return max(received_on, last_posted.get(month, received_on))
