"""What the public learns of a receipt: genuine or not, the path of its money, and no name."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import zxingcpp
from flask.testing import FlaskClient
from PIL import Image

from charity.config import Settings
from charity.donations.service import DonorEntry
from charity.receipts.storage import document_path
from tests.receipting import PUBLIC_URL, Desk
from tests.support import needs
from tests.support.pages import faults, page

if TYPE_CHECKING:
    from tests.conftest import Clock

NAME = "欧阳探针"


def qr_of(data: bytes, tmp_path: Path) -> str:
    """Return what a phone reads from the issued page."""
    import subprocess

    program = needs.needed("poppler-utils", "pdftoppm")
    drawn = subprocess.run([program, "-r", "200", "-png"], input=data, capture_output=True, check=True)
    with Image.open(io.BytesIO(drawn.stdout)) as image:
        return str(zxingcpp.read_barcodes(image.convert("RGB"))[0].text)


def test_the_qr_opens_the_verify_page_that_names_nobody(
    desk: Desk, visitor: FlaskClient, tmp_path: Path
) -> None:
    receipt = desk.issue(desk.give(123_400, donor=DonorEntry("person", name=NAME)))
    address = qr_of(document_path(desk.press.data_dir, receipt.bytes_sha256).read_bytes(), tmp_path)
    assert address.startswith(f"{PUBLIC_URL}/verify/")
    answer = visitor.get(address.removeprefix(PUBLIC_URL))
    found = page(answer)
    assert faults(found) == [] and "Genuine" in found.text
    assert "2026-000001" in found.text and "1,234.00" in found.text and "2026-03-18" in found.text
    assert NAME not in answer.text and "欧阳" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert "noindex" in answer.headers["X-Robots-Tag"] and 'content="noindex' in answer.text


def test_a_void_receipt_says_so_and_names_its_successor(desk: Desk, visitor: FlaskClient) -> None:
    receipt = desk.void(desk.issue(desk.give()))
    found = page(visitor.get(f"/verify/{receipt.verify_code}"))
    assert "Void:" in found.text and "void since 2026-03-18" in found.text and "金额有误" not in found.text


def test_an_unknown_code_is_answered_alike(desk: Desk, visitor: FlaskClient) -> None:
    desk.issue(desk.give())
    answers = [visitor.get(f"/verify/{code}") for code in ("X" * 20, "1", "%2e%2e", "2026-000001")]
    assert {answer.status_code for answer in answers} == {200}
    assert all("Unknown:" in page(answer).text for answer in answers)


def test_the_code_is_typed_or_pasted(desk: Desk, visitor: FlaskClient) -> None:
    receipt = desk.issue(desk.give())
    assert faults(page(visitor.get("/verify"))) == []
    for typed in (receipt.verify_code.lower(), f"{PUBLIC_URL}/verify/{receipt.verify_code}"):
        answer = visitor.get("/verify", query_string={"code": typed})
        assert answer.location == f"/verify/{receipt.verify_code}"


def test_the_look_up_shows_the_path_and_no_name(desk: Desk, visitor: FlaskClient) -> None:
    receipt = desk.issue(desk.give(80_000, donor=DonorEntry("person", name=NAME), stated_purpose="给我侄子"))
    assert faults(page(visitor.get("/lookup?number=2026-000001"))) == []
    data = {"number": " 2026-1", "check_code": receipt.check_code.lower()}
    answer = visitor.post("/lookup", data=data)
    found = page(answer)
    assert answer.status_code == 200 and faults(found) == []
    assert (
        "2026-03 记-0001, line 2" in found.text and "Medical aid fund" in found.text and "¥0.00" in found.text
    )
    assert "It is not one-to-one." in found.text and "waits for the next checkpoint" in found.text
    assert NAME not in answer.text and "给我侄子" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def spend(desk: Desk, times: int) -> None:
    """Pay out of the gift's fund so many times, 10 yuan each."""
    desk.office.ledger.post(
        "\n\n".join(
            f"2026-03-18 救助支出{number}\n  借 510102 10.00 F2\n  贷 1002@B1 10.00 F2"
            for number in range(times)
        )
    )


def test_two_receipts_do_not_give_a_payment_by_subtraction(desk: Desk, visitor: FlaskClient) -> None:
    """One gift is booked before two payments, the other after them: both paths count by month."""
    before = desk.issue(desk.give(80_000))
    spend(desk, 2)
    after = desk.issue(desk.give(60_000))
    for receipt in (before, after):
        data = {"number": receipt.number, "check_code": receipt.check_code}
        found = page(visitor.post("/lookup", data=data)).text
        assert "Spent by this fund since 2026-03 ¥20.00" in found and "last on" not in found


def test_what_was_spent_before_a_gift_is_not_told_as_spent_since(desk: Desk, visitor: FlaskClient) -> None:
    """March and April are told together, so that one payment of April cannot be made out."""
    desk.issue(desk.give(80_000))
    spend(desk, 2)
    desk.office.ledger.open_months("2026-04", "2026-04")
    desk.at, desk.on = datetime(2026, 4, 2, 4, tzinfo=UTC), date(2026, 4, 2)
    desk.office.at, desk.office.on = desk.at, desk.on
    late = desk.issue(desk.give(60_000, received_on=date(2026, 4, 2)))
    data = {"number": late.number, "check_code": late.check_code}
    found = page(visitor.post("/lookup", data=data)).text
    assert "not told apart" in found and "¥20.00" not in found


