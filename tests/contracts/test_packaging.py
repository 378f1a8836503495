"""A wheel carries everything: the database is made and a page opened from it alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.support import source

#: Runs where only the wheel is on the path, in an empty folder.
OPEN_A_PAGE = """
import sys
from pathlib import Path
import charity
from charity import create_app, schema
from charity.config import load_settings, resource_dir

wheel = Path(sys.argv[1])
assert Path(charity.__file__).is_relative_to(wheel), charity.__file__
for name in ("templates", "static", "migrations"):
    assert resource_dir(name).is_relative_to(wheel), name
settings = load_settings()
schema.upgrade(settings)
visitor = create_app(settings).test_client()
page = visitor.get("/no-such-page", headers={"Accept": "text/html"})
assert page.status_code == 404 and b"<h1" in page.data, page.data
style = visitor.get("/static/css/tokens.css")
assert style.status_code == 200 and style.data
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built without the network by the setuptools of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "project"
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("charity", "templates", "static", "migrations"):
        shutil.copytree(source.ROOT / name, copy / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(source.ROOT / name, copy)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_every_file(wheel: Path) -> None:
    wanted = {
        (path if folder == "charity" else Path("charity") / path).as_posix()
        for folder in ("charity", "templates", "static", "migrations")
        for file in (source.ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.suffix not in (".pyc", ".po", ".pot")
        for path in [file.relative_to(source.ROOT)]
    }
    assert len(wanted) > 50
    with zipfile.ZipFile(wheel) as opened:
        carried = {name for name in opened.namelist() if ".dist-info/" not in name}
    assert sorted(wanted - carried) == []
    assert sorted(carried - wanted) == []


@pytest.mark.slow
def test_a_page_opens_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(installed)
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ |= {
        "CHARITY_ENV": "development",
        "CHARITY_DATA": str(elsewhere / "data"),
        "PYTHONPATH": str(installed),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", OPEN_A_PAGE, str(installed)],
        cwd=elsewhere,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def pins(lock: str) -> dict[str, str]:
    """Return the exact versions of a lock file, by name."""
    return dict(re.findall(r"^([a-z0-9][\w.-]*)==([\w.]+)", source.text(source.ROOT / lock), re.M))


def names(requirements: list[str]) -> set[str]:
    """Return the names of requirements, as a lock writes them."""
    found = (re.match(r"[\w.-]+", requirement) for requirement in requirements)
    return {match[0].lower().replace("_", "-") for match in found if match}


def test_the_locks_agree_and_hold_every_dependency() -> None:
    project = tomllib.loads(source.text(source.ROOT / "pyproject.toml"))["project"]
    run, test = pins("requirements.lock"), pins("requirements-test.lock")
    assert len(run) > 20
    assert run.items() <= test.items(), "the demo would run other versions than the tests"
    assert names(project["dependencies"]) <= run.keys()
    assert names(project["optional-dependencies"]["test"]) <= test.keys()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_every_package_is_locked_by_hash(lock: str) -> None:
    blocks = re.split(r"(?m)^(?=[a-z0-9])", source.text(source.ROOT / lock))
    packages = [block for block in blocks if "==" in block]
    assert len(packages) == len(pins(lock))
    assert [block.split()[0] for block in packages if "--hash=sha256:" not in block] == []
