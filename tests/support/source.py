"""The project's own files, as the contracts read them."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import charity

ROOT = Path(__file__).resolve().parents[2]
_FOLDERS = ("charity", "tests", "migrations", "benchmarks")
_OURS = ("dev.py", "setup.py", "wsgi.py")


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that breaks a rule.

    Attributes:
        path: from the project's folder.
        line: counted from 1; 0 for the whole file.
        rule: what is wrong, in words.
    """

    path: str
    line: int
    rule: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}"


def relative(path: Path) -> str:
    """Return a file's name from the project's folder."""
    return path.relative_to(ROOT).as_posix()


@cache
def text(path: Path) -> str:
    """Return a file's text."""
    return path.read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """Return a Python file's syntax tree."""
    return ast.parse(text(path), relative(path))


def python_files() -> list[Path]:
    """Return every Python file of the project but the migrations that a tool wrote."""
    found = [path for folder in _FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return sorted([*(p for p in found if p.parent.name != "versions"), *(ROOT / name for name in _OURS)])


def package_files() -> list[Path]:
    """Return the Python files of the package."""
    return sorted((ROOT / "charity").rglob("*.py"))


def files_of_tests() -> list[Path]:
    """Return the Python files that hold tests, and the scripts that some of them play."""
    return sorted([*(ROOT / "tests").rglob("test_*.py"), ROOT / "tests" / "faults" / "scripts.py"])


def import_everything() -> None:
    """Import every module of the package, so that what registers itself has done so."""
    for module in pkgutil.walk_packages(charity.__path__, "charity."):
        if not module.name.endswith((".__main__", ".build")):
            importlib.import_module(module.name)


def templates() -> list[Path]:
    """Return every template."""
    return sorted(path for path in (ROOT / "templates").rglob("*") if path.is_file())


def static_files(*suffixes: str) -> list[Path]:
    """Return the static files with one of the suffixes; all of them without."""
    files = (path for path in (ROOT / "static").rglob("*") if path.is_file())
    return sorted(path for path in files if not suffixes or path.suffix in suffixes)


def imports(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and full name of each import of a file, wherever it stands."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def calls(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of each call: ``datetime.now``, ``float``, ``….commit``."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            yield node.lineno, dotted(node.func)


def dotted(node: ast.expr) -> str:
    """Return the dotted name of an expression; what has none reads ``…``."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "…"
