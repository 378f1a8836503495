"""Addresses of the page being shown, with its filters: other paging, its files."""

from __future__ import annotations

from typing import Any

from flask import request, url_for


def _arguments() -> dict[str, Any]:
    """Return the arguments of the address, without names that mean something to ``url_for``."""
    given = request.args.to_dict().items()
    return {name: text for name, text in given if name not in ("endpoint", "fmt") and name[:1] != "_"}


def same_page(**changes: Any) -> str:
    """Return the address of this page with some arguments changed; None or "" drops one."""
    values = _arguments() | (request.view_args or {}) | changes
    return url_for(str(request.endpoint), **{k: v for k, v in values.items() if v not in (None, "")})


def file_links() -> tuple[tuple[str, str], ...]:
    """Return label and address of this list's files, with its filter and without its paging."""
    values = {name: text for name, text in _arguments().items() if name not in ("before", "after", "key")}
    return tuple(
        (fmt.upper(), url_for(str(request.endpoint), **values | {"fmt": fmt})) for fmt in ("csv", "json")
    )
