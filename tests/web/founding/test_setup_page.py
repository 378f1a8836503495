"""The set-up page: for who knows the code, everything or nothing, once."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from charity.config import SETTINGS_FILE, Settings, read_settings_file
from charity.errors import Problem
from charity.founding.code import setup_code
from charity.founding.routes import CODE_TRIES
from charity.places.models import Org, Unit
from tests.conftest import Clock
from tests.foundings import as_form, sample, sample_units
from tests.service.messages.test_outbox import Server
from tests.service.messages.test_outbox import serving as serving_mail
from tests.support.gateways import Gateway, serving
from tests.support.pages import faults, page


@pytest.fixture
def client(client: FlaskClient) -> FlaskClient:
    client.set_cookie("language", "en")
    return client


@pytest.fixture
def code(settings: Settings) -> str:
    return setup_code(settings.data_dir)[0]


def send(client: FlaskClient, data: dict[str, Any], code: str, **more: Any) -> TestResponse:
    return client.post("/setup", data={**as_form(data, code), "act": "found", **more})


def test_an_empty_installation_becomes_a_federation_through_the_browser(
    app: Flask, client: FlaskClient, code: str, session: Session, settings: Settings, clock: Clock
) -> None:
    """From the page to the first administrator's sign-in, by the link the page shows."""
    assert client.get("/").status_code == 503
    seen = client.get("/setup")
    assert faults(page(seen)) == []
    response = send(client, sample(), code, units=(io.BytesIO(sample_units()), "units.csv"))
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    links = [link for link in page(response).links if "/password/choose/" in link]
    assert len(links) == 2 and links[0].startswith("https://ledger.haidai.example/")
    assert session.scalars(select(Org.name)).one() == "海岱市慈善总会"
    assert session.scalar(select(func.count()).select_from(Unit)) == 6
    kept = read_settings_file(settings.data_dir)
    assert (kept["PUBLIC_URL"], kept["SMS_TOKEN"]) == ("https://ledger.haidai.example", "secret")
    path = links[0].removeprefix("https://ledger.haidai.example")
    chosen = client.post(path, data={"new": "zhou ye 2026 long", "again": "zhou ye 2026 long"})
    assert chosen.status_code == 200
    signed_in = client.post("/sign-in", data={"username": "ye.zhou", "password": "zhou ye 2026 long"})
    assert signed_in.status_code == 303
    assert client.get("/office/people").status_code == 200
    assert client.get("/").status_code == 200


def test_afterwards_the_page_is_gone(client: FlaskClient, code: str, settings: Settings) -> None:
    send(client, sample(), code)
    assert client.get("/setup").status_code == 410
    assert send(client, sample(), code).status_code == 410
    assert not (settings.data_dir / "setup-code").exists()


def test_a_second_click_or_tab_changes_nothing(
    client: FlaskClient, code: str, session: Session, settings: Settings
) -> None:
    other = sample()
    other["org"]["name"], other["site"]["public_url"] = "另一慈善会", "https://other.example"
    assert send(client, sample(), code).status_code == 200
    assert send(client, other, code).status_code == 410
    assert session.scalars(select(Org.name)).all() == ["海岱市慈善总会"]
    assert read_settings_file(settings.data_dir)["PUBLIC_URL"] == "https://ledger.haidai.example"


def test_the_code_is_printed_once_and_asked_for(
    client: FlaskClient, settings: Settings, capfd: pytest.CaptureFixture[str], session: Session
) -> None:
    client.get("/setup")
    client.get("/setup")
    assert capfd.readouterr().err.count(setup_code(settings.data_dir)[0]) == 1
    response = send(client, sample(), "0000-0000-0000-0000")
    assert response.status_code == 422
    assert Problem("setup_code_refused").sentence() in page(response).text
    assert "海岱市慈善总会" in response.text, "what was typed stays"
    assert session.scalars(select(Org.id)).all() == []
    assert not (settings.data_dir / SETTINGS_FILE).exists()


