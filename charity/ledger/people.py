"""Who signed: the names behind the login ids that vouchers carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.users.models import User


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
