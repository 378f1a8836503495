"""The state of the installation as text for Prometheus. Pure.

Every figure is read from the database or the disk at the moment it is asked for, so that
it is the same whichever process of the server answers. Rates of requests are not here:
they stand in the log, one line each.
Source: Prometheus text exposition format 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

#: Figure → what it says.
HELP: Mapping[str, str] = {
    "up": "1 unless a probe fails.",
    "probe_state": "0 ok, 1 a warning, 2 a failure, by probe.",
    "trigger_differences": "Guards of the database that are missing, changed or foreign.",
    "disk_free_bytes": "Bytes free on the disk of the data folder.",
    "jobs_queued": "Jobs that wait.",
    "jobs_running": "Jobs under way.",
    "jobs_stuck": "Jobs that nobody took, or whose worker is silent.",
    "proofs_waiting_seconds": "Age of the oldest posted line without a leaf.",
    "proofs_unconfirmed": "Logs that sign nothing since a restore.",
    "backup_age_seconds": "Age of the newest finished backup.",
}
_LEVELS = {"ok": 0, "warn": 1, "fail": 2}


class Probed(Protocol):
    """What is shown of a probe."""

    @property
    def name(self) -> str:
        """Name of the probe."""

    @property
    def state(self) -> str:
        """ok, warn or fail."""

    @property
    def figures(self) -> Mapping[str, int]:
        """Measured values by name."""


def exposition(probes: Iterable[Probed]) -> str:
    """Return the metrics as text, each with its help and type."""
    found = list(probes)
    figures: dict[str, list[tuple[str, int]]] = {
        "up": [("", 0 if any(probe.state == "fail" for probe in found) else 1)],
        "probe_state": [(f'{{probe="{probe.name}"}}', _LEVELS[probe.state]) for probe in found],
    }
    for probe in found:
        for name, value in probe.figures.items():
            figures[name] = [("", value)]
    lines = []
    for name, samples in figures.items():
        lines += [f"# HELP charity_{name} {HELP[name]}", f"# TYPE charity_{name} gauge"]
        lines += [f"charity_{name}{labels} {value}" for labels, value in samples]
    return "\n".join(lines) + "\n"
