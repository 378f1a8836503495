"""The sheets keep their budget, and every pair of ink and paper its contrast (WCAG AA)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[3] / "static"
OWN_SHEETS = ("tokens", "base", "layout", "components", "print")

#: Ink, the papers it stands on, and the contrast it needs there.
TEXT, MARK = 4.5, 3.0
PAPERS = ("paper", "paper-raised", "paper-sunk")
PAIRS = [
    *((ink, paper, TEXT) for ink in ("ink", "ink-soft", "red-figure") for paper in PAPERS),
    *((f"fund-{name}-ink", paper, TEXT) for name in ("1", "2", "3", "other") for paper in PAPERS),
    *((tone, paper, MARK) for tone in ("in", "out", "left", "moved") for paper in PAPERS[:2]),
    *((f"fund-{name}", paper, MARK) for name in ("1", "2", "3", "other") for paper in PAPERS[:2]),
    *((state, f"{state}-paper", TEXT) for state in ("ok", "warn", "bad", "info")),
    *((state, "paper", TEXT) for state in ("ok", "warn", "bad", "info")),
    ("accent-ink", "accent", TEXT),
    ("accent-ink", "accent-deep", TEXT),
    ("line-strong", "paper-raised", MARK),
    ("line-strong", "paper", MARK),
    ("focus", "paper", MARK),
]


def tokens(scheme: str) -> dict[str, str]:
    """Return name → colour of the light or the dark scheme."""
    css = (STATIC / "css" / "tokens.css").read_text()
    light, dark, _print = re.split(r"@media (?:screen|print)", css)
    text = light if scheme == "light" else dark
    return dict(re.findall(r"--([\w-]+): #([0-9a-f]{6});", text))


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_reckoned_as_the_standard_does() -> None:
    assert contrast("000000", "ffffff") == pytest.approx(21)
    assert contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ink_can_be_read_on_its_paper(scheme: str) -> None:
    colours = tokens(scheme)
    found = {f"{ink} on {paper}": contrast(colours[ink], colours[paper]) for ink, paper, _needed in PAIRS}
    weak = [
        f"{ink} on {paper}: {found[f'{ink} on {paper}']:.2f}"
        for ink, paper, needed in PAIRS
        if found[f"{ink} on {paper}"] < needed
    ]
    assert weak == []


def test_dark_gives_a_value_to_every_colour_of_light() -> None:
    assert tokens("light").keys() == tokens("dark").keys()


def test_the_sheets_keep_to_their_lines() -> None:
    count = sum(len((STATIC / "css" / f"{name}.css").read_text().splitlines()) for name in OWN_SHEETS)
    assert count <= 900


def test_every_token_used_is_defined_and_every_one_defined_is_used() -> None:
    css = {name: (STATIC / "css" / f"{name}.css").read_text() for name in OWN_SHEETS}
    everything = "\n".join(css.values())
    defined = set(re.findall(r"^\s*--([\w-]+):", css["tokens"], re.M))
    local = set(re.findall(r"--([\w-]+):", everything)) - defined
    used = set(re.findall(r"var\(--([\w-]+)", everything))
    assert used - defined - local == set()
    assert defined - used == set()


def test_nothing_is_important_but_on_paper() -> None:
    assert [name for name in OWN_SHEETS if "!important" in (STATIC / "css" / f"{name}.css").read_text()] == [
        "print"
    ]


@pytest.mark.parametrize(
    ("face", "scripts", "budget"),
    [("public", (), 30_000), ("office", ("shortcuts", "confirm", "sum-lines", "progress"), 80_000)],
)
def test_scripts_keep_to_their_bytes(face: str, scripts: tuple[str, ...], budget: int) -> None:
    size = sum((STATIC / "js" / f"{name}.js").stat().st_size for name in scripts)
    layout = (STATIC.parent / "templates" / "layouts" / f"{face}.html").read_text()
    assert set(re.findall(r"js/([\w-]+)\.js", layout)) <= set(scripts)
    assert size <= budget
