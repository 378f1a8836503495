"""What waits on the desks on the day the demo is opened: something for everybody to try."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from charity.demo.office import Office
from charity.donations import donors, pledges, service
from charity.donations.models import Donation, Donor
from charity.donations.service import DonorEntry, GiftEntry
from charity.imports import staging
from charity.ledger import drafting, setup
from charity.ledger.rules import DraftLine, DraftVoucher
from charity.periods import Month
from charity.receipts import batches, invoices
from charity.receipts import service as receipts
from charity.receipts.composing import Press
from charity.receipts.invoices import InvoiceEntry

#: A file of no known form: the office says what its columns are.
_UNKNOWN = "登记日,善款,来自,怎么用\n{day},88.00,江晚照,急难救助\n{day},66.00,白予安,医疗救助\n"


def lay_out(office: Office, public_url: str) -> None:
    """Lay work on every desk of the city federation: gifts, drafts, receipts, invoices, a file."""
    _gifts(office)
    _donors(office)
    _receipts(office, Press(office.data_dir, public_url, is_demo=True))
    _books(office)
    office.act(
        staging.stage_file,
        "make",
        data=_UNKNOWN.format(day=office.on).encode(),
        name="社区募捐登记.csv",
        data_dir=office.data_dir,
        on=office.on,
        place="",
    )


def _gift(office: Office, name: str, yuan: int, key: str, **values: object) -> Donation:
    """Record one gift of today's."""
    entry = GiftEntry(
        DonorEntry(kind="person", name=name),
        yuan * 100,
        "bank",
        "B1",
        office.on,
        **values,  # type: ignore[arg-type]
    )
    return office.act(service.record_donation, "clerk", gift=entry, on=office.on, key=office.key(key))


def _gifts(office: Office) -> None:
    """A gift whose purpose is not clear, money nobody claimed, and a promise."""
    _gift(office, "顾念慈", 500, "unclear", stated_purpose="给村里的孩子买书")
    _gift(office, "", 1_000, "unclaimed", is_unidentified=True)
    pledge = pledges.PledgeEntry(
        DonorEntry(kind="company", name="海岱市青禾农机有限公司"),
        5_000_000,
        office.on,
        office.on + timedelta(days=60),
        stated_purpose="发展帮扶",
    )
    office.act(pledges.record_pledge, "clerk", pledge=pledge, on=office.on, key=office.key("pledge"))


def _donors(office: Office) -> None:
    """Two records of one donor, joined by the clerk; they can be parted again."""
    first, second = (
        office.act(donors.add_donor, "clerk", donor=DonorEntry(kind="person", name=name))
        for name in ("温故知", "温故知（微信）")
    )
    office.act(
        donors.merge_donors, "clerk", donor_id=second.id, into_id=first.id, reason="本人来电说明是同一人"
    )


def _receipts(office: Office, press: Press) -> None:
    """Receipts of the largest gifts: one handed out, one void, a batch, an official invoice."""
    office.session.rollback()
    query = (
        select(Donation.id, Donation.amount_fen)
        .join(Donor, (Donor.org_id == Donation.org_id) & (Donor.id == Donation.donor_id))
        .where(
            Donation.org_id == office.org_id,
            Donation.nature == "gift",
            Donation.draft_id.is_not(None),
            Donor.kind == "company",
        )
        .order_by(Donation.amount_fen.desc(), Donation.id)
        .limit(5)
    )
    gifts = office.session.execute(query).all()
    if len(gifts) < 3:
        return
    issued = [
        office.act(
            receipts.issue_receipt,
            "clerk",
            donation_id=gift_id,
            on=office.on,
            key=office.key("receipt", number),
            press=press,
        ).id
        for number, (gift_id, _) in enumerate(gifts[:2])
    ]
    office.act(receipts.void_receipt, "chief", receipt_id=issued[1], reason="抬头有误，重开")
    entry = InvoiceEntry("37060125", "0000012345", "a1b2c3", office.on, gifts[0][1])
    office.act(invoices.register_invoice, "clerk", donation_id=gifts[0][0], entry=entry, on=office.on)
    office.act(
        batches.issue_receipts,
        "clerk",
        donation_ids=[gift_id for gift_id, _ in gifts[2:]],
        language="zh_Hans",
        on=office.on,
    )


def _books(office: Office) -> None:
    """A dimension of the office's own, and a voucher half written."""
    office.act(setup.name_dimension, "chief", slot=1, name="资金来源")
    draft = DraftVoucher(
        office.on,
        Month.of(office.on),
        "购买办公用品",
        (
            DraftLine("530101", debit_fen=36_800, fund="GEN", activity_class="management"),
            DraftLine("1002", credit_fen=36_800, fund="GEN", money_place="B1"),
        ),
    )
    office.act(drafting.make_draft, "make", draft=draft, origin=drafting.DraftOrigin())
