"""Who may open what: one row an endpoint, one column a role. Read each changed row yourself.

``+`` may open it; ``-`` is refused with 403; ``>`` is led to sign in. The first column is
a visitor without a login; the others are the roles of docs/roles.md in their order.
``test_access.py`` holds the table to the declarations and to what really answers.
"""

from __future__ import annotations

TABLE = """
static                                   +++++++++++++
web.health                               +++++++++++++
"""


def rows() -> dict[str, str]:
    """Return endpoint → one mark a column."""
    pairs = (line.split() for line in TABLE.strip().splitlines())
    return {str(endpoint): str(marks) for endpoint, marks in pairs}