def test_nothing_tells_an_unknown_number_from_a_wrong_code(desk: Desk, visitor: FlaskClient) -> None:
    receipt = desk.issue(desk.give())
    tries = ((receipt.number, "0000000000"), ("2026-000077", receipt.check_code), ("2026-000078", "0" * 10))
    answers = [visitor.post("/lookup", data={"number": n, "check_code": c}) for n, c in tries]
    assert {answer.status_code for answer in answers} == {404}
    texts = [
        page(answer).text.replace(n, "").replace(c, "") for answer, (n, c) in zip(answers, tries, strict=True)
    ]
    assert len(set(texts)) == 1 and "Nothing fits" in texts[0]


def test_a_receipt_is_tried_ten_times_an_hour(desk: Desk, visitor: FlaskClient, clock: Clock) -> None:
    receipt = desk.issue(desk.give())
    wrong = {"number": receipt.number, "check_code": "0000000000"}
    right = wrong | {"check_code": receipt.check_code}
    for _ in range(10):
        assert visitor.post("/lookup", data=wrong).status_code == 404
    refused = visitor.post("/lookup", data=right)
    assert refused.status_code == 429 and "Try again in about 1 hour." in page(refused).text
    assert visitor.post("/lookup", data=wrong | {"number": "2026-7"}).status_code == 404
    clock.advance(hours=2, minutes=1)
    assert visitor.post("/lookup", data=right).status_code == 200


def test_a_stranger_s_guesses_do_not_lock_the_donor_out(desk: Desk, visitor: FlaskClient) -> None:
    """Numbers run in sequence: whoever guesses at one keeps only the own address from it."""
    receipt = desk.issue(desk.give())
    wrong = {"number": receipt.number, "check_code": "0000000000"}
    right = wrong | {"check_code": receipt.check_code}
    stranger = {"REMOTE_ADDR": "192.0.2.66"}
    for _ in range(10):
        assert visitor.post("/lookup", data=wrong, environ_base=stranger).status_code == 404
    assert visitor.post("/lookup", data=right, environ_base=stranger).status_code == 429
    assert visitor.post("/lookup", data=right).status_code == 200


def test_right_codes_are_not_counted(desk: Desk, visitor: FlaskClient) -> None:
    receipt = desk.issue(desk.give())
    data = {"number": receipt.number, "check_code": receipt.check_code}
    assert {visitor.post("/lookup", data=data).status_code for _ in range(12)} == {200}


def test_a_part_that_is_no_number_is_not_there(desk: Desk, visitor: FlaskClient) -> None:
    receipt = desk.issue(desk.give())
    data = {"number": receipt.number, "check_code": receipt.check_code}
    for part in ("²", "9" * 30, "-1"):
        assert visitor.post("/lookup/proof", data=data | {"part": part}).status_code == 404


def test_without_a_receipt_one_is_led_on(desk: Desk, visitor: FlaskClient) -> None:
    found = page(visitor.get("/lookup"))
    assert {"/disclosure/donations", "/contact"} <= set(found.links)


def test_unknown_numbers_have_the_same_limit(desk: Desk, visitor: FlaskClient) -> None:
    data = {"number": "2026-000099", "check_code": "0000000000"}
    answers = [visitor.post("/lookup", data=data).status_code for _ in range(11)]
    assert answers == [404] * 10 + [429]


def test_an_address_has_thirty_tries_an_hour(desk: Desk, visitor: FlaskClient) -> None:
    answers = [
        visitor.post("/lookup", data={"number": f"2026-{n}", "check_code": "0" * 10}).status_code
        for n in range(1, 32)
    ]
    assert answers == [404] * 30 + [429]


def test_the_own_proof_is_downloaded_and_opens_no_party(
    desk: Desk, visitor: FlaskClient, settings: Settings
) -> None:
    receipt = desk.issue(desk.give(donor=DonorEntry("person", name=NAME)))
    data = {"number": receipt.number, "check_code": receipt.check_code, "part": "1"}
    assert visitor.post("/lookup/proof", data=data).status_code == 404
    desk.publish_proofs(settings)
    assert "stands in the published log" in page(visitor.post("/lookup", data=data)).text
    answer = visitor.post("/lookup/proof", data=data)
    bundle = json.loads(answer.data)
    opened = {field: value for field, value, _salt in bundle["openings"]}
    assert set(opened) == {"date", "summary", "account", "amount", "fund", "earmark"}
    assert NAME not in answer.text
    assert visitor.post("/lookup/proof", data=data | {"part": "2"}).status_code == 404
    assert visitor.post("/lookup/proof", data=data | {"check_code": "0" * 10}).status_code == 404


def test_a_gift_given_back_is_said(desk: Desk, visitor: FlaskClient) -> None:
    receipt = desk.issue(desk.give())
    desk.reverse(receipt.donation_id)
    data = {"number": receipt.number, "check_code": receipt.check_code}
    assert "holds nothing" not in page(visitor.post("/lookup", data=data)).text
    assert "The books hold nothing of this gift any more" in page(visitor.post("/lookup", data=data)).text


def test_a_form_without_its_token_is_refused(desk: Desk, visitor: FlaskClient) -> None:
    assert (
        visitor.post("/lookup", data={"number": "1", "check_code": "1"}, has_token=False).status_code == 400
    )
