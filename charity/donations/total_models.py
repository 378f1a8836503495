"""Totals of posted gifts for the public pages, kept by trigger: a sum costs the same for ever."""

from __future__ import annotations

from sqlalchemy import Boolean, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from charity.db import TRIGGER_ONLY, Base


class GiftTotal(Base):
    """Posted gifts per month booked, fund, channel and whether the amount is shown; by trigger."""

    __tablename__ = "donations_gift_total"

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: Month of the books, ``YYYYMM``.
    month: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    fund_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: bank, wechat, alipay, cash or other.
    channel: Mapped[str] = mapped_column(String(10), primary_key=True)
    #: False where the giver does not want the amount shown.
    shows_amount: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    #: Sum of the posted lines, refunds taken off, in fen.
    amount_fen: Mapped[int]
    #: How many posted lines.
    line_count: Mapped[int]


TRIGGER_ONLY.add("donations_gift_total")
