"""An HTTP gateway for text messages on this machine, which keeps what it was given."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Gateway:
    """What was asked of the gateway, and how it answers.

    Attributes:
        asked: (path, headers, body) of each request.
        answers: status and body of the next ones; 200 when there is none left.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], str]] = []
        self.answers: list[tuple[int, str]] = []


@contextmanager
def serving(gateway: Gateway) -> Iterator[str]:
    """Serve the gateway on a port of its own; give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            gateway.asked.append((self.path, dict(self.headers), body))
            status, answer = gateway.answers.pop(0) if gateway.answers else (200, "{}")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/send"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
