"""The demo keeps to a folder of its own and never touches what somebody else put there."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from charity.config import load_settings
from charity.demo import __main__ as demo


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> object:
    """Run the program with a seed that takes no time."""
    monkeypatch.setattr(demo, "_make", lambda folder: (folder / "charity.db").write_text("made"))
    monkeypatch.setattr(demo, "_sign_ins", lambda: "sign-ins\n")
    monkeypatch.setenv("CHARITY_ENV", "")
    monkeypatch.setenv("CHARITY_DATA", "")

    def start(folder: Path, *options: str) -> None:
        monkeypatch.setattr(sys, "argv", ["demo", "--data", str(folder), *options])
        demo.main()

    return start


@pytest.mark.parametrize("options", [(), ("--fresh",)], ids=["first", "fresh"])
@pytest.mark.parametrize("name", ["thesis.txt", "charity.db"])
def test_a_folder_of_somebody_elses_is_refused_and_left_alone(
    run: object, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(SystemExit, match="not a demo's. Nothing was touched"):
        run(tmp_path, *options)  # type: ignore[operator]
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_fresh_removes_the_demos_own_files_only(run: object, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    run(folder)  # type: ignore[operator]
    (folder / "charity.db").write_text("old")
    (folder / "proofs").mkdir()
    (folder / "notes.txt").write_text("mine")
    run(folder, "--fresh")  # type: ignore[operator]
    assert (folder / "charity.db").read_text() == "made"
    assert not (folder / "proofs").exists()
    assert (folder / "notes.txt").read_text() == "mine"


def test_what_an_interrupted_run_left_is_made_anew(run: object, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "demo.begun").touch()
    (folder / "charity.db").write_text("half")
    run(folder)  # type: ignore[operator]
    assert (folder / "charity.db").read_text() == "made"


def test_a_second_start_keeps_everything(
    run: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    run(folder)  # type: ignore[operator]
    (folder / "charity.db").write_text("lived in")
    capsys.readouterr()
    run(folder)  # type: ignore[operator]
    assert (folder / "charity.db").read_text() == "lived in"
    assert capsys.readouterr().out == "sign-ins\n"


def test_a_new_data_folder_is_nobody_elses_to_read(tmp_path: Path) -> None:
    load_settings({"CHARITY_ENV": "test", "CHARITY_DATA": str(tmp_path / "data")})
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
