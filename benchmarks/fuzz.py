"""Twenty thousand broken files: nothing but rows or a refusal comes out, within 512 MB, nothing half-booked.

Every sample of every form is changed at random and read; each fiftieth that can still be
booked is booked into books of its own and the books are checked. Where the package atheris
is installed, it looks for further inputs by what they reach in the code, from the same samples.
A crash ends the measurement with its input, written beside the data.
"""

from __future__ import annotations

import importlib.util
import io
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import func, select

from benchmarks import Measure
from benchmarks.posting import open_database
from charity import sealed
from charity.donations.models import BankItem, Donation, Refund, Settlement
from charity.errors import Refused
from charity.imports.models import ImportFile, ImportRow
from charity.intake.read import ParsedFile, describe, read_file
from tests.gifts import Office, assert_sound, open_office
from tests.support.databases import KEYS

SAMPLES = Path(__file__).resolve().parents[1] / "docs" / "samples"
COUNT, LIMIT_MB = 20_000, 512
#: Inputs for atheris; about as many seconds as thousands.
GUIDED = 20_000
#: Each so many-th readable input is booked as well.
BOOK_EACH = 50
SEED = 20261129
#: Pieces that mean something to one reader or another.
WORDS = tuple(
    text.encode()
    for text in (
        "-", "+", "0", "99999999999999.99", "1,23", "0.005", "\t", "`", '"', "\r\n", "合计", "退款",
        "手续费", "退汇", "收入", "支出", "借", "贷", "2026-02-30", "20261118", ":61:",
        ":62F:C261118CNY1,00\r\n", ":86:", "<STMTTRN>", "</STMTTRN>", "<TRNAMT>-1\r\n", "<Ntry>",
        "</Ntry>", "<!DOCTYPE a>", "&x;", "PK\x03\x04", "\ufeff", "交易时间", "１２３．４５",
    )
)  # fmt: skip


#: A value that a sentence was not given; a broken file may hold the first two signs itself.
_OPEN_VALUE = re.compile(r"%\(\w+\)s")


@dataclass(slots=True)
class Tally:
    """What became of the inputs.

    Attributes:
        forms: form → inputs read as it.
        refusals: code → inputs refused for it.
        booked: files taken to booking; ``rows`` rows of them that were booked.
        slowest: seconds of the slowest input.
    """

    forms: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    booked: int = 0
    rows: int = 0
    slowest: float = 0.0


def seeds() -> list[bytes]:
    """Return the bytes of every sample."""
    files = sorted(path for path in SAMPLES.iterdir() if path.is_file() and path.suffix not in (".py", ".md"))
    return [path.read_bytes() for path in files]


