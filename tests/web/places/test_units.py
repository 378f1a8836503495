"""The map in the office: shown, read in, renamed, closed; and kept by one organisation only."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.pages import faults, page

MAP = "代码,名称\n371400,德州市\n371427,夏津县\n371427100,南城镇\n371427101,苏留庄镇\n"


@pytest.fixture
def admin(as_role: Callable[..., FlaskClient]) -> FlaskClient:
    client = as_role("administrator")
    client.set_cookie("language", "en")
    return client


def read_in(client: FlaskClient, text: str | bytes = MAP, from_on: str = "2026-01-01") -> Any:
    content = text.encode() if isinstance(text, str) else text
    data = {"file": (io.BytesIO(content), "units.csv"), "from_on": from_on}
    return client.post("/office/units/import", data=data, content_type="multipart/form-data")


def test_a_list_is_read_in_and_shown(admin: FlaskClient) -> None:
    assert read_in(admin).headers["Location"] == "/office/units"
    shown = page(admin.get("/office/units"))
    assert faults(shown) == [] and "4 units added, 0 known already." in shown.text
    assert [row[:2] for row in shown.table("4 units")[1:]] == [
        ["德州市", "371400"], ["夏津县", "371427"], ["南城镇", "371427100"], ["苏留庄镇", "371427101"],
    ]  # fmt: skip


def test_the_list_that_is_taken_along_can_be_read_in_again(admin: FlaskClient) -> None:
    read_in(admin)
    exported = admin.get("/office/units.csv?plain=1").data
    assert read_in(admin, exported).status_code == 303
    assert "0 units added, 4 known already." in page(admin.get("/office/units")).text


def test_every_bad_row_is_named_and_nothing_is_taken(admin: FlaskClient) -> None:
    response = read_in(admin, MAP + "12,某地\n371428100,武城镇\n")
    assert response.status_code == 422
    read_first = page(response).table("Nothing was read in. Please correct these rows:")
    assert [row[0] for row in read_first[1:]] == ["6"]
    orphan = page(read_in(admin, MAP + "371428100,武城镇\n"))
    assert "371428" in str(orphan.tables)
    assert "No unit fits this filter." in page(admin.get("/office/units")).text


def test_a_form_without_a_file_is_asked_for_one(admin: FlaskClient) -> None:
    response = admin.post("/office/units/import", data={"from_on": "2026-01-01"})
    assert response.status_code == 422 and "Choose a file." in response.get_data(as_text=True)


def test_the_list_is_filtered(admin: FlaskClient) -> None:
    read_in(admin)

    def names(query: str) -> list[str]:
        return [row["name"] for row in json.loads(admin.get(f"/office/units.json?{query}").data)["rows"]]

    assert names("below=371427") == ["夏津县", "南城镇", "苏留庄镇"]
    assert names("text=南城") == ["南城镇"]
    assert names("text=371427101") == ["苏留庄镇"]


def test_one_unit_is_added(admin: FlaskClient) -> None:
    read_in(admin)
    data = {"kind": "township", "code": "371427102", "name": "双庙镇", "parent_code": "371427",
            "from_on": "2026-02-01"}  # fmt: skip
    assert admin.post("/office/units/new", data=data).headers["Location"] == "/office/units/371427102"
    taken = admin.post("/office/units/new", data=data)
    assert taken.status_code == 422 and "already belongs to 双庙镇" in taken.get_data(as_text=True)


def test_a_unit_is_renamed_and_its_story_told(admin: FlaskClient) -> None:
    read_in(admin)
    assert admin.post("/office/units/371427100", data={"name": "南城街道"}).status_code == 303
    shown = page(admin.get("/office/units/371427100"))
    assert faults(shown) == [] and shown.headings == ["南城街道"]
    assert "南城镇 → 南城街道" in str(shown.tables["What was done to it"])


def test_a_unit_is_closed_on_a_page_that_says_what_it_means(admin: FlaskClient) -> None:
    read_in(admin)
    address = "/office/units/371427100/close"
    assert "cannot be undone" in page(admin.get(address)).text
    refused = admin.post("/office/units/371427/close", data={"until_on": "2026-03-31"})
    assert refused.status_code == 422 and "still in use then" in refused.get_data(as_text=True)
    data = {"until_on": "2026-03-17", "replaced_by_code": "371427101"}
    assert admin.post(address, data=data).status_code == 303
    assert "南城镇" not in str(page(admin.get("/office/units")).tables)
    assert "南城镇" in str(page(admin.get("/office/units?with_closed=y")).tables)


def test_an_unknown_unit_is_not_there(admin: FlaskClient) -> None:
    assert admin.get("/office/units/999999").status_code == 404
    assert admin.get("/office/units/999999/close").status_code == 404


def test_another_org_sees_the_map_and_changes_nothing(
    admin: FlaskClient, as_role: Callable[..., FlaskClient]
) -> None:
    read_in(admin)
    other = as_role("administrator", org_code="XJ")
    other.set_cookie("language", "en")
    shown = page(other.get("/xj/office/units"))
    assert "夏津县" in shown.text and "Add a unit" not in shown.text
    renamed = other.post("/xj/office/units/371427", data={"name": "x"})
    assert renamed.status_code == 422 and "keeps the map" in renamed.get_data(as_text=True)


def test_details_of_the_org_are_kept(admin: FlaskClient) -> None:
    assert faults(page(admin.get("/office/org"))) == []
    data = {"name": "海岱市慈善总会", "short_name": "海岱慈善", "credit_code": "51371400MJE0000017"}
    assert admin.post("/office/org", data=data).status_code == 303
    assert "海岱慈善" in page(admin.get("/office/org")).text
    wrong = admin.post("/office/org", data={**data, "credit_code": "51371400MJE0000018"})
    assert wrong.status_code == 422 and "digit by digit" in wrong.get_data(as_text=True)


def test_the_public_reads_the_new_contact_at_once(admin: FlaskClient, client: FlaskClient) -> None:
    """The page is cached; a change of the org's details makes it anew."""
    client.set_cookie("language", "en")
    assert "No phone and no mail address are entered yet." in page(client.get("/contact")).text
    data = {"name": "海岱市慈善总会", "short_name": "海岱慈善", "contact_phone": "0000-8800123 转 2"}
    wrong = admin.post("/office/org", data={**data, "contact_mail": "jiucuo.haidai"})
    assert wrong.status_code == 422 and "jiucuo.haidai" in wrong.text
    assert (
        admin.post("/office/org", data={**data, "contact_mail": "Jiucuo@Haidai.Example"}).status_code == 303
    )
    found = page(client.get("/contact"))
    assert "0000-8800123 转 2" in found.text and "mailto:Jiucuo@haidai.example" in found.links


def test_an_address_leads_to_its_org(app: Flask, as_role: Callable[..., FlaskClient]) -> None:
    as_role("administrator")
    as_role("administrator", org_code="XJ")
    visitor = app.test_client()
    assert visitor.get("/xj/sign-in").status_code == 200
    assert visitor.get("/nowhere/sign-in").status_code == 404


def test_before_any_org_is_set_up_the_site_says_so(client: FlaskClient) -> None:
    assert client.get("/office/").status_code in (302, 503)
    assert client.get("/healthz").status_code == 200


def test_an_administrator_records_a_qualification(as_role: Callable[..., FlaskClient]) -> None:
    client = as_role("administrator")
    client.set_cookie("language", "en")
    url = "/office/org/qualifications/new"
    data = {"kind": "charity", "number": "认定 1 号", "from_on": "2026-01-01", "until_on": ""}
    assert client.get(url).status_code == 200
    assert client.post(url, data={**data, "until_on": "2025-01-01"}).status_code == 422
    assert client.post(url, data=data).headers["Location"] == "/office/org"
    rows = page(client.get("/office/org")).table("What the organisation is entitled to")
    assert rows[1][:2] == ["Recognised as a charity", "认定 1 号"]
