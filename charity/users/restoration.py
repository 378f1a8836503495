"""What a restored backup may not bring back: ways through the door that were closed after it was made.

Nothing in a backup tells which sessions were ended since, which links and codes were used,
which questions were answered. So none of them counts any more, and everybody signs in anew.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, delete, update
from sqlalchemy.orm import Session

from charity.users.door_models import AuthenticatorApp, FactorReset, OpenSession, RecoveryCode
from charity.users.door_rules import STEP_S
from charity.users.models import User


def close_doors(session: Session, *, at: datetime) -> None:
    """End every session and link, spend every code shown so far, drop every open reset.

    An epoch becomes the minutes of the clock, or one more where it is past them: so it is
    past every epoch that was in force after the backup, and a link made then is not revived
    either, not even by restoring the same backup twice.

    Args:
        session: a writing session on the restored database.
        at: the instant of the restore.
    """
    minutes = int(at.timestamp()) // 60
    epoch = User.session_epoch
    session.execute(update(User).values(session_epoch=case((epoch < minutes, minutes), else_=epoch + 1)))
    session.execute(
        update(OpenSession).where(OpenSession.ended_at.is_(None)).values(ended_at=at, ended_how="restored")
    )
    session.execute(update(OpenSession).values(challenge="", challenge_at=None))
    step, last = int(at.timestamp()) // STEP_S, AuthenticatorApp.last_step
    session.execute(update(AuthenticatorApp).where(last < step).values(last_step=step))
    session.execute(update(RecoveryCode).where(RecoveryCode.used_at.is_(None)).values(used_at=at))
    session.execute(delete(FactorReset).where(FactorReset.state == "asked"))
