"""Who signed: the names behind the login ids that vouchers carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.ledger.models import PostingRule
from charity.users.models import User


@dataclass(frozen=True, slots=True)
class RuleReview:
    """The approved rule that stands in the place of a reviewer (规则稽核).

    Attributes:
        code, version, text: of the rule.
        author_id: who wrote it.
        approver_ids: the two who approved it, in order.
    """

    code: str
    version: int
    text: str
    author_id: int
    approver_ids: tuple[int, ...]

    @property
    def people(self) -> tuple[int, ...]:
        """Return the logins behind the rule."""
        return (self.author_id, *self.approver_ids)


def rule_reviews(session: Session, org_id: int, ids: Iterable[int | None]) -> dict[int, RuleReview]:
    """Return id → what a posting rule says and who stands behind it; None is passed over."""
    wanted = sorted({rule_id for rule_id in ids if rule_id is not None})
    if not wanted:
        return {}
    rows = session.scalars(
        select(PostingRule).where(PostingRule.org_id == org_id, PostingRule.id.in_(wanted))
    )
    return {
        rule.id: RuleReview(
            rule.code,
            rule.version,
            rule.text,
            rule.author_id,
            tuple(key for key in (rule.first_approver_id, rule.second_approver_id) if key is not None),
        )
        for rule in rows
    }


def signer_names(session: Session, ids: Iterable[int | None]) -> Mapping[int, str]:
    """Return id → the name signed with; an id without a login is left out.

    Args:
        ids: any login ids; None and repetitions are welcome.
    """
    wanted = sorted({user_id for user_id in ids if user_id is not None})
    found: dict[int, str] = {}
    for start in range(0, len(wanted), 500):
        query = select(User.id, User.display_name).where(User.id.in_(wanted[start : start + 500]))
        found.update(session.execute(query).all())
    return found


def find_signers(session: Session, text: str) -> list[int]:
    """Return the ids of logins whose name, pinyin or initials hold a text; at most fifty."""
    from charity.names import fold_text

    wanted = fold_text(text)
    if not wanted:
        return []
    pattern = "%" + wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    return list(session.scalars(select(User.id).where(User.search.like(pattern, escape="\\")).limit(50)))
