"""What a test needs from the machine, and what is said where it is not there.

Elsewhere a missing program skips its tests and one line at the end names it; under
``CI=true`` every skip is a failure, so that a green run has really run everything.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from typing import Never

import pytest

#: Program → how to get it.
HINTS = {
    "PostgreSQL": "apt-get install postgresql",
    "Chromium": "apt-get install chromium libatomic1",
    "poppler-utils": "apt-get install poppler-utils",
    "nginx": "apt-get install nginx",
}


def is_ci() -> bool:
    """Say whether a skipped test is a failure."""
    return os.environ.get("CI", "").lower() == "true"


def missing(program: str) -> Never:
    """Skip a test for want of a program; fail it under ``CI=true``."""
    reason = f"{program} is not installed ({HINTS[program]})"
    if is_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def needed(program: str, *names: str) -> str:
    """Return the path of a program under any of its names, or skip the test."""
    # Debian keeps servers where only root's path leads.
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    found = (shutil.which(name, path=path) for name in names)
    return next(filter(None, found), None) or missing(program)


def summary(reasons: list[str]) -> str:
    """Return one line that names what was not run, and why."""
    counted = Counter(reasons)
    return "Not run: " + "; ".join(f"{count} × {reason}" for reason, count in sorted(counted.items()))
