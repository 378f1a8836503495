"""A receipt is voided once, replaced by number, handed over with marks, and guarded by the database."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from functools import partial
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pypdf import PdfReader
from sqlalchemy import select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError

from charity.db import transact
from charity.errors import Refused
from charity.messages import delivery
from charity.messages.delivery import MailServer
from charity.oplog.models import OpLogEntry
from charity.receipts import batches, checks, handing, service
from charity.receipts.models import Receipt, ReceiptBatch, ReceiptPrint
from charity.receipts.storage import document_path
from tests.receipting import ISSUES, VOIDS, Desk


def findings(desk: Desk) -> list[str]:
    desk.session.rollback()
    desk.session.expire_all()
    every = checks.checks(desk.press.data_dir)
    return [f"{f.check}: {f.where}" for check in every for f in check(desk.session, desk.org_id)]


def refusal(desk: Desk, verb: Any, **values: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        desk.run(verb, **values)
    desk.session.rollback()
    return caught.value.codes


def hand_over(desk: Desk, receipt_id: int) -> handing.IssuedFile:
    return desk.run(handing.copy_of, receipt_id=receipt_id, press=desk.press)


def words(data: bytes) -> str:
    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def test_a_void_receipt_keeps_its_number_and_frees_its_gift(desk: Desk) -> None:
    gift = desk.give()
    first = desk.void(desk.issue(gift))
    assert (first.number, first.state, first.void_reason) == ("2026-000001", "void", "金额有误")
    assert desk.gift(gift.id).receipt_state == "none"
    second = desk.run(service.reissue_receipt, receipt_id=first.id, on=desk.on, key="again", press=desk.press)
    assert second.number == "2026-000002" and second.reissued_from_id == first.id
    assert "2026-000001" in words(hand_over(desk, second.id).data)
    assert findings(desk) == []


def test_a_reissue_asked_twice_is_one(desk: Desk) -> None:
    first = desk.void(desk.issue(desk.give()))
    again = partial(
        desk.run,
        service.reissue_receipt,
        receipt_id=first.id,
        on=desk.on,
        key="again",
        press=desk.press,
    )
    assert again().id == again().id


def test_a_valid_receipt_is_not_replaced(desk: Desk) -> None:
    receipt = desk.issue(desk.give())
    values = {"receipt_id": receipt.id, "on": desk.on, "key": "k", "press": desk.press}
    assert refusal(desk, service.reissue_receipt, **values) == ["receipt_not_void"]


def test_a_receipt_is_replaced_once(desk: Desk) -> None:
    first = desk.void(desk.issue(desk.give()))
    values = {"receipt_id": first.id, "on": desk.on, "press": desk.press}
    second = desk.run(service.reissue_receipt, **values, key="one")
    desk.void(second)
    assert refusal(desk, service.reissue_receipt, **values, key="two") == ["receipt_replaced"]


def test_a_receipt_is_voided_once(desk: Desk) -> None:
    receipt = desk.void(desk.issue(desk.give()))
    values = {"actor": desk.reviewer(), "receipt_id": receipt.id, "reason": "再次"}
    assert refusal(desk, service.void_receipt, **values) == ["receipt_void"]


def test_voiding_needs_a_reason(desk: Desk) -> None:
    receipt = desk.issue(desk.give())
    values = {"actor": desk.reviewer(), "receipt_id": receipt.id, "reason": "  "}
    assert refusal(desk, service.void_receipt, **values) == ["reason_missing"]


def test_who_issues_does_not_void(desk: Desk) -> None:
    receipt = desk.issue(desk.give())
    codes = refusal(desk, service.void_receipt, actor=desk.clerk(ISSUES), receipt_id=receipt.id, reason="x")
    assert codes == ["permission_missing"]


def test_an_unknown_receipt_is_not_voided(desk: Desk) -> None:
    values = {"actor": desk.reviewer(), "receipt_id": 1, "reason": "x"}
    assert refusal(desk, service.void_receipt, **values) == ["receipt_unknown"]


def test_the_first_is_the_original_and_later_ones_are_copies(desk: Desk) -> None:
    receipt = desk.issue(desk.give())
    first, second = hand_over(desk, receipt.id), hand_over(desk, receipt.id)
    kept = document_path(desk.press.data_dir, receipt.bytes_sha256).read_bytes()
    assert first.data == kept and not first.is_copy
    assert second.is_copy and "补打" in words(second.data) and "补打" not in words(first.data)
    rows = desk.session.scalars(select(ReceiptPrint).order_by(ReceiptPrint.position)).all()
    assert [(row.position, row.is_copy) for row in rows] == [(1, False), (2, True)]


def test_a_void_receipt_comes_out_marked(desk: Desk) -> None:
    receipt = desk.void(desk.issue(desk.give()))
    file = hand_over(desk, receipt.id)
    assert file.is_void and "作废" in words(file.data)


def test_only_the_desk_hands_over(desk: Desk) -> None:
    receipt = desk.issue(desk.give())
    values = {"actor": desk.clerk(frozenset({"donations.read"})), "receipt_id": receipt.id}
    assert refusal(desk, handing.copy_of, **values, press=desk.press) == ["permission_missing"]


def test_a_missing_file_is_told(desk: Desk) -> None:
    receipt = desk.issue(desk.give())
    document_path(desk.press.data_dir, receipt.bytes_sha256).unlink()
    values = {"receipt_id": receipt.id, "press": desk.press}
    assert refusal(desk, handing.copy_of, **values) == ["receipt_bytes_missing"]
    assert findings(desk) == ["receipt files: 2026-000001"]


def test_a_changed_file_is_told(desk: Desk) -> None:
    receipt = desk.issue(desk.give())
    document_path(desk.press.data_dir, receipt.bytes_sha256).write_bytes(b"%PDF-1.7 forged")
    values = {"receipt_id": receipt.id, "press": desk.press}
    assert refusal(desk, handing.copy_of, **values) == ["receipt_bytes_changed"]
    assert findings(desk) == ["receipt files: 2026-000001"]


class Server:
    """A mail server on this machine that keeps what it was given."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def mail_server() -> Iterator[tuple[Server, int]]:
    handler = Server()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


