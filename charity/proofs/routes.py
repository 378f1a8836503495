"""Public addresses of the proof log: its page, its files, and verify.py; the auditors' package.

The addresses below ``/proofs/`` are those of C2SP tlog-tiles, so that others' monitors
can follow the log: ``checkpoint``, ``tile/<L>/<N>``, ``tile/entries/<N>``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask import Blueprint, Response, abort, jsonify, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from charity.config import resource_dir
from charity.db import Actor, db, transact
from charity.errors import N_, Refused
from charity.ids import key_of
from charity.ledger.evidence import Evidence, VoucherFacts, register_evidence
from charity.oplog.rules import register_acts
from charity.oplog.service import record
from charity.periods import Month
from charity.proofs import queries, sequencer
from charity.proofs.checkpoints import TOPIC, find_log, folder_of
from charity.proofs.folder import LogFolder
from charity.proofs.note_rules import BadNote, read_note
from charity.proofs.queries import CheckpointRow, LineRef
from charity.proofs.tile_rules import WIDTH, Tile, parse_tile_path
from charity.web import navigation
from charity.web.access import permission_required, public
from charity.web.cache import cached_by
from charity.web.context import current_actor, current_org, settings
from charity.web.render import render

blueprint = Blueprint("proofs", __name__)

navigation.register("public", "proofs.show", N_("Check it yourself"), order=80)
navigation.register("office", "proofs.log", N_("Proof log"), "proofs.read", order=60, group="books")
register_acts({"proofs.export": N_("Exported the auditors' package of the proof log")})

#: The job and the housekeeping are registered by importing them.
__all__ = ["blueprint", "sequencer"]

_FOR_EVER = "public, max-age=31536000, immutable"
_PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint as the page shows it.

    Attributes:
        row: the checkpoint.
        consistency_url: proof that the newest one contains it; empty for the newest.
    """

    row: CheckpointRow
    consistency_url: str


@dataclass(frozen=True, slots=True)
class LineLink:
    """A line of the log and where its proof is.

    Attributes:
        label: as people name it: ``2026-03 记-0007, line 2``.
        url: the proof as a file.
    """

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class ProofsPage:
    """The public page.

    Attributes:
        origin: name of the log; empty before its first leaf.
        newest: the last checkpoint; None before the first.
        heads: earlier checkpoints, newest first.
        keys: public keys, newest first.
        asked: what was looked up, as typed.
        found: the line that was looked up, or all lines of a voucher named without one.
        example: a line to try with, the last one covered; None without any.
        tile_urls: a tile and a bundle, for programs.
    """

    origin: str
    newest: Head | None
    heads: tuple[Head, ...]
    keys: tuple[str, ...]
    asked: LineQuestion
    found: tuple[LineLink, ...]
    example: LineLink | None
    tile_urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineQuestion:
    """Which line a reader asks for, as typed.

    Attributes:
        month: ``YYYY-MM``.
        word: 记, 收, 付 or 转.
        number: of the voucher.
        line: line k; empty for all lines of the voucher.
    """

    month: str = ""
    word: str = ""
    number: str = ""
    line: str = ""

    @classmethod
    def of_request(cls) -> LineQuestion:
        """Return what stands in the address."""
        values = {name: request.args.get(name, "").strip()[:20] for name in cls.__dataclass_fields__}
        return cls(**values)

    @property
    def is_asked(self) -> bool:
        """Say whether anything was typed."""
        return bool(self.month or self.number)

    def ref(self) -> LineRef | None:
        """Return the line that is meant, the first where none is named; None for no line at all."""
        try:
            month = Month.parse(self.month)
        except Refused:
            return None
        number, line = key_of(self.number), key_of(self.line or "1")
        if number is None or line is None:
            return None
        return LineRef(month, self.word or "记", number, line)


def link_to(ref: LineRef | None) -> LineLink | None:
    """Return where the proof of a line is; None for none."""
    if ref is None:
        return None
    values = {"month": str(ref.month), "word": ref.word, "number": ref.number, "line": ref.line_no}
    voucher = f"{ref.month} {ref.word}-{ref.number:04d}"
    label = _("%(voucher)s, line %(line)s", voucher=voucher, line=ref.line_no)
    return LineLink(label, url_for("proofs.line", **values))


def _evidence(session: Session, actor: Actor, facts: VoucherFacts) -> list[Evidence]:
    """Tell the voucher's page whether the log holds it."""
    ref = LineRef(Month.from_code(facts.month), facts.word, facts.number, 1)
    values = {"month": str(ref.month), "word": ref.word, "number": ref.number, "line": 1}
    if queries.is_covered(session, actor.org_id, facts.voucher_id):
        return [Evidence(N_("Proof log"), _("covered by a signed checkpoint"), "proofs.show", values, "ok")]
    return [Evidence(N_("Proof log"), _("waits for the next checkpoint"))]


register_evidence("proofs", _evidence)


@blueprint.get("/proofs")
@public
@cached_by(TOPIC)
def show() -> ResponseReturnValue:
    """Tell the public what the proof log is, and let it check."""
    session, org_id = db.session(), current_org().id
    rows = queries.checkpoints(session, org_id)
    heads = tuple(_head(row, rows[0]) for row in rows)
    log = find_log(session, org_id)
    asked = LineQuestion.of_request()
    found = _found(session, org_id, asked)
    page = ProofsPage(
        origin=log.origin if log else "",
        newest=heads[0] if heads else None,
        heads=heads[1:],
        keys=tuple(queries.verifier_keys(session, org_id)),
        asked=asked,
        found=found,
        example=link_to(queries.last_line(session, org_id)),
        tile_urls=_first_tiles(rows[0].tree_size) if rows else (),
    )
    response = render("proofs/show.html", page)
    if asked.is_asked and not found:
        response.status_code = 404
    return response


