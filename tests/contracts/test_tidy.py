"""The code is tidy: short, without banned calls, colours or dead files; linters agree."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import source, tidy
from tests.support.source import Finding

#: (file, call) → why it may.
ALLOWED_CALLS = {
    ("charity/config.py", "datetime.now"): "system_clock: the one place that reads the clock",
    ("charity/ids.py", "time.time"): "an id is a time-ordered number, not an instant anyone reads",
}


def _report(findings: Iterator[Finding] | list[Finding]) -> str:
    return "\n".join(str(finding) for finding in findings)


def test_functions_are_short() -> None:
    files = source.python_files()
    assert len(files) > 20
    assert not _report(
        [f for path in files for f in tidy.long_functions(source.relative(path), source.tree(path))]
    )


def test_files_are_short() -> None:
    files = [*source.python_files(), *source.templates(), *source.static_files(".css", ".js")]
    assert not _report(
        [f for path in files for f in tidy.long_file(source.relative(path), source.text(path))]
    )


def test_lines_of_templates_and_styles_are_short() -> None:
    files = [*source.templates(), *source.static_files(".css", ".js")]
    files = [path for path in files if path.name != "rare.css"]  # one long list of code points
    assert files
    assert not _report(
        [f for path in files for f in tidy.long_lines(source.relative(path), source.text(path))]
    )


def test_nothing_reads_the_clock_or_makes_money_a_fraction() -> None:
    found = [
        finding
        for path in source.package_files()
        for finding in tidy.banned_calls(source.relative(path), source.tree(path))
    ]
    used = {(finding.path, finding.rule.partition("(")[0]) for finding in found}
    assert not _report([f for f in found if (f.path, f.rule.partition("(")[0]) not in ALLOWED_CALLS])
    assert set(ALLOWED_CALLS) <= used, "an exception nobody needs any more"


def test_nothing_is_left_unfinished() -> None:
    files = [path for path in source.python_files() if path.name not in ("tidy.py", "test_tidy.py")]
    files += [*source.templates(), *source.static_files(".css", ".js")]
    assert not _report(
        [f for path in files for f in tidy.unfinished(source.relative(path), source.text(path))]
    )


def test_templates_escape_and_carry_no_style_or_script() -> None:
    rules = (tidy.unescaped, tidy.colours_in_markup)
    files = source.templates()
    assert files
    found = (f for path in files for rule in rules for f in rule(source.relative(path), source.text(path)))
    assert not _report(found)


def test_colours_stand_in_tokens_css_alone() -> None:
    files = source.static_files(".css")
    assert any(path.name == "tokens.css" for path in files)
    rest = [path for path in files if path.name != "tokens.css"]
    found = (f for path in rest for f in tidy.colours_in_css(source.relative(path), source.text(path)))
    assert not _report(found)


def test_no_template_is_dead() -> None:
    folder = source.ROOT / "templates"
    names = [path.relative_to(folder).as_posix() for path in source.templates()]
    assert names
    texts = [source.text(path) for path in [*source.package_files(), *source.templates()]]
    assert tidy.unreferenced(names, texts) == []


def test_no_static_file_is_dead() -> None:
    folder = source.ROOT / "static"
    names = [path.relative_to(folder).as_posix() for path in source.static_files()]
    assert names
    files = [*source.package_files(), *source.templates(), *source.static_files(".css", ".js")]
    texts = [source.text(path) for path in files]
    by_name = {name.rpartition("/")[2]: name for name in names}
    assert tidy.unreferenced(by_name, texts) == []


def test_no_test_is_hidden_or_waits() -> None:
    files = source.files_of_tests()
    assert not _report(
        f for path in files for f in tidy.hidden_tests(source.relative(path), source.tree(path))
    )


def test_every_test_asserts_something() -> None:
    files = source.files_of_tests()
    found = (
        f for path in files for f in tidy.tests_without_assertion(source.relative(path), source.tree(path))
    )
    assert not _report(found)


def _tool(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=source.ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_ruff_agrees() -> None:
    code, said = _tool("ruff", "check", "--output-format", "concise")
    assert code == 0, said


@pytest.mark.slow
def test_mypy_agrees() -> None:
    code, said = _tool("mypy")
    assert code == 0, said


_BAD_PYTHON: list[tuple[Callable[..., Iterator[Finding]], str]] = [
    (tidy.banned_calls, "amount = float(text)"),
    (tidy.banned_calls, "now = datetime.datetime.now(UTC)"),
    (tidy.banned_calls, "day = date.today()"),
    (tidy.long_functions, "def much():\n" + "    pass\n" * 60),
    (tidy.hidden_tests, "@pytest.mark.skip\ndef test_a(): assert 1"),
    (tidy.hidden_tests, "@pytest.mark.xfail(strict=True)\ndef test_a(): assert 1"),
    (tidy.hidden_tests, "def test_a():\n    time.sleep(1)\n    assert 1"),
    (tidy.tests_without_assertion, "def test_a(client):\n    client.get('/')"),
]


@pytest.mark.parametrize(("rule", "sample"), _BAD_PYTHON)
def test_a_bad_sample_of_python_is_found(rule: Any, sample: str) -> None:
    assert len(list(rule("sample.py", ast.parse(sample)))) == 1


_BAD_TEXT: list[tuple[Callable[..., Iterator[Finding]], str]] = [
    (tidy.long_file, "x = 1\n" * 501),
    (tidy.long_lines, "x" * 111),
    (tidy.unfinished, "# TODO: finish this"),
    (tidy.unescaped, "{{ text | safe }}"),
    (tidy.unescaped, "{% autoescape false %}"),
    (tidy.colours_in_css, "a { color: #c00; }"),
    (tidy.colours_in_css, "a {\n  background: rgb(1 2 3);\n}"),
    (tidy.colours_in_markup, '<rect fill="#ffffff">'),
    (tidy.colours_in_markup, '<p style="margin: 0">'),
    (tidy.colours_in_markup, "<script>alert(1)</script>"),
    (tidy.colours_in_markup, '<a onclick="go()">'),
]


@pytest.mark.parametrize(("rule", "sample"), _BAD_TEXT)
def test_a_bad_sample_of_text_is_found(rule: Any, sample: str) -> None:
    assert len(list(rule("sample", sample))) == 1


@pytest.mark.parametrize(
    ("rule", "sample"),
    [
        (tidy.colours_in_css, "#face { margin: 0 }"),
        (tidy.colours_in_css, "/* once #c00 */ a { color: var(--red) }"),
        (tidy.colours_in_markup, '<a href="#abc">'),
        (tidy.colours_in_markup, '<script src="/static/js/confirm.js" defer></script>'),
        (tidy.unescaped, "{{ safety | sum }}"),
    ],
)
def test_a_good_sample_is_left_alone(rule: Any, sample: str) -> None:
    assert list(rule("sample", sample)) == []


def test_a_dead_file_is_found() -> None:
    assert tidy.unreferenced(["a.html", "b.html"], ['render("a.html")']) == ["b.html"]
