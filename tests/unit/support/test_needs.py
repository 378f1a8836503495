"""What is missing is named once; under CI=true it is a failure."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests import conftest
from tests.support import needs


@pytest.mark.parametrize(("value", "outcome"), [("true", "Failed"), ("", "Skipped"), ("false", "Skipped")])
def test_a_missing_program_skips_and_under_ci_fails(
    monkeypatch: pytest.MonkeyPatch, value: str, outcome: str
) -> None:
    monkeypatch.setenv("CI", value)
    with pytest.raises(
        BaseException, match="PostgreSQL is not installed .apt-get install postgresql"
    ) as caught:
        needs.missing("PostgreSQL")
    assert caught.type.__name__ == outcome


def test_a_program_is_found_under_any_of_its_names() -> None:
    assert needs.needed("Chromium", "no-such-program", "sh").endswith("/sh")


def test_the_summary_is_one_line_that_counts() -> None:
    line = needs.summary(
        ["Chromium is not installed", "PostgreSQL is not installed", "Chromium is not installed"]
    )
    assert line == "Not run: 2 × Chromium is not installed; 1 × PostgreSQL is not installed"


@pytest.mark.parametrize(
    ("ci", "skipped", "status"),
    [("true", 1, 1), ("true", 0, 0), ("false", 1, 0)],
    ids=["skip", "none", "elsewhere"],
)
def test_a_run_with_a_skip_fails_under_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, skipped: int, status: int
) -> None:
    monkeypatch.setenv("CI", ci)
    report = SimpleNamespace(longrepr=("file", 1, "Skipped: Chromium is not installed"))
    reporter = SimpleNamespace(stats={"skipped": [report] * skipped})
    plugins = SimpleNamespace(get_plugin=lambda _name: reporter)
    session = SimpleNamespace(exitstatus=0, config=SimpleNamespace(pluginmanager=plugins))
    conftest.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == status