def test_a_mail_carries_the_original_and_the_way_to_verify(
    desk: Desk, mail_server: tuple[Server, int]
) -> None:
    handler, port = mail_server
    receipt = desk.issue(desk.give())
    desk.run(handing.mail_receipt, receipt_id=receipt.id, to="li@example.org", press=desk.press)
    delivery.deliver_due(
        partial(transact, session=desk.session),
        MailServer("127.0.0.1", port),
        sender="office@example.org",
        clock=lambda: desk.at,
        timeout_s=5,
    )
    (mail,) = handler.mails
    (file,) = mail.iter_attachments()
    assert mail["Subject"] == "捐赠确认函 2026-000001"
    assert f"https://cishan.example/verify/{receipt.verify_code}" in mail.get_body().get_content()
    kept = document_path(desk.press.data_dir, receipt.bytes_sha256).read_bytes()
    assert file.get_filename() == "2026-000001.pdf" and file.get_content() == kept
    logged = desk.session.scalars(select(OpLogEntry).where(OpLogEntry.act == "receipts.mail")).one()
    assert "li@example.org" not in str(logged.details) + logged.search


def test_a_void_receipt_is_not_mailed(desk: Desk) -> None:
    receipt = desk.void(desk.issue(desk.give()))
    values = {"receipt_id": receipt.id, "to": "li@example.org", "press": desk.press}
    assert refusal(desk, handing.mail_receipt, **values) == ["receipt_void"]


def test_a_mail_needs_an_address(desk: Desk) -> None:
    receipt = desk.issue(desk.give())
    values = {"receipt_id": receipt.id, "to": "nobody", "press": desk.press}
    assert refusal(desk, handing.mail_receipt, **values) == ["email_malformed"]
    assert desk.session.scalars(select(ReceiptPrint)).all() == []


def start_batch(desk: Desk, ids: list[int]) -> batches.Order:
    job = desk.run(batches.issue_receipts, donation_ids=ids, language="zh_Hans", on=desk.on)
    order = batches.order_of(job.params)
    desk.office.end_jobs()
    return order


