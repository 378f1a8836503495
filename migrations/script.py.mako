"""${message}.

Revision ${up_revision}, after ${down_revision or "nothing"}; made on ${create_date.date()}.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Refuse: posted books only go forward; restore a backup instead."""
    raise RuntimeError("books only go forward; restore the backup made before the upgrade")
