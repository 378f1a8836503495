"""The pages of data persons' requests: taken in by one, decided by another, handed over as a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import transact
from charity.donations import donors
from charity.donations.service import DonorEntry
from charity.places.models import Org
from tests.builders import make_actor, make_org, make_user
from tests.builders import sign_in as signed_in
from tests.doors import acts
from tests.receipting import open_desk
from tests.support.pages import page


def english(client: FlaskClient) -> FlaskClient:
    client.set_cookie("language", "en")
    return client


def a_donor(session: Session) -> str:
    """Write a donor down and return its number."""
    actor = make_actor(session.scalars(select(Org.id).where(Org.is_default)).one())
    entry = DonorEntry("person", "张三", phone="13805341234")
    key = transact(lambda own: donors.add_donor(own, actor=actor, donor=entry).id, session=session)
    return donors.public_no_of(session, actor.org_id, key)


def test_a_request_from_the_letter_to_the_file(
    as_role: Callable[..., FlaskClient], session: Session, tmp_path: Path
) -> None:
    open_desk(session, tmp_path)
    clerk, decider = english(as_role("gift_clerk")), english(as_role("approver"))
    number = a_donor(session)
    sent = {
        "subject_kind": "donor",
        "subject_no": number,
        "kind": "copy",
        "wish": "请给我一份",
        "received_on": "2026-03-18",
    }
    assert clerk.post("/office/new-data-request", data=sent | {"wish": ""}).status_code == 422
    made = clerk.post("/office/new-data-request", data=sent)
    url = made.headers["Location"]
    shown = page(clerk.get(url)).text
    assert "identity not shown yet" in shown and "another person decides on it" in shown
    assert "2026-04-17" in shown
    assert "make sure who asks" in page(clerk.get("/office/")).text
    assert "data persons to decide" not in page(decider.get("/office/")).text
    assert clerk.post(f"{url}/verify", data={"how": ""}).status_code == 422
    assert clerk.post(f"{url}/verify", data={"how": "当面核对身份证"}).status_code == 303
    assert "make sure who asks" not in page(clerk.get("/office/")).text
    assert "1 Requests of data persons to decide" in page(decider.get("/office/")).text
    assert clerk.post(f"{url}/fulfil", data={"answer": "x"}).status_code == 403
    assert decider.post(f"{url}/refuse", data={"answer": "x", "reason": ""}).status_code == 422
    assert decider.post(f"{url}/fulfil", data={"answer": "复印件已备好"}).status_code == 303
    file = clerk.post(f"{url}/copy")
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.headers["Cache-Control"] == "no-store"
    held = {section["what"]: section for section in json.loads(file.data)["held"]}
    assert held["gifts, purposes and how they are shown"]["kept_by"].startswith("慈善法")
    assert decider.post(f"{url}/copy").status_code == 403
    again = clerk.post(f"{url}/copy")
    assert again.status_code == 422 and "13805341234" not in again.text
    assert "handed over already" in page(again).text
    assert "privacy.hand_over" in acts(session)


def test_the_administrator_is_handed_no_numbers_of_donors(
    as_role: Callable[..., FlaskClient], session: Session, tmp_path: Path
) -> None:
    open_desk(session, tmp_path)
    clerk, decider = english(as_role("gift_clerk")), english(as_role("approver"))
    sent = {
        "subject_kind": "donor",
        "subject_no": a_donor(session),
        "kind": "copy",
        "wish": "请给我一份",
        "received_on": "2026-03-18",
    }
    url = clerk.post("/office/new-data-request", data=sent).headers["Location"]
    clerk.post(f"{url}/verify", data={"how": "当面核对身份证"})
    decider.post(f"{url}/fulfil", data={"answer": "复印件已备好"})
    administrator = english(as_role("administrator"))
    assert f"{url}/copy" not in administrator.get(url).text
    assert f"{url}/copy" in clerk.get(url).text
    refused = administrator.post(f"{url}/copy")
    assert refused.status_code == 422 and "13805341234" not in refused.text
    assert "privacy.hand_over" not in acts(session)


def test_a_deletion_says_what_the_law_keeps_before_it_is_granted(
    as_role: Callable[..., FlaskClient], session: Session, tmp_path: Path
) -> None:
    open_desk(session, tmp_path)
    clerk, decider = english(as_role("gift_clerk")), english(as_role("approver"))
    sent = {
        "subject_kind": "donor",
        "subject_no": a_donor(session),
        "kind": "erase",
        "wish": "请删除",
        "received_on": "2026-03-01",
    }
    url = clerk.post("/office/new-data-request", data=sent).headers["Location"]
    shown = page(decider.get(url)).text
    assert "phone and account numbers: deleted" in shown
    assert "receipts issued: kept, 30 years, with the vouchers (会计档案管理办法（2015）第14条)" in shown
    refused = decider.post(f"{url}/refuse", data={"reason": "identity", "answer": "未能核实身份"})
    assert refused.status_code == 303
    assert "Who asks could not be made sure." in page(decider.get(url)).text
    assert clerk.post(f"{url}/withdraw").status_code == 422


def test_the_register_is_read_by_supervisors_and_comes_as_a_file(as_role: Callable[..., FlaskClient]) -> None:
    reader = english(as_role("supervisor"))
    assert "Nobody has asked yet." in reader.get("/office/data-requests").get_data(as_text=True)
    assert reader.get("/office/data-requests.csv").status_code == 200
    assert reader.get("/office/new-data-request").status_code == 403
    assert reader.get("/office/data-requests/P-0").status_code == 404


def test_everybody_takes_a_copy_of_what_is_held_about_the_own_login(
    as_role: Callable[..., FlaskClient], session: Session
) -> None:
    file = as_role("cashier").post("/office/profile/copy")
    held = json.loads(file.data)["held"]
    assert held[0]["rows"][0]["username"] == "cashier"
    assert held[3]["rows"][0]["address"] == "127.0.0.1"
    assert acts(session)[-1] == "privacy.own_copy"


def test_an_organisation_gives_no_addresses_of_a_login_another_one_has_made(
    app: Flask, as_role: Callable[..., FlaskClient], session: Session
) -> None:
    """It took the person in by the login name alone; the person reads the own login anywhere."""
    home = make_org(session)
    make_org(session, code="XJ", name="夏津县慈善总会", name_en="Xiajin")
    make_user(session, org_id=home.id, username="lisi", roles=("accountant",), email="li@example.org")
    own = signed_in(app, "lisi")
    office, decider = (as_role(role, org_code="XJ") for role in ("administrator", "approver"))
    taken_in = {"username": "lisi", "has_login": "y", "display_name": "", "unit_code": ""}
    assert office.post("/xj/office/new-person", data=taken_in).status_code == 303
    office.post("/xj/office/people/lisi/grant", data={"role": "coordinator", "reason": "任职"})
    sent = {
        "subject_kind": "user",
        "subject_no": "lisi",
        "kind": "copy",
        "wish": "x",
        "received_on": "2026-03-18",
    }
    url = office.post("/xj/office/new-data-request", data=sent).headers["Location"]
    assert office.post(f"{url}/verify", data={"how": "当面"}).status_code == 303
    assert decider.post(f"{url}/fulfil", data={"answer": "x"}).status_code == 303
    held = json.loads(office.post(f"{url}/copy").data)["held"]
    assert [bool(section["rows"]) for section in held] == [True, False, False, False, False]
    assert "coordinator" in json.dumps(held) and "accountant" not in json.dumps(held)
    mine = json.loads(own.post("/xj/office/profile/copy").data)["held"]
    assert mine[2]["rows"][0]["email"] == "li@example.org" and mine[3]["rows"]