def _found(session: Session, org_id: int, asked: LineQuestion) -> tuple[LineLink, ...]:
    """Return the line that is asked for, or every line of a voucher; empty when none is covered."""
    wanted = asked.ref() if asked.is_asked else None
    if wanted is None:
        return ()
    if not asked.line:
        refs = queries.covered_lines(session, org_id, wanted)
    else:
        refs = [wanted] if queries.proof_of(session, org_id, wanted) else []
    return tuple(link for link in map(link_to, refs) if link)


def _head(row: CheckpointRow, newest: CheckpointRow) -> Head:
    if row.number == newest.number:
        return Head(row, "")
    return Head(row, url_for("proofs.consistency", old=row.tree_size, new=newest.tree_size))


def _first_tiles(size: int) -> tuple[str, ...]:
    width = min(size, WIDTH)
    tiles = (Tile(0, 0, width), Tile(0, 0, width, is_entries=True))
    return tuple(url_for("proofs.tile", path=tile.path) for tile in tiles)


def _folder() -> LogFolder:
    """Return the published files of the org's log; 404 before its first leaf."""
    log = find_log(db.session(), current_org().id)
    if log is None:
        abort(404)
    return folder_of(log, settings().data_dir)


def _open(response: Response) -> Response:
    """Let other sites' programs read an answer: it is public, and evidence."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@blueprint.get("/proofs/checkpoint")
@public
def checkpoint() -> ResponseReturnValue:
    """Give monitors the last published checkpoint."""
    note = _folder().read_checkpoint()
    if note is None:
        abort(404)
    return _open(Response(note, content_type=_PLAIN, headers={"Cache-Control": "no-cache"}))


@blueprint.get("/proofs/tile/<path:path>")
@public
def tile(path: str) -> ResponseReturnValue:
    """Give monitors a tile or a bundle that the published checkpoint covers."""
    wanted, folder = parse_tile_path(path), _folder()
    if wanted is None or wanted.before > _published_size(folder):
        abort(404)
    data = folder.read_tile(wanted)
    if data is None:
        abort(404)
    headers = {"Cache-Control": _FOR_EVER}
    return _open(Response(data, content_type="application/octet-stream", headers=headers))


def _published_size(folder: LogFolder) -> int:
    """Return how many leaves are published; files beyond may still be written anew."""
    try:
        return read_note(folder.read_checkpoint() or "").head.size
    except BadNote:
        return 0


@blueprint.get("/proofs/key")
@public
def key() -> ResponseReturnValue:
    """Give verifiers the log's public keys, the one in use first."""
    keys = queries.verifier_keys(db.session(), current_org().id)
    if not keys:
        abort(404)
    return _open(Response("\n".join([*keys, ""]), content_type=_PLAIN))


@blueprint.get(f"/proofs/consistency/<int(max={2**63 - 1}):old>/<int(max={2**63 - 1}):new>")
@public
def consistency(old: int, new: int) -> ResponseReturnValue:
    """Give anybody the proof that a checkpoint contains an earlier one."""
    proof = queries.consistency_of(db.session(), current_org().id, old, new)
    if proof is None:
        abort(404)
    return _download(jsonify(proof.as_json()), f"consistency-{old}-{new}.json")


@blueprint.get("/proofs/line.json")
@public
def line() -> ResponseReturnValue:
    """Give anybody the proof that a line stands in the log; nothing of it is opened."""
    ref = LineQuestion.of_request().ref()
    proof = queries.proof_of(db.session(), current_org().id, ref) if ref else None
    if ref is None or proof is None:
        abort(404)
    name = f"proof-{ref.month}-{ref.number:04d}-{ref.line_no}.json"
    return _download(jsonify(proof.as_json()), name)


def _download(response: Response, name: str) -> Response:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return _open(response)


@blueprint.get("/verify.py")
@public
def verify() -> ResponseReturnValue:
    """Give anybody the program that checks proofs, as plain text to be read first."""
    text = (resource_dir("static") / "verify.py").read_text(encoding="utf-8")
    return _open(Response(text, content_type=_PLAIN))


@dataclass(frozen=True, slots=True)
class LogPage:
    """The office's page of the log.

    Attributes:
        origin: name of the log; empty before its first leaf.
        rows: checkpoints, newest first.
        waiting: posted lines that the last checkpoint does not cover.
        key: public key in use; empty before the first checkpoint.
    """

    origin: str
    rows: tuple[CheckpointRow, ...]
    waiting: int
    key: str


@blueprint.get("/office/proofs")
@permission_required("proofs.read")
def log() -> ResponseReturnValue:
    """Show accountants and auditors how far the log is, and give auditors everything."""
    session, org_id = db.session(), current_actor().org_id
    found, keys = find_log(session, org_id), queries.verifier_keys(session, org_id)
    page = LogPage(
        origin=found.origin if found else "",
        rows=tuple(queries.checkpoints(session, org_id)),
        waiting=queries.lines_waiting(session, org_id),
        key=keys[0] if keys else "",
    )
    return render("proofs/log.html", page)


@blueprint.get("/office/proofs/package.jsonl")
@permission_required("proofs.read")
def package() -> ResponseReturnValue:
    """Give an auditor every leaf with every field laid open; the act is logged."""
    actor = current_actor()

    def note(session: Session) -> None:
        record(session, actor=actor, act="proofs.export")

    transact(note)
    lines = _lines(db.session(), actor.org_id)
    response = Response(stream_with_context(lines), content_type="application/jsonl; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="proof-package.jsonl"'
    return response


def _lines(session: Session, org_id: int) -> Iterator[str]:
    for text in queries.audit_package(session, org_id):
        yield f"{text}\n"
