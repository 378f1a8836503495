"""Roles, what they may do, which exclude one another, and whether a staff can run a month.

Pure. A role is a set of permissions (what the pages and verbs ask for) and a set of
duties (what the law separates). The conflict matrix is written over duties, so that a
new role is judged by what it does and not by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import product
from typing import Literal

from charity.errors import N_, Problem, register

Duty = Literal[
    "make",  # 制单
    "review",  # 稽核
    "cash",  # 出纳
    "post",  # 记账
    "keep_archive",  # 会计档案保管
    "write_rules",  # sets up chart, funds and posting rules
    "approve_rules",  # second person of a posting rule
    "approve",  # 审批 of payments
    "take_in",  # 受理 of cases
    "record_gifts",  # 捐赠登记
    "administer",  # gives logins and roles
    "watch",  # reads everything, changes nothing
]

#: Code of a permission → what it lets a person do.
PERMISSIONS: Mapping[str, str] = {
    "ledger.read": N_("read the books"),
    "ledger.draft": N_("make vouchers"),
    "ledger.review": N_("review vouchers"),
    "ledger.sign": N_("sign vouchers as cashier"),
    "ledger.hold": N_("set money aside for payments"),
    "ledger.post": N_("post vouchers"),
    "ledger.close": N_("close months"),
    "ledger.setup": N_("set up accounts, funds, earmarks, money places and posting rules"),
    "ledger.approve_rule": N_("approve posting rules"),
    "imports.read": N_("see what was read in"),
    "imports.stage": N_("read in bank and platform files"),
    "imports.book": N_("book rows that were read in"),
    "donations.read": N_("read gifts and donors"),
    "donations.record": N_("record gifts"),
    "donations.reveal": N_("see donors' numbers and addresses"),
    "receipts.issue": N_("issue receipts"),
    "receipts.void": N_("void receipts"),
    "disclosure.publish": N_("publish figures and reports"),
    "users.manage": N_("manage logins and roles"),
    "places.manage": N_("manage organisations and units"),
    "oplog.read": N_("read the operation log"),
    "messages.read": N_("see the outbox"),
    "messages.send": N_("send messages again and report calls"),
    "jobs.read": N_("see everybody's jobs"),
    "jobs.cancel": N_("cancel everybody's jobs"),
    "proofs.read": N_("read the proof log"),
    "retention.read": N_("see what is kept until when"),
    "retention.hold": N_("hold records and release holds"),
    "upkeep.read": N_("see backups, restore drills and the state of the system"),
    "privacy.read": N_("see requests of data persons"),
    "privacy.handle": N_("write down requests of data persons and hand over copies"),
    "privacy.decide": N_("decide on requests of data persons"),
}


@dataclass(frozen=True, slots=True)
class Role:
    """A role that can be granted.

    Attributes:
        code: stored form.
        label: English message id of its name.
        description: English message id of what it is for, in one sentence.
        permissions: what it may do.
        duties: what the law separates.
    """

    code: str
    label: str
    description: str
    permissions: frozenset[str]
    duties: frozenset[Duty]


def _role(code: str, label: str, description: str, duties: Iterable[Duty], *permissions: str) -> Role:
    return Role(code, label, description, frozenset(permissions), frozenset(duties))


_READS = tuple(code for code in PERMISSIONS if code.endswith(".read"))

ROLES: Mapping[str, Role] = {
    role.code: role
    for role in (
        _role(
            "accountant",
            N_("Accountant"),
            N_("Makes vouchers, books what was read in, answers for the books' content."),
            ["make"],
            "ledger.read",
            "ledger.draft",
            "ledger.hold",
            "imports.read",
            "imports.stage",
            "imports.book",
            "donations.read",
            "proofs.read",
        ),
        _role(
            "reviewer",
            N_("Reviewer"),
            N_("Checks vouchers against their papers and posts them; approves posting rules."),
            ["review", "post", "approve_rules"],
            "ledger.read",
            "ledger.review",
            "ledger.post",
            "ledger.close",
            "ledger.approve_rule",
            "imports.read",
            "donations.read",
            "receipts.void",
            "proofs.read",
        ),
        _role(
            "chief_accountant",
            N_("Chief accountant"),
            N_("Reviews and posts, closes the month, sets up accounts, funds and posting rules."),
            ["review", "post", "write_rules"],
            "ledger.read",
            "ledger.review",
            "ledger.post",
            "ledger.close",
            "ledger.setup",
            "imports.read",
            "donations.read",
            "receipts.void",
            "oplog.read",
            "messages.read",
            "jobs.read",
            "jobs.cancel",
            "proofs.read",
            "retention.read",
            "retention.hold",
        ),
        _role(
            "cashier",
            N_("Cashier"),
            N_("Keeps the money and the cash and bank journals, signs vouchers that move money."),
            ["cash"],
            "ledger.read",
            "ledger.sign",
            "imports.read",
            "imports.stage",
            "donations.read",
        ),
        _role(
            "archivist",
            N_("Keeper of accounting archives"),
            N_("Keeps vouchers, books and reports once they are closed."),
            ["keep_archive"],
            "ledger.read",
            "proofs.read",
            "retention.read",
            "retention.hold",
        ),
        _role(
            "approver",
            N_("Approver"),
            N_("Approves spending and posting rules, releases what is published."),
            ["approve", "approve_rules"],
            "ledger.read",
            "ledger.approve_rule",
            "imports.read",
            "donations.read",
            "disclosure.publish",
            "proofs.read",
            "privacy.read",
            "privacy.decide",
        ),
        _role(
            "gift_clerk",
            N_("Gift clerk"),
            N_("Records gifts, looks after donors, issues receipts."),
            ["record_gifts"],
            "imports.read",
            "imports.stage",
            "donations.read",
            "donations.record",
            "donations.reveal",
            "receipts.issue",
            "messages.read",
            "messages.send",
            "privacy.read",
            "privacy.handle",
        ),
        _role(
            "case_worker",
            N_("Case worker"),
            N_("Takes in and follows up people who need help, phones them."),
            ["take_in"],
            "messages.read",
            "messages.send",
        ),
        _role(
            "coordinator",
            N_("Volunteer coordinator"),
            N_("Looks after volunteers and activities, phones them."),
            [],
            "messages.read",
            "messages.send",
        ),
        _role(
            "supervisor",
            N_("Supervisor"),
            N_("Member of the board of supervisors: reads everything, changes nothing."),
            ["watch"],
            *_READS,
        ),
        _role(
            "auditor",
            N_("Auditor"),
            N_("Outside auditor or inspector: reads everything, changes nothing."),
            ["watch"],
            *_READS,
        ),
        _role(
            "administrator",
            N_("Administrator"),
            N_("Gives logins and roles, keeps the map; makes and approves no voucher."),
            ["administer"],
            "users.manage",
            "places.manage",
            "oplog.read",
            "messages.read",
            "messages.send",
            "jobs.read",
            "jobs.cancel",
            "upkeep.read",
            "privacy.read",
            "privacy.handle",
        ),
    )
}

PROBLEMS = register(
    {
        "role_unknown": N_("There is no role “%(role)s”."),
        "role_held": N_("This person holds that role already."),
        "cashier_reviews": N_(
            "The cashier may not also review vouchers (Accounting Law 2024, art. 35). Choose another person."
        ),
        "cashier_keeps_archive": N_(
            "The cashier may not also keep the accounting archives (Accounting Law 2024, art. 35)."
        ),
        "cashier_makes": N_(
            "The cashier may not also enter income, expenses, claims or debts"
            " (Accounting Law 2024, art. 35). Choose another person."
        ),
        "cashier_posts": N_(
            "The cashier may not also post vouchers to the books (Accounting Law 2024, art. 35)."
        ),
        "maker_reviews": N_(
            "Whoever makes vouchers may not also review them: handling, review and approval are separate"
            " (Cai Kuai 2024 No. 12, art. 21(2))."
        ),
        "maker_posts": N_(
            "Whoever makes vouchers may not also post them; the reviewer or a third person does."
        ),
        "administrator_keeps_books": N_(
            "An administrator gives roles and so may not make, check, pay, record or approve anything himself"
            " (internal control, Basic Accounting Norms art. 88)."
        ),
        "rule_author_approves": N_(
            "Whoever sets up posting rules may not also approve them (Cai Kuai 2024 No. 11, art. 17)."
        ),
        "payer_approves": N_("Whoever pays may not also approve the payment (internal control)."),
        "intake_approves": N_("Whoever takes in a case may not also approve the help (internal control)."),
        "intake_pays": N_("Whoever takes in a case may not also pay the help (internal control)."),
        "cashier_records_gifts": N_(
            "Whoever takes the cash may not also record the gifts; what came in is counted by two people."
        ),
        "watcher_acts": N_("A supervisor or auditor reads everything and therefore holds no other role."),
        "staff_no_maker": N_("Nobody may make vouchers; give one person the role of accountant."),
        "staff_no_reviewer": N_(
            "Nobody may review vouchers; give one person the role of reviewer or chief accountant."
        ),
        "staff_no_cashier": N_("Nobody may sign as cashier; give one person the role of cashier."),
        "staff_no_poster": N_(
            "Nobody may post vouchers; give one person the role of reviewer or chief accountant."
        ),
        "staff_no_closer": N_(
            "Nobody may close the month; give one person the role of reviewer or chief accountant."
        ),
        "staff_too_few": N_(
            "Maker, reviewer and cashier of a voucher must be three people, and the poster neither"
            " maker nor cashier; with these roles no such three are found."
        ),
        "staff_one_administrator": N_(
            "Only one person may give roles; if that person is away, nobody can. Name a second administrator."
        ),
    }
)

#: Pairs of duties one person may not hold → the sentence that says so. The first four
#: are law (会计法 (2024) art. 35; 会计基础工作规范 art. 12), the others internal control
#: (会计基础工作规范 art. 88–89; 财会〔2024〕11号 art. 17; 财会〔2024〕12号 art. 21(2)).
CONFLICTS: Mapping[tuple[Duty, Duty], str] = {
    ("cash", "review"): "cashier_reviews",
    ("cash", "keep_archive"): "cashier_keeps_archive",
    ("cash", "make"): "cashier_makes",
    ("cash", "post"): "cashier_posts",
    ("make", "review"): "maker_reviews",
    ("make", "post"): "maker_posts",
    ("write_rules", "approve_rules"): "rule_author_approves",
    ("cash", "approve"): "payer_approves",
    ("take_in", "approve"): "intake_approves",
    ("take_in", "cash"): "intake_pays",
    ("cash", "record_gifts"): "cashier_records_gifts",
    **dict.fromkeys(
        [
            ("administer", "make"),
            ("administer", "review"),
            ("administer", "cash"),
            ("administer", "post"),
            ("administer", "write_rules"),
            ("administer", "approve_rules"),
            ("administer", "approve"),
            ("administer", "record_gifts"),
            ("administer", "keep_archive"),
        ],
        "administrator_keeps_books",
    ),
}


def permissions_of(roles: Iterable[str]) -> frozenset[str]:
    """Return what a person with these roles may do; a role of an older version gives nothing."""
    found: frozenset[str] = frozenset()
    for code in roles:
        if (role := ROLES.get(code)) is not None:
            found |= role.permissions
    return found


def duties_of(roles: Iterable[str]) -> frozenset[Duty]:
    """Return the duties a person with these roles has."""
    found: frozenset[Duty] = frozenset()
    for code in roles:
        if (role := ROLES.get(code)) is not None:
            found |= role.duties
    return found


def _clashes(first: Role, second: Role) -> Iterator[str]:
    """Yield the codes of what keeps two roles apart."""
    if first.code != second.code and ("watch" in first.duties or "watch" in second.duties):
        yield "watcher_acts"
    for one, other in product(first.duties, second.duties):
        code = CONFLICTS.get((one, other)) or CONFLICTS.get((other, one))
        if code is not None:
            yield code


def check_grant(existing_roles: Iterable[str], new_role: str) -> list[Problem]:
    """Return why a person who holds some roles may not be given another.

    Args:
        existing_roles: codes of the roles held in this org now.
        new_role: code of the role asked for.

    Problems: ``role_unknown``, ``role_held``, and the codes of :data:`CONFLICTS`, those
    that are law first, each once.

    Source: 会计法 (2024) art. 35; 财会〔2024〕12号 art. 21(2); 会计基础工作规范 art. 12, 88–89.
    """
    if new_role not in ROLES:
        return [Problem("role_unknown", {"role": new_role[:30]}, "role")]
    held = set(existing_roles)
    if new_role in held:
        return [Problem("role_held", {}, "role")]
    found = {code for role in held if role in ROLES for code in _clashes(ROLES[role], ROLES[new_role])}
    order = [*dict.fromkeys(CONFLICTS.values()), "watcher_acts"]
    return [Problem(code, {}, "role") for code in order if code in found]


def check_roles(roles: Iterable[str]) -> list[Problem]:
    """Return what is wrong with a combination that stands already, e.g. from an older version."""
    held: list[str] = []
    problems: dict[str, Problem] = {}
    for role in sorted(roles):
        if role in ROLES:
            problems |= {problem.code: problem for problem in check_grant(held, role)}
            held.append(role)
    return list(problems.values())


@dataclass(frozen=True, slots=True)
class Staffing:
    """One way in which a staff can take a voucher from draft to posted.

    Attributes:
        maker: makes it.
        reviewer: checks it.
        cashier: signs it when it moves money.
        poster: posts it; may be the reviewer.
    """

    maker: str
    reviewer: str
    cashier: str
    poster: str


_STEPS = (
    ("ledger.draft", "staff_no_maker"),
    ("ledger.review", "staff_no_reviewer"),
    ("ledger.sign", "staff_no_cashier"),
    ("ledger.post", "staff_no_poster"),
    ("ledger.close", "staff_no_closer"),
)


def _holders(staff: Mapping[str, AbstractSet[str]], permission: str) -> list[str]:
    return sorted(person for person, roles in staff.items() if permission in permissions_of(roles))


def find_staffing(staff: Mapping[str, AbstractSet[str]]) -> Staffing | None:
    """Return the first way to staff a voucher lawfully; None when there is none.

    Args:
        staff: person → codes of the roles held.

    Source: design 3.1 (7): maker, reviewer and cashier always differ, the poster is
    neither maker nor cashier.
    """
    makers, reviewers, cashiers, posters = (_holders(staff, step) for step, _ in _STEPS[:4])
    for maker, reviewer, cashier, poster in product(makers, reviewers, cashiers, posters):
        if len({maker, reviewer, cashier}) == 3 and poster not in (maker, cashier):
            return Staffing(maker, reviewer, cashier, poster)
    return None


def can_run_month(staff: Mapping[str, AbstractSet[str]]) -> list[Problem]:
    """Return what keeps a staff from running a month; empty when it can.

    Args:
        staff: person → codes of the roles held.

    Problems: ``staff_no_maker``, ``staff_no_reviewer``, ``staff_no_cashier``,
    ``staff_no_poster``, ``staff_no_closer``; else ``staff_too_few``.
    """
    missing = [Problem(code) for step, code in _STEPS if not _holders(staff, step)]
    if missing or find_staffing(staff) is not None:
        return missing
    return [Problem("staff_too_few")]


def check_staff(staff: Mapping[str, AbstractSet[str]]) -> list[Problem]:
    """Return what keeps a staff from working well: :func:`can_run_month` and ``staff_one_administrator``."""
    problems = can_run_month(staff)
    if len(_holders(staff, "users.manage")) < 2:
        problems.append(Problem("staff_one_administrator"))
    return problems
