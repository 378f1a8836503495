"""The documents name what there is: settings, commands, permissions; and what they name is there."""

from __future__ import annotations

import re
from functools import cache

import click
from flask import Flask

from tests.support import source

_DOCS = source.ROOT / "docs"


@cache
def everything() -> str:
    """Return README and docs as one text."""
    files = [source.ROOT / "README.md", *sorted(_DOCS.glob("*.md"))]
    return "\n".join(source.text(path) for path in files)


def settings_read() -> set[str]:
    """Return the names config.py reads from the environment."""
    config = source.text(source.ROOT / "charity" / "config.py")
    return set(re.findall(r"""(?:values(?:\.get\(|\[)|_(?:key|count)\(values, )"([A-Z_]+)\"""", config))


def test_every_setting_is_told() -> None:
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", source.text(_DOCS / "settings.md"), re.M))
    assert len(settings_read()) > 10
    assert told == settings_read()


def commands(group: click.Group, prefix: str = "") -> list[str]:
    """Return every command of a group, with the names of its groups in front."""
    found = []
    for name, command in group.commands.items():
        found += (
            commands(command, f"{prefix}{name} ") if isinstance(command, click.Group) else [prefix + name]
        )
    return found


def test_every_command_is_told(app: Flask) -> None:
    ours = [name for name in commands(app.cli) if not name.startswith("db ")]
    assert ours
    assert [name for name in ours if f"flask {name}" not in everything()] == []


def test_every_command_of_dev_py_is_told() -> None:
    acts = re.search(r"for act in \(([\w, ]+)\):", source.text(source.ROOT / "dev.py"))
    assert acts
    development = source.text(_DOCS / "development.md")
    assert [act for act in acts[1].split(", ") if f"dev.py {act}" not in development] == []


def table_of_permissions() -> str:
    """Return who may do what, as docs/roles.md shows it: one row a permission."""
    from charity.users.rules import PERMISSIONS, ROLES

    rows = []
    for code, words in PERMISSIONS.items():
        holders = ", ".join(f"`{role.code}`" for role in ROLES.values() if code in role.permissions)
        rows.append(f"| `{code}` | {words} | {holders} |")
    return "\n".join(["| permission | lets a person | held by |", "|---|---|---|", *rows])


def test_the_table_of_permissions_is_true() -> None:
    table = table_of_permissions()
    assert table.count("\n") > 10
    assert table in source.text(_DOCS / "roles.md"), f"docs/roles.md should say:\n{table}"


def test_every_role_is_told() -> None:
    from charity.users.rules import ROLES

    told = re.findall(r"^\| `(\w+)` \|", source.text(_DOCS / "roles.md"), re.M)
    assert told == list(ROLES)


def test_every_link_between_documents_leads_somewhere() -> None:
    files = [source.ROOT / "README.md", source.ROOT / "CHANGELOG.md", *sorted(_DOCS.glob("*.md"))]
    broken = []
    for file in files:
        for target in re.findall(r"\]\(([^)#\s]+)", source.text(file)):
            if not re.match(r"[a-z]+:", target) and not (file.parent / target).exists():
                broken.append(f"{file.name}: {target}")
    assert broken == []


def test_decisions_are_short_and_dated() -> None:
    parts = re.split(r"(?m)^### ", source.text(_DOCS / "decisions.md"))[1:]
    assert len(parts) > 5
    undated = [part.splitlines()[0] for part in parts if not re.match(r"20\d\d-\d\d-\d\d · ", part)]
    long = [part.splitlines()[0] for part in parts if len(part.strip().splitlines()) > 12]
    assert (undated, long) == ([], [])


def test_nothing_names_a_machine() -> None:
    """No document, code or test names a private host or a path of somebody's machine."""
    pattern = re.compile(r"/(?:work|home/\w+|Users/\w+)/|\bmirrors?\.[\w-]+\.\w+")
    files = [*source.python_files(), *source.templates(), source.ROOT / "README.md", *_DOCS.glob("*.md")]
    files = [file for file in files if file.name != "test_docs.py"]
    assert [source.relative(file) for file in files if pattern.search(source.text(file))] == []
