"""The books as plain integers: what the ledger must answer, written a second time and simply.

Nothing here is taken from the ledger: accounts are strings, money is fen, a person is an
id with a role. A verb returns the problem codes with which the act must be refused, and
changes the model only when there are none.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

#: Fund and earmark.
Purse = tuple[str, str]
#: (debit in fen, credit in fen, account, purse).
Line = tuple[int, int, str, Purse]
#: (login id, role).
Person = tuple[int, str]

MAKER, REVIEWER, CASHIER, CHIEF = (11, "maker"), (12, "reviewer"), (13, "cashier"), (14, "chief")
HEART: Purse = ("F2", "HEART")
PURSES: tuple[Purse, ...] = (("F1", "F1"), ("F2", "F2"), HEART, ("F3", "F3"), ("GEN", "GEN"))
CASH, PAYABLE = "1002", "2209"

#: (state, act) → (next state, roles that may, earlier signers who may not).
STEPS = {
    ("draft", "submit"): ("submitted", ("maker",), ()),
    ("draft", "discard"): ("discarded", ("maker",), ()),
    ("submitted", "recall"): ("draft", ("maker",), ()),
    ("submitted", "review"): ("reviewed", ("reviewer", "chief"), ("maker",)),
    ("submitted", "return"): ("draft", ("reviewer", "chief"), ()),
    ("reviewed", "return"): ("draft", ("reviewer", "chief"), ()),
    ("reviewed", "sign"): ("signed", ("cashier",), ("maker", "reviewer")),
    ("reviewed", "post"): ("posted", ("reviewer", "chief"), ("maker", "cashier")),
    ("signed", "return"): ("draft", ("reviewer", "chief"), ()),
    ("signed", "post"): ("posted", ("reviewer", "chief"), ("maker", "cashier")),
}
#: Who does a step when nobody stands in for him.
USUAL = {
    "submit": MAKER,
    "discard": MAKER,
    "recall": MAKER,
    "review": REVIEWER,
    "return": REVIEWER,
    "sign": CASHIER,
    "post": CHIEF,
}

OVERDRAWN = {"fund_overdrawn", "fund_overdrawn_later", "fund_overdrawn_meanwhile"}


def lines_of(template: str, purse: Purse, fen: int) -> tuple[Line, ...]:
    """Return the two lines of a voucher; ``move`` takes the expense over to GEN."""
    general = ("GEN", "GEN")
    tail = "01" if purse[0] == "GEN" else "02"
    income, expense = "4101" + tail, "5101" + tail
    pairs: dict[str, tuple[tuple[str, Purse], tuple[str, Purse]]] = {
        "gift": ((CASH, purse), (income, purse)),
        "aid": ((expense, purse), (CASH, purse)),
        "owe": ((expense, purse), (PAYABLE, purse)),
        "pay": ((PAYABLE, purse), (CASH, purse)),
        "move": (("510101", general), (expense, purse)),
    }
    (debit, debit_purse), (credit, credit_purse) = pairs[template]
    return (fen, 0, debit, debit_purse), (0, fen, credit, credit_purse)


@dataclass
class Draft:
    """A draft as the model knows it; people by id."""

    lines: tuple[Line, ...]
    on: date
    maker: int
    state: str = "draft"
    reviewer: int | None = None
    cashier: int | None = None
    hold: int | None = None
    #: Whoever wrote it before its maker.
    earlier: frozenset[int] = frozenset()
    reverses: int | None = None
    corrects: int | None = None

    @property
    def month(self) -> int:
        return self.on.year * 100 + self.on.month

    @property
    def has_money(self) -> bool:
        return any(line[2] == CASH for line in self.lines)

    @property
    def is_correction(self) -> bool:
        return self.reverses is not None or self.corrects is not None


@dataclass
class Voucher:
    """A posted voucher; ``left`` is what is left of it after its differences, in fen."""

    draft: Draft
    number: int
    left: int
    is_reversed: bool = False

    @property
    def is_red(self) -> bool:
        return any(line[0] < 0 or line[1] < 0 for line in self.draft.lines)


@dataclass
class Model:
    """One org's books."""

    available: Counter[Purse] = field(default_factory=Counter)
    held: Counter[Purse] = field(default_factory=Counter)
    balances: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: What each purse gained in a month, in fen.
    moved: dict[int, Counter[Purse]] = field(default_factory=dict)
    is_open: dict[int, bool] = field(default_factory=dict)
    last_on: dict[int, date] = field(default_factory=dict)
    drafts: dict[int, Draft] = field(default_factory=dict)
    #: By voucher id, in the order of posting.
    vouchers: dict[int, Voucher] = field(default_factory=dict)
    #: Hold id → (purse, fen).
    holds: dict[int, tuple[Purse, int]] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)

    # -- months

    def open_month(self, month: int, who: Person) -> set[str]:
        if who[1] != "chief":
            return {"permission_missing"}
        if month in self.is_open:
            return set()
        if self.is_open and month != max(self.is_open) + 1:
            return {"period_gap"}
        self.is_open[month] = True
        self.moved[month] = Counter()
        return set()

    def close_month(self, month: int, is_over: bool, who: Person) -> set[str]:
        if who[1] != "chief":
            return {"permission_missing"}
        if not self.is_open.get(month, False):
            return {"close_not_open"}
        codes = set() if is_over else {"close_not_over"}
        if any(stands for earlier, stands in self.is_open.items() if earlier < month):
            codes.add("close_earlier_open")
        if any(d.month == month and d.state not in ("posted", "discarded") for d in self.drafts.values()):
            codes.add("close_drafts")
        if not codes:
            self.is_open[month] = False
        return codes

    # -- drafts

    def step(self, draft_id: int, act: str, who: Person) -> set[str]:
        """Take a step other than posting."""
        draft = self.drafts[draft_id]
        if codes := self._step_codes(draft, act, who):
            return codes
        if act == "submit" and (codes := self._submit_codes(draft)):
            return codes
        if act in ("review", "sign") and (codes := self._money_codes(draft)):
            return codes
        draft.state = STEPS[draft.state, act][0]
        if act == "review":
            draft.reviewer = who[0]
        if act == "sign":
            draft.cashier = who[0]
        if act == "return":
            draft.reviewer = draft.cashier = None
        return set()

    def _step_codes(self, draft: Draft, act: str, who: Person) -> set[str]:
        found = STEPS.get((draft.state, act))
        if found is None:
            return {"draft_wrong_state"}
        _, roles, others = found
        if who[1] not in roles:
            return {"permission_missing"}
        name = {"review": "reviewer", "sign": "cashier", "post": "poster"}.get(act, "")
        codes = {f"{other}_is_{name}" for other in others if getattr(draft, other) == who[0]}
        if "maker" in others and who[0] in draft.earlier:
            codes.add(f"maker_is_{name}")
        if act == "recall" and draft.maker != who[0]:
            codes.add("only_maker_recalls")
        if act == "sign" and not draft.has_money:
            codes.add("draft_wrong_state")
        if act == "post" and draft.has_money and draft.cashier is None:
            codes.add("cashier_missing")
        return codes

    def _submit_codes(self, draft: Draft) -> set[str]:
        codes = set() if draft.lines else {"voucher_too_short"}
        if draft.month not in self.is_open:
            codes.add("period_not_open")
        elif not self.is_open[draft.month]:
            codes |= {"period_closed", "period_all_closed"}
        return codes

    def _money_codes(self, draft: Draft) -> set[str]:
        """Return whether a draft takes what is not there now, whatever else waits."""
        trial = copy.deepcopy(self)
        if draft.hold is not None and draft.hold in trial.ended:
            return {"hold_ended"} if any(fen < 0 for fen in trial._book(draft.lines).values()) else set()
        if draft.hold is not None:
            purse, fen = trial.holds[draft.hold]
            trial.available[purse] += fen
        codes: set[str] = set()
        for purse, delta in trial._book(draft.lines).items():
            trial.available[purse] += delta
            trial.moved.setdefault(draft.month, Counter())[purse] += delta
            if delta < 0 and trial._is_short(purse, draft.month):
                codes |= OVERDRAWN
        return codes

    # -- posting

    def post(self, draft_ids: Sequence[int], who: Person) -> tuple[set[str], dict[int, int]]:
        """Return the codes of a refusal, or none and draft → number of what was posted now."""
        fresh = [i for i in dict.fromkeys(draft_ids) if self.drafts[i].state != "posted"]
        codes = {code for i in fresh for code in self._step_codes(self.drafts[i], "post", who)}
        if codes:
            return codes, {}
        trial = copy.deepcopy(self)
        numbers: dict[int, int] = {}
        for draft_id in sorted(fresh, key=lambda i: (trial.drafts[i].month, trial.drafts[i].on)):
            codes |= trial._post_one(draft_id, numbers)
        if not codes:
            self.__dict__.update(trial.__dict__)
        return codes, numbers

    def _post_one(self, draft_id: int, numbers: dict[int, int]) -> set[str]:
        draft = self.drafts[draft_id]
        codes = self._target_codes(draft)
        if draft.on < self.last_on.get(draft.month, draft.on):
            codes.add("date_before_last")
        deltas = self._book(draft.lines)
        if draft.hold is not None:
            codes |= self._settle(draft.hold, deltas)
        for purse, delta in deltas.items():
            self.available[purse] += delta
            self.moved[draft.month][purse] += delta
            if delta < 0 and self._is_short(purse, draft.month):
                codes |= OVERDRAWN
        draft.state = "posted"
        self.last_on[draft.month] = draft.on
        numbers[draft_id] = 1 + sum(1 for v in self.vouchers.values() if v.draft.month == draft.month)
        amount = draft.lines[0][0] + draft.lines[0][1]
        self.vouchers[-draft_id] = Voucher(draft, numbers[draft_id], amount)
        return codes

    def _settle(self, hold: int, deltas: Mapping[Purse, int]) -> set[str]:
        """End a hold by what a voucher takes from its purse; return why it cannot."""
        purse, fen = self.holds[hold]
        if hold in self.ended:
            return {"hold_ended"}
        self.ended.add(hold)
        self.available[purse] += fen
        self.held[purse] -= fen
        taken = -deltas.get(purse, 0)
        if taken <= 0:
            return {"hold_not_paid"}
        return {"hold_too_small"} if taken > fen else set()

    def _target_codes(self, draft: Draft) -> set[str]:
        """Return why a correction no longer fits what it corrects, and note what it takes."""
        if not draft.is_correction:
            return set()
        target = self.vouchers[draft.reverses or draft.corrects or 0]
        amount = draft.lines[0][0] + draft.lines[0][1]
        if target.is_reversed:
            return {"already_reversed", "voucher_reversed", "correction_stale"} | OVERDRAWN
        target.left += amount
        if draft.reverses is not None:
            target.is_reversed = True
        if target.left < 0 or (draft.reverses is not None and target.left != 0):
            return {"correction_stale"}
        return set()

    def _is_short(self, purse: Purse, month: int) -> bool:
        if self.available[purse] < 0:
            return True
        total = 0
        for code in sorted(self.moved):
            total += self.moved[code][purse]
            if code >= month and total < 0:
                return True
        return False

    def _book(self, lines: Sequence[Line]) -> Counter[Purse]:
        """Add lines to the balances, cash following its fund; return what can be spent more."""
        deltas: Counter[Purse] = Counter()
        excess: Counter[Purse] = Counter()
        for debit, credit, account, purse in lines:
            net = debit - credit
            self.balances[account, purse[0]] += net
            excess[purse] += net
            if account == CASH or (account == PAYABLE and purse[0] != "GEN"):
                deltas[purse] += net
        for purse, fen in excess.items():
            self.balances[CASH, purse[0]] -= fen
            deltas[purse] -= fen
        return deltas

    def name_voucher(self, draft_id: int, voucher_id: int) -> None:
        """Put the id the ledger gave a voucher in the place of the one the model made up."""
        self.vouchers[voucher_id] = self.vouchers.pop(-draft_id)

    # -- corrections

    def correction_codes(self, voucher_id: int, on: date) -> set[str]:
        """Return why no correction of a voucher may be prepared on a day."""
        target = self.vouchers[voucher_id]
        if target.is_red:
            return {"red_not_reversed"}
        if target.draft.corrects is not None:
            return {"correction_of_difference"}
        if target.is_reversed:
            return {"voucher_reversed"}
        return set() if self.is_open.get(on.year * 100 + on.month, False) else {"correction_period"}

    def reversal(self, voucher_id: int, on: date, maker: int) -> Draft:
        """Return the red draft of what is left of a voucher."""
        target = self.vouchers[voucher_id]
        lines = scaled(target.draft.lines, -target.left) if target.left else ()
        return Draft(lines, on, maker, reverses=voucher_id)

    def difference(self, voucher_id: int, right_fen: int, on: date, maker: int) -> tuple[set[str], Draft]:
        """Return the draft that brings a voucher to the right amount, or why there is none."""
        target = self.vouchers[voucher_id]
        change = right_fen - target.left
        codes = self.correction_codes(voucher_id, on)
        # The ledger may name the amount or the month first when both are wrong.
        if codes <= {"correction_period"}:
            if right_fen < 0:
                codes = codes | {"correction_below_zero"}
            elif change == 0:
                codes = codes | {"correction_empty"}
        return codes, Draft(scaled(target.draft.lines, change), on, maker, corrects=voucher_id)

    # -- holds

    def place_hold(self, purse: Purse, fen: int, who: Person) -> set[str]:
        """Return why money cannot be set aside; the caller tells the hold's id afterwards."""
        if who[1] not in ("maker", "chief"):
            return {"permission_missing"}
        return {"fund_overdrawn"} if self.available[purse] < fen else set()

    def hold_placed(self, hold_id: int, purse: Purse, fen: int) -> None:
        self.holds[hold_id] = (purse, fen)
        self.available[purse] -= fen
        self.held[purse] += fen

    def release_hold(self, hold_id: int, who: Person) -> set[str]:
        if who[1] not in ("maker", "chief"):
            return {"permission_missing"}
        if hold_id in self.ended:
            return {"hold_ended"}
        self.ended.add(hold_id)
        purse, fen = self.holds[hold_id]
        self.available[purse] += fen
        self.held[purse] -= fen
        return set()


def scaled(lines: Sequence[Line], fen: int) -> tuple[Line, ...]:
    """Return the same lines on the same sides with another amount."""
    return tuple((fen if d else 0, fen if c else 0, account, purse) for d, c, account, purse in lines)


def edited(draft: Draft, lines: tuple[Line, ...], maker: int) -> Draft:
    """Return a draft whose contents somebody has replaced."""
    return replace(draft, lines=lines, maker=maker, earlier=draft.earlier | {draft.maker})
