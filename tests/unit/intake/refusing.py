"""How a refusal is asserted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from charity.errors import Problem, Refused


@contextmanager
def assert_refused(code: str) -> Iterator[list[Problem]]:
    """Expect a refusal with one problem of this code; the list then holds it.

    The sentence must fill in without a field missing and name no internal word.
    """
    found: list[Problem] = []
    with pytest.raises(Refused) as caught:
        yield found
    assert caught.value.codes == [code], str(caught.value)
    problem = caught.value.problems[0]
    assert "%(" not in problem.sentence()
    found.append(problem)
