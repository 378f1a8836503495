"""The target of atheris: ``python -m benchmarks._guided_fuzz [options of libFuzzer] CORPUS``."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["charity.intake"]):
    from charity.intake.read import describe, read_file

from charity.errors import Refused


def read_one(data: bytes) -> None:
    """Read one input; only a refusal may be raised."""
    try:
        describe(read_file(data, "x"))
    except Refused:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()
