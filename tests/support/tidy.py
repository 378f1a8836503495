"""The rules of tidiness that no linter knows, each a function over text or syntax tree.

They take what they judge as an argument, so that each can be shown a bad sample.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from tests.support.source import Finding, calls

MAX_COLUMNS, MAX_FUNCTION, MAX_FILE = 110, 60, 500

#: Call → why nobody makes it; the exceptions stand in ``ALLOWED_CALLS``.
BANNED_CALLS = {
    "float": "an amount is an integer of fen, a duration of minutes",
    "datetime.now": "the clock is read in the shell and passed on",
    "datetime.utcnow": "the clock is read in the shell and passed on",
    "datetime.today": "the clock is read in the shell and passed on",
    "date.today": "the clock is read in the shell and passed on",
    "time.time": "the clock is read in the shell and passed on",
}

_HEX_COLOUR = r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})\b"
_COLOUR = re.compile(rf"{_HEX_COLOUR}|\b(?:rgb|rgba|hsl|hsla|oklch|lab|lch|color-mix)\(")
_DECLARATION = re.compile(
    r"^\s*[\w-]+\s*:\s*(?P<value>[^{}]*)[;}]?\s*$|(?<=[{;])\s*[\w-]+\s*:(?P<inner>[^;{}]*)"
)
_ATTRIBUTE_COLOUR = re.compile(
    rf"\b(?:fill|stroke|color|stop-color|bgcolor)\s*=\s*[\"']\s*(?:{_HEX_COLOUR}|rgb)"
)
_UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK|coming soon|not implemented yet)\b", re.I)
_UNESCAPED = re.compile(r"\|\s*safe\b|\{%-?\s*autoescape\s+false")


def long_functions(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Find functions over 60 lines, decorators and docstring included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            length = (node.end_lineno or first) - first + 1
            if length > MAX_FUNCTION:
                yield Finding(path, first, f"{node.name} has {length} lines; at most {MAX_FUNCTION}")


def long_file(path: str, text: str) -> Iterator[Finding]:
    """Find a file over 500 lines."""
    count = len(text.splitlines())
    if count > MAX_FILE:
        yield Finding(path, 0, f"{count} lines; at most {MAX_FILE}")


def long_lines(path: str, text: str) -> Iterator[Finding]:
    """Find lines over 110 columns; in Python files the linter does."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MAX_COLUMNS:
            yield Finding(path, number, f"{len(line)} columns; at most {MAX_COLUMNS}")


def banned_calls(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Find calls that lose money, read the clock or wait for a fixed time."""
    for line, name in calls(tree):
        tail = ".".join(name.split(".")[-2:])
        if reason := BANNED_CALLS.get(tail):
            yield Finding(path, line, f"{tail}(): {reason}")


def unfinished(path: str, text: str) -> Iterator[Finding]:
    """Find marks of unfinished work."""
    for number, line in enumerate(text.splitlines(), 1):
        if _UNFINISHED.search(line):
            yield Finding(path, number, "unfinished work is finished or an issue, not a comment")


def unescaped(path: str, template: str) -> Iterator[Finding]:
    """Find templates that switch escaping off."""
    for number, line in enumerate(template.splitlines(), 1):
        if _UNESCAPED.search(line):
            yield Finding(path, number, "escaping is never switched off; return Markup from a tested filter")


def colours_in_css(path: str, css: str) -> Iterator[Finding]:
    """Find colours written out outside tokens.css."""
    plain = re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match[0]), css, flags=re.S)
    for number, line in enumerate(plain.splitlines(), 1):
        values = "".join(match["value"] or match["inner"] or "" for match in _DECLARATION.finditer(line))
        if _COLOUR.search(values):
            yield Finding(path, number, "a colour is named in tokens.css and used by its name")


def colours_in_markup(path: str, markup: str) -> Iterator[Finding]:
    """Find colours in attributes of a template, and inline styles."""
    for number, line in enumerate(markup.splitlines(), 1):
        if _ATTRIBUTE_COLOUR.search(line):
            yield Finding(path, number, "a colour is named in tokens.css and used by a class")
        if re.search(r"\sstyle\s*=|<style\b", line):
            yield Finding(path, number, "styles stand in static/css; the content policy refuses others")
        if re.search(r"<script(?![^>]*\bsrc=)|\son[a-z]+\s*=", line):
            yield Finding(path, number, "scripts stand in static/js; the content policy refuses others")


def unreferenced(names: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Return the names that no text mentions: dead templates, dead static files."""
    everything = "\n".join(texts)
    return [name for name in names if name not in everything]


def hidden_tests(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Find tests that are skipped, expected to fail, or wait for a fixed time."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if node.attr in ("skip", "skipif", "xfail", "importorskip"):
                yield Finding(path, node.lineno, f"{node.attr}: every test runs, and passes")
            if node.attr == "sleep":
                yield Finding(path, node.lineno, "a test waits for what it waits for, not for a time")


def tests_without_assertion(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Find tests that cannot fail by what they found: no assert, no ``raises``, no checker."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not _asserts(node):
            yield Finding(path, node.lineno, f"{node.name} asserts nothing")


def _asserts(node: ast.AST) -> bool:
    """Say whether a test asserts, expects an error, or calls a helper that does."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assert):
            return True
        if isinstance(inner, ast.Call):
            name = inner.func.attr if isinstance(inner.func, ast.Attribute) else getattr(inner.func, "id", "")
            if name in ("raises", "golden", "fail", "run_state_machine_as_test") or name.lstrip(
                "_"
            ).startswith(("assert", "check", "run_checks")):
                return True
    return False
