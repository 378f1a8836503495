"""A believable year of an invented federation, ending today, through the same services."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from charity import ids
from charity.demo import papers
from charity.demo.cast import AID
from charity.demo.founding import found, open_books
from charity.demo.office import Office
from charity.donations.models import Donor
from charity.donations.service import DonorEntry
from charity.donations.slips import Pile, Slip, book_slips
from charity.ledger import closing, spending
from charity.ledger.chart import CHART_FROM
from charity.ledger.models import Party
from charity.ledger.queries import guards
from charity.ledger.rules import DraftLine
from charity.periods import CHINA, Month
from charity.privacy import service as privacy
from charity.users.passwords import Passwords

#: The same seed and date give the same books.
SEED = 20260223

CITY_STAFF = {
    "make": "accountant",
    "review": "reviewer",
    "cash": "cashier",
    "chief": "chief",
    "second": "approver",
    "clerk": "clerk",
}
COUNTY_STAFF = {duty: f"county_{name}" for duty, name in CITY_STAFF.items() if duty != "clerk"}


@dataclass(frozen=True, slots=True)
class Volume:
    """How much happens in a month."""

    wechat: int = 215
    persons: int = 40
    bodies: int = 3
    slips: int = 20


@contextmanager
def _fixed_codes(seed: int) -> Iterator[None]:
    """Make random codes come out the same for the time of the seeding."""
    ids.use_random_bytes(random.Random(seed).randbytes)
    try:
        yield
    finally:
        ids.use_random_bytes(os.urandom)


def seed_demo(
    session: Session,
    *,
    today: date,
    data_dir: Path,
    passwords: Passwords,
    volume: Volume | None = None,
) -> Office:
    """Fill an empty database with a year of two federations' books.

    Args:
        session: of the app role.
        today: last day of the year shown.
        data_dir: the data folder.
        passwords: how passwords are hashed.
        volume: how much happens in a month; a small one for tests.

    Returns:
        The city federation's office, on the last day.
    """
    last = Month.of(today)
    first = max(Month.of(CHART_FROM), Month(last.year - 1, last.number).next())
    with _fixed_codes(SEED):
        at = datetime.combine(first.first_on, time(9), CHINA).astimezone(UTC)
        city, county = found(session, at, first, passwords)
        year = _Year(session, data_dir, first, today, volume or Volume())
        year.city(city.id)
        year.county(county.id)
    return Office(session, city.id, data_dir, CITY_STAFF, today)


class _Year:
    """The months of the demo, one after another."""

    def __init__(self, session: Session, data_dir: Path, first: Month, today: date, volume: Volume) -> None:
        self._session = session
        self._data_dir = data_dir
        self._months = _span(first, Month.of(today))
        self._today = today
        self._volume = volume
        self._chance = random.Random(SEED)
        self._bank_fen = 0
        self._unsettled: dict[date, int] = {}
        self._case = 0

    def city(self, org_id: int) -> None:
        """Run the city federation's year; the last two months stay open."""
        office = Office(self._session, org_id, self._data_dir, CITY_STAFF, self._months[0].first_on)
        open_books(office, self._months[0], self._months[-1], is_city=True)
        self._opening(office, general=300_000, funds={"F1": 120_000, "F2": 200_000, "F3": 80_000})
        for month in self._months:
            office.on = min(month.last_on, self._today)
            self._money_in(office, month)
            office.draft_gifts()
            self._money_out(office, month)
            office.finish_papers()
        self._close(office)
        office.on = self._today
        for fund in ("F1", "F2"):
            fen = min(600_000, self._spendable(office, fund) // 300 * 100)
            if fen > 0:
                self._hold(office, fund, fen)

        self._requests(office)

    def _requests(self, office: Office) -> None:
        """Let two donors ask what is held about them; the answer to the earlier one is no."""
        query = select(Party.public_no).join(Donor, and_(Donor.org_id == Party.org_id, Donor.id == Party.id))
        mine = query.where(Donor.org_id == office.org_id, Donor.kind == "person", Donor.root_id == Donor.id)
        first, second = self._session.scalars(mine.order_by(Donor.id).limit(2)).all()
        for kind, number, text, days in (
            ("erase", first, "请删除我的全部信息", 20),
            ("copy", second, "想要一份贵会留存的本人信息", 5),
        ):
            wish = privacy.Wish("donor", number, kind, text, self._today - timedelta(days=days))
            made = office.act(privacy.record_request, "clerk", wish=wish, on=self._today).public_no
            if kind == "erase":
                office.act(privacy.verify_identity, "clerk", public_no=made, how="当面查验身份证原件")
                office.act(
                    privacy.refuse_request,
                    "second",
                    public_no=made,
                    reason="retention",
                    answer="捐赠记录依法随会计凭证保存三十年，期间仅作存储；电话和地址可以另行申请删除。",
                )

    def _hold(self, office: Office, fund: str, fen: int) -> None:
        """Set money aside for a payment that is approved and not paid yet."""
        office.act(
            spending.place_hold,
            "make",
            fund=fund,
            earmark="",
            amount_fen=fen,
            subject=f"{fund}-{self._today.year}-{self._case + 1:04d}",
            on=self._today,
            idempotency_key=office.key("hold", fund),
        )

    def county(self, org_id: int) -> None:
        """Run the county federation's year: few gifts, some aid, the same order."""
        office = Office(self._session, org_id, self._data_dir, COUNTY_STAFF, self._months[0].first_on)
        open_books(office, self._months[0], self._months[-1], is_city=False)
        self._opening(office, general=60_000, funds={"F1": 30_000})
        for month in self._months:
            office.on = min(month.last_on, self._today)
            on = min(month.first_on + timedelta(days=9), self._today)
            yuan = self._chance.choice((800, 1200, 2000))
            office.voucher(on, f"捐款 {month} 汇总", _gift_lines("F1", yuan * 100))
            if on < self._today:
                self._aid(office, month, "F1", 2)
            office.finish_papers()
        self._close(office)

    def _opening(self, office: Office, *, general: int, funds: dict[str, int]) -> None:
        """Post the opening balances of the books."""
        self._bank_fen = 100 * (general + sum(funds.values()))
        lines = [DraftLine("1002", debit_fen=general * 100, fund="GEN", money_place="B1")]
        lines += [DraftLine("3101", credit_fen=general * 100, fund="GEN")]
        for fund, yuan in funds.items():
            lines.append(DraftLine("1002", debit_fen=yuan * 100, fund=fund, money_place="B1"))
            lines.append(DraftLine("3102", credit_fen=yuan * 100, fund=fund))
        office.on = self._months[0].first_on
        office.voucher(office.on, "年初余额", lines, kind="opening")
        office.finish_papers()

    def _money_in(self, office: Office, month: Month) -> None:
        """Read in the month's files: the WeChat bill, the bank export, a pile of slips."""
        days = papers.days_of(month.first_on, office.on)
        share = len(days) / 30
        bill, per_day = papers.wechat_bill(self._chance, days, max(1, round(self._volume.wechat * share)))
        office.read_in(bill, f"wechat_{month}.csv", "W1")
        credits = papers.gift_credits(
            self._chance,
            days,
            round(self._volume.persons * share),
            max(1, round(self._volume.bodies * share)),
        )
        credits += self._settlement(month)
        credits += self._interest(month, office.on)
        self._unsettled = per_day
        data, self._bank_fen = papers.bank_export(credits, self._bank_fen)
        office.read_in(data, f"bank_{month}.csv", "B1")
        self._slips(office, month, max(1, round(self._volume.slips * share)))

    def _settlement(self, month: Month) -> list[papers.Credit]:
        """Return what the platform pays out of the month before, on the second."""
        if not self._unsettled:
            return []
        moment = datetime.combine(month.first_on + timedelta(days=1), time(8, 31, 40))
        fen = sum(self._unsettled.values())
        name = "财付通支付科技有限公司客户备付金"
        return [papers.Credit(moment, fen, name, "99990000000000000901", "转账存入", "微信支付商户结算")]

    def _interest(self, month: Month, on: date) -> list[papers.Credit]:
        """Return the bank's quarterly interest on the 21st."""
        day = date(month.year, month.number, 21)
        if month.number % 3 or day > on:
            return []
        return [papers.Credit(datetime.combine(day, time(0, 5)), 12_345, "", "", "结息", "存款利息")]

    def _slips(self, office: Office, month: Month, count: int) -> None:
        """Enter the month's cash gifts from their slips, with the totals counted before."""
        slips = [
            Slip(
                row=number,
                donor=DonorEntry(kind="person", name=papers.person_name(self._chance)),
                amount_fen=100 * self._chance.choice((10, 20, 50, 100, 200)),
                fund=self._chance.choice(("F1", "F2", "F3", "GEN")),
                reference=f"S{month.code}{number:03d}",
            )
            for number in range(count)
        ]
        pile = Pile("C1", "cash", office.on, count, sum(slip.amount_fen for slip in slips))
        office.act(
            book_slips,
            "clerk",
            pile=pile,
            slips=slips,
            on=office.on,
            key=office.key("slips", month),
            data_dir=self._data_dir,
        )

    def _money_out(self, office: Office, month: Month) -> None:
        """Pay aid from each fund, then the month's running costs."""
        office.finish_papers()
        for fund in AID:
            self._aid(office, month, fund, AID[fund][3])
        on = office.on
        office.voucher(
            on,
            f"发放{month.year}年{month.number}月工资",
            (
                DraftLine("510101", debit_fen=1_200_000, fund="GEN", activity_class="project_staff"),
                DraftLine("530101", debit_fen=650_000, fund="GEN", activity_class="management"),
                DraftLine("1002", credit_fen=1_850_000, fund="GEN", money_place="B1", cash_flow="staff_out"),
            ),
        )
        self._bank_fen -= 1_850_000

    def _aid(self, office: Office, month: Month, fund: str, count: int) -> None:
        """Pay a number of cases from a fund, as far as its money goes."""
        words, low, high, _ = AID[fund]
        left = self._spendable(office, fund) // 2
        for _number in range(count):
            fen = 10_000 * (self._chance.randrange(low, high) // 100)
            self._case += 1
            if fen > left:
                continue
            left -= fen
            case = f"{fund}-{month.year}-{self._case:04d}"
            office.voucher(
                office.on,
                f"{words} 个案{case}",
                (
                    DraftLine(
                        "510102",
                        debit_fen=fen,
                        fund=fund,
                        activity_class="direct_aid",
                        beneficiary_code=case,
                    ),
                    DraftLine("1002", credit_fen=fen, fund=fund, money_place="B1"),
                ),
                ref=case,
            )
            self._bank_fen -= fen

    def _spendable(self, office: Office, fund: str) -> int:
        """Return what a fund can spend now, in fen."""
        self._session.rollback()
        rows = guards(self._session, office.org_id)
        return sum(row.available_fen for row in rows if row.fund == fund and row.earmark == fund)

    def _close(self, office: Office) -> None:
        """Close every month but the last two, in order."""
        office.on = self._today
        for month in self._months[:-2]:
            office.act(closing.close_month, "chief", month=month, on=self._today)


def _span(first: Month, last: Month) -> list[Month]:
    """Return the months from first to last."""
    months = [first]
    while months[-1] < last:
        months.append(months[-1].next())
    return months


def _gift_lines(fund: str, fen: int) -> tuple[DraftLine, ...]:
    """Return a gift of money to a fund."""
    return (
        DraftLine("1002", debit_fen=fen, fund=fund, money_place="B1"),
        DraftLine("410102", credit_fen=fen, fund=fund),
    )
