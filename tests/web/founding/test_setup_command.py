"""flask setup: from a file, by questions, once; the code and the links come again when asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings, read_settings_file
from charity.founding.code import setup_code
from charity.places.models import Org, Unit
from tests.foundings import SAMPLE
from tests.service.messages.test_outbox import Server
from tests.service.messages.test_outbox import serving as serving_mail
from tests.support.gateways import Gateway, serving


def run(app: Flask, *arguments: str, **more: str) -> tuple[int, str]:
    with app.app_context():  # as the flask command gives it
        result = app.test_cli_runner().invoke(args=["setup", *arguments], **more)
    return result.exit_code, result.output


def test_a_file_founds_the_federation_and_a_second_run_does_not(
    app: Flask, session: Session, settings: Settings
) -> None:
    code, said = run(app, "--from", str(SAMPLE))
    assert code == 0, said
    assert said.count("https://ledger.haidai.example/password/choose/") == 2
    assert "secret" not in said
    assert session.scalars(select(Org.code)).one() == "HAIDAI"
    assert session.scalars(select(Unit.code).where(Unit.code == "990001001")).one()
    assert read_settings_file(settings.data_dir)["SMS_FIELDS"] == "mobile,content"
    code, said = run(app, "--from", str(SAMPLE))
    assert (code, "set up already" in said) == (1, True)
    code, said = run(app, "--links")
    assert (code, said.count("/password/choose/")) == (0, 2)


def test_judging_changes_nothing(app: Flask, session: Session, settings: Settings) -> None:
    assert run(app, "--from", str(SAMPLE), "--check")[0] == 0
    assert session.scalars(select(Org.id)).all() == []
    assert read_settings_file(settings.data_dir) == {}


def test_judging_finds_what_only_the_founding_would_refuse(app: Flask, tmp_path: Path) -> None:
    """A wrong check digit, and a list of units that names one twice."""
    text = SAMPLE.read_text(encoding="utf-8")
    path = tmp_path / "plan.toml"
    for wrong in (text.replace("51990000MJE000001N", "51990000MJE0000019"), text):
        path.write_text(wrong, encoding="utf-8")
        (tmp_path / "units.csv").write_text("代码,名称\n990001,甲县\n990001,乙县\n", encoding="utf-8")
        code, said = run(app, "--from", str(path), "--check")
        assert (code, "sound" in said) == (1, False)


def test_a_wrong_file_is_told_place_by_place(app: Flask, tmp_path: Path) -> None:
    text = SAMPLE.read_text(encoding="utf-8").replace('kind = "restricted"', 'kind = "slush"')
    path = tmp_path / "plan.toml"
    path.write_text(text.replace('units = "units.csv"', ""), encoding="utf-8")
    code, said = run(app, "--from", str(path))
    assert code == 1
    assert "funds-0-kind: “slush” is none of restricted, general, agency." in said


def test_the_code_of_the_page_is_printed(app: Flask, settings: Settings) -> None:
    code, said = run(app, "--code")
    assert code == 0
    assert setup_code(settings.data_dir)[0] in said
    assert run(app, "--code")[1] == said


def test_mail_and_gateway_are_tried_before_anything_is_founded(
    app: Flask, tmp_path: Path, session: Session
) -> None:
    mail, own = Server(), Gateway()
    own.answers = [(200, ""), (403, "no credit")]
    with serving_mail(mail) as port, serving(own) as url:
        text = SAMPLE.read_text(encoding="utf-8").replace('units = "units.csv"', "")
        text = text.replace("smtps://ledger:secret@mail.haidai.example:465", f"smtp://127.0.0.1:{port}")
        path = tmp_path / "plan.toml"
        path.write_text(text.replace("https://sms.haidai.example/send", url), encoding="utf-8")
        tests = ["--test-mail", "it@haidai.example", "--test-sms", "13800001234"]
        assert run(app, "--from", str(path), "--check", *tests)[0] == 0
        code, said = run(app, "--from", str(path), *tests)
    assert (code, "403 no credit" in said) == (1, True)
    assert len(mail.mails) == 2 and len(own.asked) == 2
    assert session.scalars(select(Org.id)).all() == []


ANSWERS = [
    "海岱市慈善总会", "海岱慈善", "", "HAIDAI", "haidai", "51990000MJE000001N", "association", "2026-01-01",
    "y", "公字1号", "", "2024-05-01", "", "n", "n", "n",  # one qualification of four
    "y", "", "决议 3", "n", "n",  # the first fund
    "y", "示例银行", "99990501", "y", "n", "n",  # bank and cash box
    "",  # no units
    "ye.zhou", "叶舟", "ye@haidai.example", "", "jiang.nanzhou", "江南舟", "j@haidai.example", "",
    "https://ledger.haidai.example", "", "", "",
]  # fmt: skip


def test_by_questions_it_is_the_same(app: Flask, session: Session) -> None:
    code, said = run(app, input="\n".join(ANSWERS) + "\n")
    assert code == 0, said
    org = session.scalars(select(Org)).one()
    assert (org.name, org.credit_code, org.is_public_fundraiser) == (
        "海岱市慈善总会",
        "51990000MJE000001N",
        True,
    )


@pytest.mark.parametrize("answer", ["--links"])
def test_links_before_the_founding_are_questions(app: Flask, answer: str) -> None:
    """Nothing is founded yet, so the command begins to ask, and ends without answers."""
    assert run(app, answer, input="")[0] == 1
