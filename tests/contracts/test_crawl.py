"""Every page opens as everybody who may: each link that is shown is followed and looked at."""

from __future__ import annotations

import pytest
from flask import Flask

from charity.users.rules import ROLES
from charity.web.access import access_of
from tests.support.crawl import Walk, walk
from tests.support.demo import client_of

pytestmark = pytest.mark.slow

#: Endpoint → why no link leads to it.
UNLINKED = {
    "static": "style, scripts and pictures are no pages",
    "upkeep.state_for_monitors": "asked by a monitor",
    "upkeep.metrics": "asked by a monitor on the same machine",
    "web.patterns": "what pages are made of, for whoever writes one",
    "users.choose_password": "its address comes by mail",
    "users.second_step": "follows a right password",
    "users.app": "follows the password given again",
    "users.recovery_codes": "for who has a second factor: walked in tests/browser/test_passkey.py",
    "users.remove_app": "for who has an app",
    "users.add_passkey": "where passkeys work: walked in tests/browser/test_passkey.py",
    "users.remove_passkey": "for who has a passkey: walked in tests/browser/test_passkey.py",
    "users.ask_reset": "for people who have a second factor",
    "receipts.verify_code": "its address is the QR code of a receipt",
    "jobs.status": "asked by the progress bar",
    "imports.progress": "asked by the progress bar",
    "retention.release": "there is no hold in the demo",
    "founding.setup": "opened once, on an installation without an organisation",
    "ledger.batch": "stands in the queue once something was released: walked in tests/web/ledger",
    "ledger.approve_opening": "linked while a workbook waits; the books of the demo have months",
    "donations.part_donor": "stands on the page of a merged donor, and the walk opens three donors",
    "receipts.reissue": "stands on the page of a void receipt, and the walk opens three receipts",
    "receipts.batch_file": "a batch's files are there once a worker has made them",
    "proofs.consistency": "asked by a verifier with two sizes of his own",
}


@pytest.fixture(scope="module")
def walks(demo: Flask) -> dict[str, Walk]:
    """A walk as a visitor and as each role."""
    found = {"visitor": walk(demo, demo.test_client(), "/")}
    for role in ROLES:
        found[role] = walk(demo, client_of(demo, role), "/", "/office/")
    return found


@pytest.mark.parametrize("who", ["visitor", *ROLES])
def test_every_link_shown_leads_to_a_whole_page(walks: dict[str, Walk], who: str) -> None:
    assert walks[who].pages > 3
    assert walks[who].wrong == []


def test_every_page_is_reached_by_somebody(demo: Flask, walks: dict[str, Walk]) -> None:
    reached = {endpoint for found in walks.values() for endpoint in found.visited}
    pages = {rule.endpoint for rule in demo.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert sorted(pages - reached - set(UNLINKED)) == [], "no link leads there"
    assert sorted(set(UNLINKED) - pages) == []


def test_a_visitor_reaches_only_what_is_public(demo: Flask, walks: dict[str, Walk]) -> None:
    closed = {
        endpoint
        for endpoint in walks["visitor"].visited
        if endpoint and (access := access_of(demo, endpoint)) and access.kind != "public"
    }
    # The link «Office» leads a visitor to the door.
    assert closed <= {"web.office"}


@pytest.mark.parametrize("language", ["en", "zh_Hans", "zh_Hant"])
def test_public_pages_are_whole_in_every_language(demo: Flask, language: str) -> None:
    visitor = demo.test_client()
    visitor.get(f"/language/{language}")
    found = walk(demo, visitor, "/")
    assert found.pages > 3
    assert found.wrong == []
