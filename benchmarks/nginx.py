"""The front page from nginx's own cache, beside a file of the same bytes that nginx serves.

The real nginx with deploy/nginx/charity.conf in front of the real granian; both are read
over one connection in turns, so that what the reader costs is the same. Once a second the
cached page is asked for again with its ETag: that is part of the figure.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from benchmarks import Measure
from benchmarks.pages import FEW, _in_turns, _Reader, _served, prepare
from tests.support import nginx

#: Answers asked for in a round, and rounds of each.
EACH, ROUNDS = 50, 120


def run() -> list[Measure]:
    """Return the answers a second of the cached page, beside the file's."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise SystemExit("nginx is not installed: apt-get install nginx")
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        nginx.certificate(base)
        plain = nginx.free_port()
        (base / "bare").mkdir()
        keep = "    keepalive_requests 1000000;\n"
        extra = f"{keep}    listen 127.0.0.1:{plain};\n    location /bare/ {{ alias {base}/bare/; }}\n"
        with (
            _served(base, prepare(Path(data), FEW)) as port,
            nginx.serve(program, base, f"http://127.0.0.1:{port}", extra),
        ):
            page = _Reader(plain, "/")
            body = page()
            (base / "bare" / "page.html").write_bytes(body)
            file = _Reader(plain, "/bare/page.html")
            page_s, file_s = _in_turns(page, file, each=EACH, rounds=ROUNDS)
            page.close()
            file.close()
    share = round(100 * file_s / page_s)
    remark = f"{len(body)} bytes, one connection; {share} % of the file's rate; aim 90 %"
    return [Measure("front page from nginx's cache", 1 / page_s, "/s", 1 / file_s, remark)]