def changed(seed: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """Return a sample with one to six changes; a zip's parts are changed, not only its packing."""
    if seed.startswith(b"PK") and chance.random() < 0.7:
        return _repacked(seed, chance, others)
    data = bytearray(seed)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        place = chance.randrange(len(data) + 1)
        kind = chance.randrange(7)
        if kind == 0 and data:
            data[place % len(data)] = chance.randrange(256)
        elif kind == 1:
            del data[place : place + chance.choice((1, 2, 7, 40, 400))]
        elif kind == 2:
            data[place:place] = chance.choice(WORDS)
        elif kind == 3:
            data[place:place] = data[place : place + chance.choice((20, 200, 2_000))]
        elif kind == 4:
            other = chance.choice(others)
            begin = chance.randrange(len(other))
            data[place : place + 30] = other[begin : begin + chance.choice((10, 100, 1_000))]
        elif kind == 5 and data:
            _change_digit(data, chance)
        else:
            del data[max(place, 1) :]
    return bytes(data)


def _change_digit(data: bytearray, chance: random.Random) -> None:
    """Change one digit, so that the file stays a file and its sums do not."""
    digits = [place for place, byte in enumerate(data) if 0x30 <= byte <= 0x39]
    if digits:
        data[chance.choice(digits)] = chance.randrange(0x30, 0x3A)


def _repacked(seed: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """Return a zip one of whose parts is changed, with right checksums."""
    stream = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(seed)) as old, zipfile.ZipFile(stream, "w") as new:
            names = old.namelist()
            hit = chance.choice(names)
            for name in names:
                data = old.read(name)
                new.writestr(name, changed(data, chance, others) if name == hit else data)
    except zipfile.BadZipFile:
        return seed[: chance.randrange(len(seed))]
    return stream.getvalue()


def judge(data: bytes, tally: Tally) -> ParsedFile | None:
    """Read one input and count what came of it; anything but rows or a refusal is a crash."""
    began = time.perf_counter()
    try:
        parsed = read_file(data, "x")
        describe(parsed)
    except Refused as refused:
        for problem in refused.problems:
            if _OPEN_VALUE.search(problem.sentence()):
                raise AssertionError(f"a sentence without its values: {problem.code}") from None
        tally.refusals[refused.codes[0]] += 1
        parsed = None
    else:
        tally.forms[parsed.form] += 1
        if any(not 0 <= row.amount_fen < 10**17 for row in parsed.rows):
            raise AssertionError("an amount out of bounds")
    tally.slowest = max(tally.slowest, time.perf_counter() - began)
    return parsed


def book(office: Office, data: bytes, parsed: ParsedFile, tally: Tally) -> None:
    """Book an input and check that each booked row, and no other, has become something."""
    kind = "W1" if parsed.form.startswith(("wechat", "alipay")) else "B1"
    before = _events(office)
    try:
        file = office.stage(data, "x", place=kind)
        if file.state == "judged":
            office.book(file)
    except Refused:
        office.session.rollback()
    tally.booked += 1
    query = (
        select(func.count())
        .select_from(ImportRow)
        .join(ImportFile, (ImportFile.org_id == ImportRow.org_id) & (ImportFile.id == ImportRow.file_id))
    )
    rows = query.where(ImportFile.sha256 == parsed.sha256, ImportRow.state == "booked")
    booked = office.session.scalar(rows) or 0
    if booked != _events(office) - before:
        raise AssertionError(f"{booked} rows booked, {_events(office) - before} events")
    tally.rows += booked


def _events(office: Office) -> int:
    """Return how many gifts, refunds, settlements and items of the bank there are."""
    office.session.rollback()
    models = (Donation, Refund, Settlement, BankItem)
    return sum(office.session.scalar(select(func.count()).select_from(model)) or 0 for model in models)


def run() -> list[Measure]:
    """Change, read, book; return how fast, how much memory, and that nothing broke."""
    chance, samples, tally = random.Random(SEED), seeds(), Tally()
    with tempfile.TemporaryDirectory() as folder:
        office = _office(Path(folder))
        began = time.perf_counter()
        readable = 0
        for number in range(COUNT):
            data = changed(samples[number % len(samples)], chance, samples)
            try:
                parsed = judge(data, tally)
                if parsed is not None and parsed.is_bookable and parsed.rows:
                    readable += 1
                    if readable % BOOK_EACH == 1:
                        book(office, data, parsed, tally)
            except Exception:
                crash = Path(tempfile.gettempdir()) / f"fuzz-{number}.bin"
                crash.write_bytes(data)
                print(f"input {number} broke; it is kept as {crash}", file=sys.stderr)
                raise
        seconds = time.perf_counter() - began
        assert_sound(office)
        office.session.close()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if peak_mb > LIMIT_MB:
        raise AssertionError(f"{peak_mb:.0f} MB used, {LIMIT_MB} allowed")
    print(
        f"refused: {dict(tally.refusals.most_common())}\nread: {dict(tally.forms.most_common())}",
        file=sys.stderr,
    )
    read, refused = sum(tally.forms.values()), sum(tally.refusals.values())
    remark = f"{read} read as {len(tally.forms)} forms, {refused} refused"
    return [
        Measure(
            "changed files read without a crash", COUNT / seconds, "/s", None, f"{COUNT} inputs: {remark}"
        ),
        Measure("memory at its highest", peak_mb, "MB", None, f"limit {LIMIT_MB}"),
        Measure("slowest input", tally.slowest * 1000, "ms"),
        Measure(
            "changed files booked, books sound after them", tally.booked, "files", None, f"{tally.rows} rows"
        ),
        *_guided(),
    ]


def _office(folder: Path) -> Office:
    """Return an office with open books up to the day of the samples."""
    sealed.configure(bytes.fromhex(KEYS["CHARITY_FIELD_KEY"]))
    session = open_database(folder)[1]
    office = open_office(session, folder)
    office.ledger.open_months("2026-05", "2026-11")
    office.at, office.on = datetime(2026, 11, 25, 4, tzinfo=UTC), date(2026, 11, 25)
    return office


def _guided() -> list[Measure]:
    """Let atheris look for inputs, in a process of its own with its own limit of memory."""
    if importlib.util.find_spec("atheris") is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(seeds()):
            (Path(folder) / f"{number:03d}").write_bytes(data)
        limits = [
            f"-runs={GUIDED}",
            f"-rss_limit_mb={LIMIT_MB}",
            "-max_len=40000",
            "-timeout=20",
            f"-seed={SEED}",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks._guided_fuzz", *limits, folder], capture_output=True, text=True
        )
        if done.returncode:
            raise AssertionError(done.stderr[-4_000:])
        peaks = [
            int(line.rpartition("rss: ")[2].split("Mb")[0])
            for line in done.stderr.splitlines()
            if "rss: " in line
        ]
        found = len(list(Path(folder).iterdir()))
    remark = f"{GUIDED} inputs led by coverage, {found} kept, no crash, limit {LIMIT_MB}"
    return [Measure("memory under atheris", max(peaks, default=0), "MB", None, remark)]
