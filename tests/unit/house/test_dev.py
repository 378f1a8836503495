"""The starter renews what is stale, nothing else, and fails with a sentence."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest

import dev


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A project without an environment; returns the commands that would have been run."""
    for name in ("requirements.lock", "requirements-test.lock"):
        (tmp_path / name).write_text(name)
    venv = tmp_path / ".venv"
    for name, value in {
        "ROOT": tmp_path,
        "VENV": venv,
        "PYTHON": venv / "bin" / "python",
        "STAMP": venv / ".locks-sha256",
        "RUN_LOCK": tmp_path / "requirements.lock",
        "TEST_LOCK": tmp_path / "requirements-test.lock",
    }.items():
        monkeypatch.setattr(dev, name, value)
    commands: list[list[str]] = []

    def run(*command: object, **_values: bool) -> None:
        commands.append([str(part) for part in command])
        (venv / "bin").mkdir(parents=True, exist_ok=True)
        (venv / "bin" / "python").touch()
        (venv / "lib" / "python3.11" / "site-packages").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(dev, "run", run)
    monkeypatch.setattr(dev.shutil, "which", lambda _name: "/usr/bin/uv")
    return commands


def test_the_first_start_makes_the_environment(project: list[list[str]]) -> None:
    assert dev.environment(dev.RUN_LOCK) == dev.PYTHON
    assert [command[1:3] for command in project] == [["venv", "--quiet"], ["pip", "install"]]
    assert "--require-hashes" in project[1]
    assert next(dev.VENV.rglob("_src.pth")).read_text() == f"{dev.ROOT}\n"


def test_the_second_start_does_nothing(project: list[list[str]]) -> None:
    dev.environment(dev.RUN_LOCK)
    project.clear()
    dev.environment(dev.RUN_LOCK)
    assert project == []


def test_an_environment_for_tests_runs_the_demo(project: list[list[str]]) -> None:
    dev.environment(dev.TEST_LOCK)
    project.clear()
    dev.environment(dev.RUN_LOCK)
    assert project == []


def test_tests_are_installed_on_top_of_the_demo(project: list[list[str]]) -> None:
    dev.environment(dev.RUN_LOCK)
    project.clear()
    dev.environment(dev.TEST_LOCK)
    assert [command[1] for command in project] == ["pip"]


def test_a_changed_lock_makes_the_environment_anew(project: list[list[str]]) -> None:
    dev.environment(dev.RUN_LOCK)
    dev.RUN_LOCK.write_text("changed")
    project.clear()
    dev.environment(dev.RUN_LOCK)
    assert [command[1] for command in project] == ["venv", "pip"]


def test_a_failed_installation_is_not_taken_for_done(
    project: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_command: object, **_values: bool) -> None:
        raise SystemExit(1)

    monkeypatch.setattr(dev, "run", fail)
    with pytest.raises(SystemExit, match=r"packages of requirements\.lock could not be installed"):
        dev.environment(dev.RUN_LOCK)
    assert not dev.STAMP.exists()


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Port {port} is in use. .* --port {port + 1}"):
            dev.usable_port(port)


def test_port_zero_takes_a_free_one() -> None:
    assert dev.usable_port(0) > 1023


def test_an_older_python_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer is needed; this is 3\.10\."):
        dev.main()


@pytest.mark.parametrize("arguments", [["demo", "--frsh"], ["lint", "everything"]])
def test_an_unknown_argument_is_named(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["dev.py", *arguments])
    with pytest.raises(SystemExit, match=f"Unknown: {arguments[1]}"):
        dev.main()


def test_the_demo_keeps_to_its_own_database(
    project: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def serve(*_arguments: Any, **_values: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dev.subprocess, "Popen", serve)
    monkeypatch.setattr(dev.signal, "signal", lambda *_arguments: None)
    monkeypatch.setattr(dev.os, "environ", {"DATABASE_URL": "postgresql://charity_app@books/charity"})
    monkeypatch.setattr(
        sys, "argv", ["dev.py", "demo", "--port", "0", "--data", str(tmp_path / "d"), "--fresh"]
    )
    with pytest.raises(KeyboardInterrupt):
        dev.main()
    assert project[-1][1:] == ["-m", "charity.demo", "--data", str(tmp_path / "d"), "--fresh"]
    assert "DATABASE_URL" not in dev.os.environ
    assert dev.os.environ["CHARITY_ENV"] == "demo"
    assert dev.os.environ["PUBLIC_URL"].startswith("http://127.0.0.1:")


def test_debian_packages_are_installed_without_questions(
    project: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBIAN_FRONTEND", "")
    monkeypatch.setattr(dev, "is_debian_root", lambda: True)
    monkeypatch.setattr(dev.glob, "glob", lambda pattern: [] if "chromium" in pattern else [pattern])
    monkeypatch.setattr(sys, "argv", ["dev.py", "test", "-k", "ledger"])
    dev.main()
    assert project[1][-4:] == ["install", "-y", "--no-install-recommends", "chromium"]
    assert project[-1][1:] == ["-m", "pytest", "-n", "2", "--dist", "loadgroup", "-k", "ledger"]


def test_fast_tests_install_nothing_of_the_system(
    project: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "is_debian_root", lambda: True)
    monkeypatch.setattr(dev.glob, "glob", lambda _pattern: [])
    monkeypatch.setattr(sys, "argv", ["dev.py", "test", "--fast"])
    dev.main()
    assert not [command for command in project if command[0] == "apt-get"]
    assert project[-1][-1] == "--fast"
