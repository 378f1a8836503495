"""The file as it was dropped: handed out to who says why, always as a download."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from flask.typing import ResponseReturnValue

from charity.imports import service
from charity.imports.common_routes import blueprint, file_or_404, me, reading_session
from charity.imports.forms import ReasonForm
from charity.imports.kinds import file_store
from charity.imports.models import ImportFile
from charity.web.access import permission_required
from charity.web.acts import carried_out, status_of
from charity.web.context import settings
from charity.web.files import file_answer
from charity.web.render import render


@dataclass(frozen=True, slots=True)
class OriginalPage:
    """The question before a file is handed out."""

    file: ImportFile
    form: ReasonForm


@blueprint.route("/<number>/original", methods=["GET", "POST"])
@permission_required("imports.read")
def original(number: str) -> ResponseReturnValue:
    """Ask an accountant, clerk or inspector why the file is needed, note it and hand it out."""
    found = file_or_404(number)
    file_id, name, sha256 = found.id, found.name, found.sha256
    body = b""
    form = ReasonForm()
    if form.is_submitted():
        body = file_store().read(
            reading_session(), org_id=me().org_id, sha256=sha256, data_dir=settings().data_dir
        )
    verb = partial(service.hand_out, actor=me(), file_id=file_id, reason=form.reason.data or "")
    if carried_out(form, verb):
        # No kind of its own: a bank's file is for a spreadsheet, never for the browser.
        return file_answer(body, name, "application/octet-stream")
    return render("imports/original.html", OriginalPage(file_or_404(number), form), status_of(form))
