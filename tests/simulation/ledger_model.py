"""The books as plain integers: what the ledger must answer, written a second time and simply.

Nothing here is taken from the ledger: accounts are strings, money is fen, a person is an
id with a role. A verb returns the problem codes with which the act must be refused, and
changes the model only when there are none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date

#: Fund and earmark.
Purse = tuple[str, str]
#: (debit in fen, credit in fen, account, purse).
Line = tuple[int, int, str, Purse]
#: A line without its amount: account, purse, whether it is a debit.
Key = tuple[str, Purse, bool]
#: (login id, role).
Person = tuple[int, str]

MAKER, REVIEWER, CASHIER, CHIEF = (11, "maker"), (12, "reviewer"), (13, "cashier"), (14, "chief")
HEART: Purse = ("F2", "HEART")
GENERAL: Purse = ("GEN", "GEN")
AGENCY: Purse = ("AGENCY", "AGENCY")
PURSES: tuple[Purse, ...] = (("F1", "F1"), ("F2", "F2"), HEART, ("F3", "F3"), GENERAL, AGENCY)
CASH, PAYABLE = "1002", "2209"
#: Own money and agency money.
MONEY = (CASH, "100291")

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


def lines_of(template: str, purse: Purse, fen: int, second: Purse = GENERAL) -> tuple[Line, ...]:
    """Return the lines of a voucher.

    Args:
        template: gift, aid, owe (aid that is payable), pay (what is payable), move (the expense
            over to GEN) or split (aid of two purses out of the cash of one). Agency money
            comes and goes, and general money is not moved to itself.
        purse, fen: whose, and how much.
        second: the other purse of a split.
    """
    if purse == AGENCY:
        pair = ("100291", "2601") if template in ("gift", "move") else ("2601", "100291")
        return (fen, 0, pair[0], purse), (0, fen, pair[1], purse)
    if template == "split" and second not in (purse, AGENCY):
        whole = lines_of("aid", second, fen)[0], *lines_of("aid", purse, 2 * fen)
        return whole[0], (fen, 0, *whole[1][2:]), whole[2]
    if template == "split" or (template == "move" and purse == GENERAL):
        template = "aid"
    tail = "01" if purse == GENERAL else "02"
    income, expense = "4101" + tail, "5101" + tail
    pairs: dict[str, tuple[tuple[str, Purse], tuple[str, Purse]]] = {
        "gift": ((CASH, purse), (income, purse)),
        "aid": ((expense, purse), (CASH, purse)),
        "owe": ((expense, purse), (PAYABLE, purse)),
        "pay": ((PAYABLE, purse), (CASH, purse)),
        "move": (("510101", GENERAL), (expense, purse)),
    }
    (debit, debit_purse), (credit, credit_purse) = pairs[template]
    return (fen, 0, debit, debit_purse), (0, fen, credit, credit_purse)


def deltas_of(lines: Iterable[Line]) -> dict[Purse, int]:
    """Return what lines change of what can be spent, cash following its fund, in fen."""
    deltas: Counter[Purse] = Counter()
    for debit, credit, account, purse in lines:
        if account in MONEY or (account == PAYABLE and purse != GENERAL):
            deltas[purse] += debit - credit
    for purse, fen in excess_of(lines).items():
        deltas[purse] -= fen
    return {purse: fen for purse, fen in deltas.items() if fen}


def excess_of(lines: Iterable[Line]) -> dict[Purse, int]:
    """Return by how much each purse is debited more than credited: re-tags take it back."""
    excess: Counter[Purse] = Counter()
    for debit, credit, _, purse in lines:
        excess[purse] += debit - credit
    return {purse: fen for purse, fen in excess.items() if fen}


def amounts_left(lines: Iterable[Line]) -> dict[Key, int]:
    """Return (account, purse, whether it is a debit) → fen."""
    return {(account, purse, bool(debit)): debit + credit for debit, credit, account, purse in lines}


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
    #: Drafts posted together bear the same.
    set_no: int | None = None

    @property
    def month(self) -> int:
        return self.on.year * 100 + self.on.month

    @property
    def has_money(self) -> bool:
        return any(line[2] in MONEY for line in self.lines)

    @property
    def is_correction(self) -> bool:
        return self.target is not None or self.set_no is not None

    @property
    def has_ended(self) -> bool:
        return self.state in ("posted", "discarded")

    @property
    def target(self) -> int | None:
        return self.reverses or self.corrects

    @property
    def order(self) -> tuple[int, date, bool]:
        """Month, day, and in a set whether it takes what another one brings."""
        takes = any(fen < 0 and purse != GENERAL for purse, fen in deltas_of(self.lines).items())
        return self.month, self.on, self.set_no is not None and takes


@dataclass
class Voucher:
    """A posted voucher; ``left`` is what is left of its lines after its differences, in fen."""

    draft: Draft
    number: int
    left: dict[Key, int]
    is_reversed: bool = False

    @property
    def is_red(self) -> bool:
        return any(line[0] < 0 or line[1] < 0 for line in self.draft.lines)


@dataclass
class Model:
    """One org's books."""

    available: Counter[Purse] = field(default_factory=Counter)
    held: Counter[Purse] = field(default_factory=Counter)
    #: (account, purse, month, whether it is the debit side) → turnover in fen, re-tags left out.
    turnover: Counter[tuple[str, Purse, int, bool]] = field(default_factory=Counter)
    #: (purse, month) → what re-tags brought in cash, in fen.
    retags: Counter[tuple[Purse, int]] = field(default_factory=Counter)
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

    def clone(self) -> Model:
        """Return a copy that can be tried on; drafts and vouchers in it may be changed too."""
        made = Model(**{part.name: getattr(self, part.name).copy() for part in fields(self)})
        made.moved = {month: gained.copy() for month, gained in self.moved.items()}
        made.drafts = {key: replace(draft) for key, draft in self.drafts.items()}
        made.vouchers = {key: replace(v, left=v.left.copy()) for key, v in self.vouchers.items()}
        return made

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

    def step(self, draft_ids: Sequence[int], act: str, who: Person) -> set[str]:
        """Take drafts one step on together, other than posting."""
        drafts = [self.drafts[draft_id] for draft_id in draft_ids]
        codes = {code for draft in drafts for code in self._step_codes(draft, act, who)}
        if act == "submit":
            codes |= {code for draft in drafts for code in self._submit_codes(draft)}
        if act in ("review", "sign") and not codes:
            codes = {code for draft in drafts for code in self._money_codes(draft)}
        if codes:
            return codes
        for draft in drafts:
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
        """Return whether a draft, or its whole set, takes what is not there now."""
        group = [draft]
        if draft.set_no is not None:
            group = [d for d in self.drafts.values() if d.set_no == draft.set_no and not d.has_ended]
        trial = self.clone()
        codes: set[str] = set()
        for member in sorted(group, key=lambda d: d.order):
            deltas = deltas_of(member.lines)
            if member.hold is not None and (wrong := trial._settle(member.hold, deltas)):
                return wrong
            codes |= trial._move(deltas, member.month)
        return codes

    # -- posting

    def post(self, draft_ids: Sequence[int], who: Person) -> tuple[set[str], dict[int, int]]:
        """Return the codes of a refusal, or none and draft → number of what was posted now."""
        fresh = [i for i in dict.fromkeys(draft_ids) if self.drafts[i].state != "posted"]
        sets = {self.drafts[i].set_no for i in fresh} - {None}
        if any(d.set_no in sets and not d.has_ended and i not in fresh for i, d in self.drafts.items()):
            return {"set_incomplete"}, {}
        codes = {code for i in fresh for code in self._step_codes(self.drafts[i], "post", who)}
        if codes:
            return codes, {}
        trial = self.clone()
        numbers: dict[int, int] = {}
        for draft_id in sorted(fresh, key=lambda i: trial.drafts[i].order):
            codes |= trial._post_one(draft_id, numbers)
        if not codes:
            self.__dict__.update(trial.__dict__)
        return codes, numbers

    def _post_one(self, draft_id: int, numbers: dict[int, int]) -> set[str]:
        draft = self.drafts[draft_id]
        codes = self._target_codes(draft)
        if draft.on < self.last_on.get(draft.month, draft.on):
            codes.add("date_before_last")
        deltas = deltas_of(draft.lines)
        if draft.hold is not None:
            codes |= self._settle(draft.hold, deltas)
        codes |= self._move(deltas, draft.month)
        for debit, credit, account, purse in draft.lines:
            self.turnover[account, purse, draft.month, debit != 0] += debit + credit
        for purse, fen in excess_of(draft.lines).items():
            self.retags[purse, draft.month] -= fen
        draft.state = "posted"
        self.last_on[draft.month] = draft.on
        numbers[draft_id] = 1 + sum(1 for v in self.vouchers.values() if v.draft.month == draft.month)
        self.vouchers[-draft_id] = Voucher(draft, numbers[draft_id], amounts_left(draft.lines))
        return codes

    def _move(self, deltas: Mapping[Purse, int], month: int) -> set[str]:
        """Apply what a voucher changes; return whether a purse it takes from is short then."""
        codes: set[str] = set()
        for purse, delta in deltas.items():
            self.available[purse] += delta
            self.moved.setdefault(month, Counter())[purse] += delta
            if delta < 0 and self._is_short(purse, month):
                codes |= OVERDRAWN
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
        if draft.target is None:
            return set()
        target = self.vouchers[draft.target]
        if target.is_reversed:
            return {"voucher_reversed"}
        for key, fen in amounts_left(draft.lines).items():
            target.left[key] += fen
        if draft.reverses is not None:
            target.is_reversed = True
        left = target.left.values()
        is_stale = any(left) if draft.reverses is not None else min(left) < 0
        return {"correction_stale"} if is_stale else set()

    def _is_short(self, purse: Purse, month: int) -> bool:
        if self.available[purse] < 0:
            return True
        total = 0
        for code in sorted(self.moved):
            total += self.moved[code][purse]
            if code >= month and total < 0:
                return True
        return False

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
        left = {key: -fen for key, fen in self.vouchers[voucher_id].left.items() if fen}
        return Draft(with_amounts(left), on, maker, reverses=voucher_id)

    def difference(self, voucher_id: int, change: int, on: date, maker: int) -> tuple[set[str], Draft]:
        """Return the draft that changes the first and the last line by an amount, or why there is none."""
        left = list(self.vouchers[voucher_id].left.items())
        codes = self.correction_codes(voucher_id, on)
        # The ledger may name the amount or the month first when both are wrong.
        if codes <= {"correction_period"}:
            if min(left[0][1], left[-1][1]) + change < 0:
                codes = codes | {"correction_below_zero"}
            elif change == 0:
                codes = codes | {"correction_empty"}
        lines = with_amounts({left[0][0]: change, left[-1][0]: change})
        return codes, Draft(lines, on, maker, corrects=voucher_id)

    def overspends(self, draft: Draft) -> dict[Purse, int]:
        """Return what a draft would overdraw restricted purses by now, in fen."""
        after = {purse: self.available[purse] + fen for purse, fen in deltas_of(draft.lines).items()}
        return {p: -fen for p, fen in after.items() if fen < 0 and p not in (GENERAL, AGENCY)}

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


def with_amounts(left: Mapping[Key, int]) -> tuple[Line, ...]:
    """Return the lines that have these amounts, each on its own side."""
    return tuple(
        (fen if is_debit else 0, 0 if is_debit else fen, account, purse)
        for (account, purse, is_debit), fen in left.items()
    )


def edited(draft: Draft, lines: tuple[Line, ...], maker: int) -> Draft:
    """Return a draft whose contents somebody has replaced."""
    return replace(draft, lines=lines, maker=maker, earlier=draft.earlier | {draft.maker})
