"""Records of the proof log: leaves, inner nodes, signed heads, the operation log's chain.

All but the log's own row only grow; positions are 0…n−1 without a gap (``sealing``).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import APPEND_ONLY, Base

_FIRST_LINE = text("kind = 'line' AND line_no = 1")
_LINE = text("kind = 'line'")
_MONTH = text("kind = 'month'")


class ProofLog(Base):
    """The log of one org: its name, its size, its right edge. Whoever appends holds this row."""

    __tablename__ = "proofs_log"
    __table_args__ = (CheckConstraint("tree_size >= 0", name="tree_size"),)

    org_id: Mapped[int] = mapped_column(ForeignKey("places_org.id"), primary_key=True, autoincrement=False)
    #: Code of the org as its leaves write it.
    org_code: Mapped[str] = mapped_column(String(40))
    #: First line of its checkpoints and name of its key; never changed, whatever moves.
    origin: Mapped[str] = mapped_column(String(200))
    #: Folder of its published files, below ``proofs`` in the data folder.
    folder: Mapped[str] = mapped_column(String(40))
    #: Ed25519 key it began with, 32 bytes; later keys stand with their checkpoints.
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    #: Leaves appended so far.
    tree_size: Mapped[int] = mapped_column(default=0)
    #: Hashes of the tree's perfect subtrees, 32 bytes each, largest first.
    frontier: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    started_at: Mapped[datetime]


class LogLeaf(Base):
    """One leaf: a posted line, a part of a closed month, or the state of the operation log."""

    __tablename__ = "proofs_leaf"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "voucher_id", "line_no"],
            ["ledger_voucher_line.org_id", "ledger_voucher_line.voucher_id", "ledger_voucher_line.line_no"],
            name="fk_proofs_leaf_line",
        ),
        CheckConstraint("kind IN ('line','month','log')", name="kind"),
        CheckConstraint("position >= 0", name="position"),
        CheckConstraint("(kind = 'line') = (voucher_id IS NOT NULL)", name="voucher"),
        CheckConstraint("(kind = 'line') = (content IS NULL)", name="content"),
        CheckConstraint("(kind = 'line') = (salt IS NULL)", name="salt"),
        CheckConstraint("(kind = 'month') = (clear IS NOT NULL)", name="clear"),
        CheckConstraint("(kind = 'log') = (month IS NULL)", name="month"),
        Index(
            "ux_proofs_leaf_line",
            "org_id",
            "voucher_id",
            "line_no",
            unique=True,
            sqlite_where=_LINE,
            postgresql_where=_LINE,
        ),
        Index(
            "ux_proofs_leaf_number",
            "org_id",
            "month",
            "word",
            "number",
            unique=True,
            sqlite_where=_FIRST_LINE,
            postgresql_where=_FIRST_LINE,
        ),
        Index(
            "ux_proofs_leaf_month",
            "org_id",
            "month",
            "line_no",
            unique=True,
            sqlite_where=_MONTH,
            postgresql_where=_MONTH,
        ),
    )

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: Index in the tree, 0…n−1.
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: line, month or log.
    kind: Mapped[str] = mapped_column(String(5))
    #: Month of the books; None for the operation log.
    month: Mapped[int | None] = mapped_column(Integer)
    #: Word of the line's voucher; ``*`` under the operation log of the installation itself.
    word: Mapped[str | None] = mapped_column(String(4))
    #: Number of the line's voucher; for the operation log, how many entries were chained.
    number: Mapped[int | None] = mapped_column(Integer)
    voucher_id: Mapped[int | None]
    #: Line k of n; for a month, part k of n.
    line_no: Mapped[int | None] = mapped_column(Integer)
    #: RFC 6962 leaf hash, 32 bytes.
    leaf_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    #: The leaf itself; a line's is made again from the line.
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: 32 random bytes under the commitments of a month or an operation log; opened to auditors.
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: What a month's leaf says with its figures in clear; opened to auditors.
    clear: Mapped[bytes | None] = mapped_column(LargeBinary)


class LogNode(Base):
    """The hash of 256, 65,536 … leaves: what tiles above the lowest level are made of."""

    __tablename__ = "proofs_node"
    __table_args__ = (CheckConstraint("level > 0 AND number >= 0", name="place"),)

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: Level of its tile: 1 for 256 leaves, 2 for 65,536.
    level: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    #: From 0 inside the level.
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: Merkle tree hash, 32 bytes.
    sha256: Mapped[bytes] = mapped_column(LargeBinary)


class Checkpoint(Base):
    """A signed tree head (检查点); its file was published before this row was written."""

    __tablename__ = "proofs_checkpoint"
    __table_args__ = (CheckConstraint("number > 0 AND tree_size > 0", name="number"),)

    org_id: Mapped[int] = mapped_column(
        ForeignKey("proofs_log.org_id"), primary_key=True, autoincrement=False
    )
    #: 1…n in the order of signing.
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    #: Leaves it covers; never fewer than the one before.
    tree_size: Mapped[int]
    #: Root of the tree, 32 bytes.
    root_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    #: The published text with its signature.
    note: Mapped[str] = mapped_column(Text)
    #: Ed25519 key it was signed with, 32 bytes.
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    signed_at: Mapped[datetime]


class OplogLink(Base):
    """One entry of the operation log in its chain; the order is that of chaining."""

    __tablename__ = "proofs_oplog_link"
    __table_args__ = (
        UniqueConstraint("org_id", "entry_id"),
        ForeignKeyConstraint(
            ["org_id", "entry_id"],
            ["oplog_entry.org_id", "oplog_entry.id"],
            name="fk_proofs_oplog_link_entry",
        ),
        CheckConstraint("position >= 0", name="position"),
    )

    #: The org of the entry; 0 for the installation itself.
    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: 0…n−1.
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entry_id: Mapped[int]
    #: Value of the chain after this entry, 32 bytes.
    sha256: Mapped[bytes] = mapped_column(LargeBinary)


class Restoration(Base):
    """A restore of the books, and the published head that was confirmed after it."""

    __tablename__ = "proofs_restoration"
    __table_args__ = (
        CheckConstraint("kind IN ('restored','confirmed')", name="kind"),
        CheckConstraint("number > 0", name="number"),
    )

    org_id: Mapped[int] = mapped_column(
        ForeignKey("proofs_log.org_id"), primary_key=True, autoincrement=False
    )
    #: 1…n; while the last one is ``restored``, nothing is signed.
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    #: restored or confirmed.
    kind: Mapped[str] = mapped_column(String(9))
    at: Mapped[datetime]
    #: Who confirmed; empty for a restore, which is done from the command line.
    by_name: Mapped[str] = mapped_column(String(80), default="")
    #: Name of the backup; empty for a confirmation.
    backup: Mapped[str] = mapped_column(String(80), default="")
    #: Leaves of the tree at that time.
    tree_size: Mapped[int]
    #: The checkpoint that was given from outside; empty for a restore.
    note: Mapped[str] = mapped_column(Text, default="")


APPEND_ONLY.update(
    {"proofs_leaf", "proofs_node", "proofs_checkpoint", "proofs_oplog_link", "proofs_restoration"}
)