def test_whoever_has_the_code_may_mend_the_rest_as_often_as_it_takes(
    client: FlaskClient, settings: Settings
) -> None:
    client.get("/setup")
    own = setup_code(settings.data_dir)[0]
    assert {send(client, {}, own).status_code for _ in range(CODE_TRIES + 1)} == {422}


def test_the_code_cannot_be_guessed_by_trying(client: FlaskClient) -> None:
    answers = [send(client, {}, "0000").status_code for _ in range(CODE_TRIES + 1)]
    assert answers[0] == 422
    assert answers[-1] == 429


def test_what_is_wrong_stands_at_its_field_and_everything_stays(client: FlaskClient, code: str) -> None:
    """The first fund is left out; the sentence still stands at the second one's field."""
    data = sample()
    data["funds"].insert(0, {"code": "", "name": "", "purpose": "空行", "kind": "restricted"})
    data["funds"][1]["document_ref"] = ""
    data["org"]["credit_code"] = "51990000MJE0000011"
    response = send(client, data, code)
    assert response.status_code == 422
    assert 'href="#funds-1-document_ref"' in response.text
    assert "空行" in response.text
    data["funds"][1]["document_ref"] = "决议 3"
    response = send(client, data, code)
    assert (
        'href="#org-credit_code"' in response.text or "is not a unified social credit code" in response.text
    )


def test_a_list_of_units_that_is_wrong_leaves_nothing(
    client: FlaskClient, code: str, session: Session, settings: Settings
) -> None:
    response = send(client, sample(), code, units=(io.BytesIO(b"a,b\n1,2\n"), "units.csv"))
    assert response.status_code == 422
    assert "needs the columns code and name" in page(response).text
    assert session.scalars(select(Org.id)).all() == []
    assert send(client, sample(), code).status_code == 200, "the code still works"


def test_mail_is_tried_on_the_spot(client: FlaskClient, code: str, session: Session) -> None:
    server, data = Server(), sample()
    with serving_mail(server) as port:
        data["mail"]["url"] = f"smtp://127.0.0.1:{port}"
        response = send(client, data, code, act="try_mail")
        assert response.status_code == 200
        assert "took the test mail to ye.zhou@haidai.example" in page(response).text
    to, message, _is_tls = server.mails[0]
    assert to == ["ye.zhou@haidai.example"] and "Test mail" in message["Subject"]
    response = send(client, data, code, act="try_mail")
    assert response.status_code == 422
    assert Problem("trial_mail_failed", {"said": ""}).sentence().strip() in page(response).text
    data["mail"]["url"] = ""
    assert "This must be filled in" in page(send(client, data, code, act="try_mail")).text
    assert session.scalars(select(Org.id)).all() == [], "a test founds nothing"


def test_the_gateway_is_tried_on_the_spot(client: FlaskClient, code: str) -> None:
    own, data = Gateway(), sample()
    data["administrators"][0]["phone"] = "0534 0000 001"
    with serving(own) as url:
        data["sms"]["url"] = url
        response = send(client, data, code, act="try_sms")
        assert "took the test message to 0534 0000 001" in page(response).text
        own.answers = [(401, "who are you")]
        response = send(client, data, code, act="try_sms")
        said = "GatewayRefused: 401 who are you"
        assert Problem("trial_sms_failed", {"said": said}).sentence() in page(response).text
    assert own.asked[0][1]["Authorization"] == "Bearer secret"
    data["administrators"][0]["phone"] = ""
    assert send(client, data, code, act="try_sms").status_code == 422


def test_plain_http_from_afar_is_warned_of(client: FlaskClient) -> None:
    seen = client.get("/setup", environ_base={"REMOTE_ADDR": "10.0.0.7"})
    assert "came without encryption" in page(seen).text
    assert "came without encryption" not in page(client.get("/setup")).text
    assert datetime.now(UTC).year > 2000
