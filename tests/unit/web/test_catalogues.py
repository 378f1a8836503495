"""The tool that keeps the catalogues true to the code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from charity import translations

CODE = """
_("Plain")
_("With %(name)s", name=1)
pgettext("dialog", "Close")
N_("Marked")
"""
TEMPLATE = """{{ ngettext("%(num)s day", "%(num)s days", n) }} {% trans %} In a
  block {% endtrans %}"""
GIVEN = {
    "Plain": "平常",
    "With %(name)s": "有%(name)s",
    "dialog\x04Close": "关闭",
    "Marked": "已标",
    "%(num)s day": "%(num)s 天",
    "In a block": "在块中",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one module and one template, without catalogues yet."""
    for folder in ("charity/translations", "templates", "json"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "charity" / "code.py").write_text(CODE)
    (tmp_path / "templates" / "page.html").write_text(TEMPLATE)
    (tmp_path / "babel.cfg").write_text((translations.ROOT / "babel.cfg").read_text())
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    monkeypatch.setattr(translations, "HERE", tmp_path / "charity" / "translations")
    return tmp_path


def give(project: Path, name: str, texts: dict[str, str]) -> Path:
    (project / "json" / name).write_text(json.dumps(texts))
    return project / "json"


def test_messages_of_code_and_templates_are_found(project: Path) -> None:
    found = {translations._key(m) for m in translations.extract() if m.id}
    assert found == set(GIVEN)


def test_translations_are_merged_and_compiled(project: Path) -> None:
    assert translations.update(give(project, "area.json", GIVEN)).is_clean
    translations.compile_all()
    from babel.support import Translations

    catalogue = Translations.load(str(translations.HERE), ["zh_Hans"], "messages")
    assert catalogue.gettext("Plain") == "平常"
    assert catalogue.upgettext("dialog", "Close") == "关闭"
    assert catalogue.ungettext("%(num)s day", "%(num)s days", 3) == "%(num)s 天"


def test_a_message_without_translation_is_named(project: Path) -> None:
    report = translations.update()
    assert len(report.missing) == len(GIVEN)
    assert "zh_Hans: Plain" in report.missing


def test_traditional_may_be_incomplete_and_takes_its_own_files(project: Path) -> None:
    give(project, "area.json", GIVEN)
    report = translations.update(give(project, "area.hant.json", {"Marked": "已標"}))
    assert report.is_clean
    texts = {translations._key(m): translations._text(m) for m in translations.read("zh_Hant") if m.id}
    assert {key: text for key, text in texts.items() if text} == {"Marked": "已標"}


def test_a_translation_for_no_message_is_named(project: Path) -> None:
    report = translations.update(give(project, "area.json", {**GIVEN, "Gone": "没了"}))
    assert report.unknown == ("zh_Hans: Gone",)


def test_two_files_that_differ_are_named(project: Path) -> None:
    give(project, "a.json", GIVEN)
    report = translations.update(give(project, "b.json", {"Plain": "普通"}))
    assert report.differing == ("zh_Hans: Plain (b.json)",)


def test_fields_that_differ_are_named(project: Path) -> None:
    report = translations.update(give(project, "area.json", {**GIVEN, "With %(name)s": "有%(nmae)s"}))
    assert report.fields == ("zh_Hans: With %(name)s",)


def test_a_message_gone_from_the_code_is_found_and_dropped(project: Path) -> None:
    translations.update(give(project, "area.json", GIVEN))
    (project / "charity" / "code.py").write_text('_("Plain")')
    assert "zh_Hans: Marked" in translations.check().unknown
    translations.update()
    assert translations.check().is_clean


def test_a_second_update_changes_nothing(project: Path) -> None:
    folder = give(project, "area.json", GIVEN)
    translations.update(folder)
    before = translations.catalogue_path("zh_Hans").read_bytes()
    translations.update()
    assert translations.catalogue_path("zh_Hans").read_bytes() == before


def test_a_new_translation_replaces_the_old_one(project: Path) -> None:
    translations.update(give(project, "area.json", GIVEN))
    translations.update(give(project, "area.json", {"Plain": "普通"}))
    texts = {m.id: m.string for m in translations.read("zh_Hans")}
    assert (texts["Plain"], texts["Marked"]) == ("普通", "已标")