def test_a_batch_goes_on_after_a_kill_without_a_second_receipt(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_CHUNK", 1)
    gifts = [desk.give(10_000), desk.give(20_000), desk.give(is_posted=False)]
    desk.office.permissions = ISSUES
    order = start_batch(desk, [gift.id for gift in gifts])
    with pytest.raises(KeyboardInterrupt):
        batches.issue_job(desk.office.run(fail_at=2), order, desk.press)
    desk.session.rollback()
    result = batches.issue_job(desk.office.run(), order, desk.press)
    assert result["params"] == {"issued": 2, "left": 1}
    again = batches.issue_job(desk.office.run(), order, desk.press)
    assert again["params"]["issued"] == 2
    batch = desk.session.scalars(select(ReceiptBatch)).one()
    assert batch.receipt_count == 2 and batch.amount_fen == 30_000
    assert batch.left_out == [[gifts[2].public_no, "receipt_gift_unposted"]]
    assert len(desk.session.scalars(select(Receipt)).all()) == 2
    assert findings(desk) == []


def test_a_batch_has_at_least_one_gift(desk: Desk) -> None:
    values: dict[str, Any] = {"language": "zh_Hans", "on": desk.on}
    assert refusal(desk, batches.issue_receipts, donation_ids=[], **values) == ["receipt_batch_empty"]


def test_a_batch_has_a_limit(desk: Desk) -> None:
    values: dict[str, Any] = {"language": "zh_Hans", "on": desk.on}
    assert refusal(desk, batches.issue_receipts, donation_ids=range(2001), **values) == ["batch_large"]


def test_only_the_desk_starts_a_batch(desk: Desk) -> None:
    values: dict[str, Any] = {"language": "zh_Hans", "on": desk.on, "donation_ids": [1]}
    assert refusal(desk, batches.issue_receipts, actor=desk.clerk(VOIDS), **values) == ["permission_missing"]


def test_an_unknown_batch_has_no_file(desk: Desk) -> None:
    values = {"public_no": "R-0", "kind": "pdf", "press": desk.press}
    assert refusal(desk, batches.batch_file, **values) == ["batch_unknown"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE receipts_receipt SET amount_fen = amount_fen + 1",
        "UPDATE receipts_receipt SET snapshot = '{}'",
        "UPDATE receipts_receipt SET check_code = '0000000000', state = 'void', void_reason = 'x',"
        " voided_by = 1, voided_at = '2026-03-18'",
        "DELETE FROM receipts_receipt",
        "UPDATE receipts_counter SET last_no = last_no + 2",
        "UPDATE receipts_counter SET last_no = last_no - 1",
        "DELETE FROM receipts_counter",
        "UPDATE receipts_print SET is_copy = is_copy",
        "DELETE FROM receipts_print",
    ],
)
def test_the_database_keeps_receipts_as_issued(
    desk: Desk, owner_connection: Connection, statement: str
) -> None:
    hand_over(desk, desk.issue(desk.give()).id)
    desk.session.rollback()
    with pytest.raises(DatabaseError):
        owner_connection.execute(text(statement))


def test_the_database_keeps_a_void_receipt_void(desk: Desk, owner_connection: Connection) -> None:
    desk.void(desk.issue(desk.give()))
    desk.session.rollback()
    with pytest.raises(DatabaseError):
        owner_connection.execute(
            text(
                "UPDATE receipts_receipt SET state = 'issued', void_reason = '', voided_by = NULL,"
                " voided_by_name = '', voided_at = NULL"
            )
        )


def test_the_database_gives_no_number_out_of_turn(desk: Desk) -> None:
    receipt = desk.issue(desk.give())
    other = desk.give()
    columns = {column.name: getattr(receipt, column.name) for column in Receipt.__table__.columns}
    forged = columns | {
        "id": receipt.id + 1,
        "sequence": 7,
        "number": "2026-000007",
        "verify_code": "X",
        "request_key": "x",
        "donation_id": other.id,
    }
    with pytest.raises(DatabaseError):
        transact(lambda own: own.execute(Receipt.__table__.insert().values(**forged)), session=desk.session)


def test_checks_find_what_was_forged_past_the_guards(desk: Desk, owner_connection: Connection) -> None:
    desk.issue(desk.give())
    desk.issue(desk.give())
    desk.session.rollback()
    if desk.session.get_bind().dialect.name == "postgresql":
        for table in ("receipts_receipt", "receipts_counter"):
            owner_connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    else:
        for name in ("receipts_receipt_only_void", "receipts_receipt_kept", "receipts_counter_grows"):
            owner_connection.execute(text(f"DROP TRIGGER {name}"))
    owner_connection.execute(text("UPDATE receipts_receipt SET amount_fen = 1 WHERE number = '2026-000002'"))
    owner_connection.execute(text("DELETE FROM receipts_receipt WHERE number = '2026-000001'"))
    owner_connection.execute(text("UPDATE receipts_counter SET last_no = 3"))
    owner_connection.execute(text("UPDATE receipts_receipt SET snapshot = snapshot || ' '"))
    assert findings(desk) == [
        "receipt numbers: 2026-000001",
        "receipt numbers: 2026",
        "receipt snapshots: 2026-000002",
        f"one receipt a gift: {_first_gift(desk)}",
        "receipt amounts: 2026-000002",
    ]


def _first_gift(desk: Desk) -> str:
    from charity.donations.models import Donation

    return str(desk.session.scalars(select(Donation.public_no).order_by(Donation.id)).first())


def test_a_gift_given_back_later_is_no_fault_of_its_receipt(desk: Desk) -> None:
    receipt = desk.issue(desk.give())
    desk.at = desk.at.replace(hour=6)
    desk.office.ledger.at = desk.at
    desk.reverse(receipt.donation_id)
    assert findings(desk) == []
