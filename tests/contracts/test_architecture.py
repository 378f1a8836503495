"""The layers stand: imports go down, and each kind of file imports what its kind may."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import source
from tests.support.source import Finding

#: The web framework and what exists only with it.
_WEB = {"flask", "flask_login", "flask_wtf", "flask_babel", "flask_migrate", "wtforms", "werkzeug", "jinja2"}
#: Modules of the lowest layers, which rules may use.
_GROUND = {f"charity.{name}" for name in ("errors", "money", "periods", "ids", "names")}


def _is_shell(path: Path) -> bool:
    """Say whether a file is the shell, which may import the web framework."""
    kind = path.stem.split("_")[-1]
    inside = path.relative_to(source.ROOT / "charity").parts
    return kind in ("routes", "forms", "commands") or inside[0] in ("web", "cli.py", "__init__.py")


def web_imports(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Find imports of the web framework."""
    for line, name in source.imports(tree):
        if name.partition(".")[0] in _WEB:
            yield Finding(path, line, f"imports {name}; only the shell does: routes, forms, commands, web …")


def impure_imports(path: str, tree: ast.Module, feature: str) -> Iterator[Finding]:
    """Find what a file of rules imports beyond the standard library, the ground and its own pure files."""
    for line, name in source.imports(tree):
        first = name.partition(".")[0]
        module = ".".join(name.split(".")[:2])
        is_own = name.startswith(f"charity.{feature}.")
        if not (first in sys.stdlib_module_names or module in _GROUND or is_own):
            yield Finding(path, line, f"imports {name}; rules are pure")


def commits(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Find commits."""
    for line, name in source.calls(tree):
        if name.endswith(".commit"):
            yield Finding(path, line, "commits; only unit_of_work does")


def imports_of(path: str, tree: ast.Module, package: str) -> Iterator[Finding]:
    """Find imports of one package."""
    for line, name in source.imports(tree):
        if name.partition(".")[0] == package:
            yield Finding(path, line, f"imports {package}")


def _check(findings: Iterator[Finding]) -> None:
    assert not "\n".join(str(finding) for finding in findings)


def test_imports_go_down_only() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as run; run()",
            "--no-cache",
        ],
        cwd=source.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


def test_only_the_shell_knows_the_web() -> None:
    files = [path for path in source.package_files() if not _is_shell(path)]
    assert any(path.name == "service.py" for path in files)
    # db.py holds the one extension object; translations are catalogues, not pages.
    files = [path for path in files if source.relative(path) != "charity/db.py"]
    _check(f for path in files for f in web_imports(source.relative(path), source.tree(path)))


def test_rules_are_pure() -> None:
    files = [path for path in source.package_files() if path.stem.split("_")[-1] == "rules"]
    assert files
    for path in files:
        _check(impure_imports(source.relative(path), source.tree(path), path.parent.name))


def test_only_db_commits() -> None:
    files = [path for path in source.package_files() if source.relative(path) != "charity/db.py"]
    _check(f for path in files for f in commits(source.relative(path), source.tree(path)))
    assert list(commits("db.py", source.tree(source.ROOT / "charity/db.py")))


def test_only_documents_import_reportlab() -> None:
    inside = source.ROOT / "charity" / "documents"
    files = [path for path in source.package_files() if inside not in path.parents]
    _check(f for path in files for f in imports_of(source.relative(path), source.tree(path), "reportlab"))


def test_the_picture_of_the_layers_names_every_package() -> None:
    picture = source.text(source.ROOT / "docs" / "architecture.md")
    layers = picture.partition("```")[2].partition("```")[0].split()
    packages = {
        path.stem for path in (source.ROOT / "charity").iterdir() if path.suffix == ".py" or path.is_dir()
    } - {"__init__", "__pycache__"}
    assert sorted(packages - set(layers)) == []


@pytest.mark.parametrize(
    "sample", ["import flask", "from flask import g", "def f():\n    from wtforms import Form"]
)
def test_a_hidden_import_of_the_web_is_found(sample: str) -> None:
    assert len(list(web_imports("sample.py", ast.parse(sample)))) == 1


@pytest.mark.parametrize(
    "sample", ["import sqlalchemy", "from charity.db import Base", "from charity.ledger import x"]
)
def test_an_impure_import_is_found(sample: str) -> None:
    assert len(list(impure_imports("rules.py", ast.parse(sample), "aid"))) == 1


def test_a_commit_is_found() -> None:
    assert len(list(commits("sample.py", ast.parse("session.commit()")))) == 1
