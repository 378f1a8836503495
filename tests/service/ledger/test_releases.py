"""Many vouchers at once: a person releases them, the org's one poster posts them, chunk by chunk."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import transact
from charity.errors import Named, Problem, Refused, Term
from charity.jobs import rules as job_rules
from charity.jobs import service as jobs
from charity.jobs.worker import LEASE_S
from charity.ledger import batches, closing, corrections, drafting
from charity.ledger.batch_queries import batch_view, open_batches
from charity.ledger.models import Draft
from charity.ledger.naming import load_names
from charity.ledger.sealed_models import Voucher
from charity.periods import Month
from tests.books import Ledger, read_journal
from tests.service.ledger.posters import TODAY, Desk, open_desk, real_logins

if TYPE_CHECKING:
    from tests.conftest import Clock


@pytest.fixture
def desk(ledger: Ledger, clock: Clock) -> Iterator[Desk]:
    with real_logins():
        yield open_desk(ledger, clock)


def codes(caught: pytest.ExceptionInfo[Refused]) -> list[str]:
    return caught.value.codes


def test_the_poster_posts_what_a_person_released_in_that_persons_name(desk: Desk) -> None:
    """Sixty vouchers of three days, marked in any order, numbered by date, posted in chunks."""
    late, early, middle = desk.gifts(20, 9), desk.gifts(20, 3), desk.gifts(20, 5)
    job_id = desk.release([*late, *early, *middle])
    assert (desk.job(job_id).state, desk.job(job_id).total) == ("queued", 60)
    assert [batch.total for batch in open_batches(desk.session, desk.ledger.org_id)] == [60]
    assert desk.worker().run_one()
    assert desk.outcome(job_id) == ("done", 60, {})
    assert desk.job(job_id).done == 60 and desk.job(job_id).tries == 1
    rows = desk.session.scalars(select(Voucher).where(Voucher.org_id == desk.ledger.org_id))
    assert {row.poster_id for row in rows} == {desk.ledger.ids["chief"]}
    assert set(desk.states([*late, *early, *middle])) == {"posted"}
    assert desk.is_sound()
    view = batch_view(desk.session, desk.login("chief"), job_id, load_names(desk.session, desk.ledger.org_id))
    assert view is not None
    assert [(n.word, n.first_no, n.last_no, n.count) for n in view.numbers] == [("记", 1, 60, 60)]
    assert open_batches(desk.session, desk.ledger.org_id) == ()


def test_one_without_the_right_releases_nothing(desk: Desk) -> None:
    ids = desk.gifts(1)
    for role in ("maker", "cashier"):
        with pytest.raises(Refused) as caught:
            desk.release(ids, role)
        assert codes(caught) == ["permission_missing"]
    with pytest.raises(Refused) as caught:
        desk.release([])
    assert codes(caught) == ["batch_empty"]


def test_a_release_has_a_limit_and_knows_its_drafts(desk: Desk) -> None:
    chief = desk.login("chief")
    for drafts, code in ((dict.fromkeys(range(1, 5002), 1), "batch_too_large"), ({7: 1}, "draft_unknown")):
        with pytest.raises(Refused) as caught:
            transact(
                lambda own, drafts=drafts: batches.release_batch(  # type: ignore[misc]
                    own, actor=chief, drafts=drafts, on=TODAY
                ),
                session=desk.session,
            )
        assert codes(caught) == [code]


def test_nobody_releases_only_vouchers_he_may_not_post(desk: Desk) -> None:
    """They are his own work, or wait for a signature; among others they are parked with the reason."""
    (ready,) = desk.gifts(1)
    (gift,) = read_journal("2026-03-06 捐款\n  借 1002@B1 1.00 F1\n  贷 410102 1.00 F1")
    unsigned = desk.ledger.draft(gift)
    for act, role in ((drafting.submit_drafts, "maker"), (drafting.review_drafts, "reviewer")):
        desk.ledger.act(act, role, draft_ids=[unsigned])
    with pytest.raises(Refused) as caught:
        desk.release([unsigned])
    assert codes(caught) == ["cashier_missing"]
    job_id = desk.release([unsigned, ready])
    desk.worker().run_one()
    assert desk.outcome(job_id) == ("done", 1, {unsigned: "cashier_missing"})


def test_a_second_press_leads_to_the_same_release(desk: Desk) -> None:
    """Before it runs and after it is done; another person or other vouchers do not get it."""
    ids = desk.gifts(3)
    seen, chief = desk.seen(ids), desk.login("chief")

    def press(drafts: dict[int, int], who: str = "chief") -> int:
        actor = chief if who == "chief" else desk.login(who)
        return transact(
            lambda own: batches.release_batch(own, actor=actor, drafts=drafts, on=TODAY, key=4711).id,
            session=desk.session,
        )

    assert press(seen) == press(seen) == 4711
    desk.worker().run_one()
    assert press(seen) == 4711
    assert not desk.worker().run_one()
    for drafts, who in ((seen, "reviewer"), ({ids[0]: seen[ids[0]]}, "chief")):
        with pytest.raises(Refused) as caught:
            press(drafts, who)
        assert codes(caught) == ["job_key_reused"]
    assert desk.numbers() == [1, 2, 3] and desk.is_sound()


def test_two_presses_at_the_same_moment_are_one_release(desk: Desk) -> None:
    ids = desk.gifts(3)
    seen, chief, engine = desk.seen(ids), desk.login("chief"), desk.session.get_bind()
    start, found = threading.Barrier(2), list[int]()

    def press() -> None:
        with Session(engine) as own:
            start.wait()
            found.append(
                transact(
                    lambda session: (
                        batches.release_batch(session, actor=chief, drafts=seen, on=TODAY, key=4711).id
                    ),
                    session=own,
                )
            )

    desk.session.rollback()
    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [4711, 4711]
    assert desk.worker().run_one() and not desk.worker().run_one()
    assert desk.numbers() == [1, 2, 3]


def test_what_is_released_twice_is_posted_once(desk: Desk) -> None:
    ids = desk.gifts(3)
    first, second = desk.release(ids), desk.release(ids, "reviewer")
    while desk.worker().run_one():
        pass
    assert desk.outcome(first) == ("done", 3, {})
    assert desk.outcome(second) == ("done", 0, {})
    assert desk.job(second).checkpoint["before"] == 3
    assert desk.numbers() == [1, 2, 3] and desk.is_sound()


def test_what_was_changed_after_the_release_waits(desk: Desk) -> None:
    """Whoever is recorded as 记账 looked at another voucher; sent back and signed anew it stays."""
    ids = desk.gifts(3)
    job_id = desk.release(ids)
    desk.ledger.act(drafting.return_draft, "reviewer", draft_id=ids[1], reason="金额有误")
    desk.ledger.approve(ids[1])
    desk.worker().run_one()
    assert desk.outcome(job_id) == ("done", 2, {ids[1]: "draft_changed_since"})
    assert desk.states(ids) == ["posted", "signed", "posted"]


def test_one_refusal_stops_nobody_else(desk: Desk) -> None:
    """No money left for one, one sent back; the others are posted, and the reason stands in words."""
    bad = desk.payment("99.00")
    ids = desk.gifts(60)
    back = ids[30]
    job_id = desk.release([*ids, bad])
    desk.ledger.act(drafting.return_draft, "reviewer", draft_id=back, reason="缺附件")
    desk.worker().run_one()
    assert desk.outcome(job_id) == ("done", 59, {bad: "fund_overdrawn", back: "draft_wrong_state"})
    assert desk.job(job_id).result["params"] == {"posted": 59, "total": 61, "parked": 2}
    assert desk.states([bad, back]) == ["signed", "draft"]
    view = batch_view(desk.session, desk.login("chief"), job_id, load_names(desk.session, desk.ledger.org_id))
    assert view is not None
    reasons = {row.id: problem.sentence() for row, problem in view.parked}
    assert "is short 99.00" in reasons[bad]
    assert "now stands as “being prepared”" in reasons[back]
    assert desk.is_sound()


def test_a_set_is_parked_whole_and_its_neighbours_are_posted(desk: Desk) -> None:
    """One half of a correction was sent back: neither half is posted, and nobody else waits for it."""
    (posted,) = desk.ledger.post("2026-03-02 捐款\n  借 1002@B1 5.00 GEN\n  贷 410101 5.00 GEN")
    lines = read_journal("2026-03-02 捐款\n  借 1002@B1 6.00 GEN\n  贷 410101 6.00 GEN")[0].lines
    pair = [
        draft.id
        for draft in desk.ledger.act(
            corrections.correct_voucher,
            "maker",
            voucher_id=posted.voucher_id,
            lines=lines,
            on=desk.ledger.on.replace(year=2026, month=3, day=5),
        )
    ]
    desk.ledger.approve(*pair)
    before, after = desk.gifts(1), desk.gifts(2)
    job_id = desk.release([*before, *pair, *after])
    desk.ledger.act(drafting.return_draft, "reviewer", draft_id=pair[1], reason="缺附件")
    desk.worker().run_one()
    assert desk.outcome(job_id) == ("done", 3, {pair[0]: "set_incomplete", pair[1]: "draft_wrong_state"})
    assert desk.is_sound()


def test_a_month_does_not_close_over_released_vouchers(desk: Desk) -> None:
    """Whoever closes is told that vouchers wait, also while the poster is in the middle of them."""
    ids = desk.gifts(60)
    job_id, chief = desk.release(ids), desk.login("chief")

    def close(session: Session) -> None:
        with pytest.raises(Refused) as caught:
            closing.close_month(session, actor=chief, month=Month(2026, 3), on=TODAY)
        assert "close_drafts" in codes(caught)

    with desk.between_chunks(job_id, lambda: desk.elsewhere(close)):
        desk.worker().run_one()
    assert desk.outcome(job_id) == ("done", 60, {})


def test_a_month_closed_meanwhile_keeps_the_rest_in_the_queue(desk: Desk) -> None:
    march, april = desk.gifts(60), desk.gifts(3, month=4)
    job_id = desk.release([*march, *april])
    with desk.between_chunks(job_id, lambda: desk.elsewhere(desk.close_march)):
        desk.worker().run_one()
    state, posted, parked = desk.outcome(job_id)
    count = len(desk.numbers())
    assert state == "done" and 0 < count < 60 and posted == count + 3
    assert set(parked.values()) == {"period_closed"} and set(parked) < set(march)
    assert len(parked) == 60 - count
    assert desk.states(april) == ["posted"] * 3
    assert set(desk.states(list(parked))) == {"signed"}


def test_who_lost_the_right_posts_nothing_more(desk: Desk) -> None:
    """What was posted stands; the job says why it went no further, the rest stays in the queue."""
    ids = desk.gifts(60)
    job_id = desk.release(ids)
    with desk.between_chunks(job_id, lambda: desk.elsewhere(lambda own: desk.take_role(own, "chief"))):
        desk.worker().run_one()
    state, posted, _parked = desk.outcome(job_id)
    assert state == "failed" and 0 < posted < 60
    assert [kept["code"] for kept in desk.job(job_id).problem] == ["permission_missing"]
    assert desk.states(ids).count("posted") == posted == len(desk.numbers())
    assert desk.is_sound()


def test_who_lost_the_right_before_the_poster_began_posts_nothing(desk: Desk) -> None:
    ids = desk.gifts(2)
    job_id = desk.release(ids)
    transact(lambda own: desk.take_role(own, "chief"), session=desk.session)
    desk.worker().run_one()
    assert desk.job(job_id).state == "failed" and desk.numbers() == []


def test_a_release_is_cancelled_in_the_middle(desk: Desk) -> None:
    """The chunk under way ends; another release of the rest goes on where it stopped."""
    ids = desk.gifts(60)
    job_id, chief = desk.release(ids), desk.login("chief")
    stop = partial(jobs.cancel, actor=chief, job_id=job_id)
    with desk.between_chunks(job_id, lambda: desk.elsewhere(stop)):
        desk.worker().run_one()
    state, posted, _parked = desk.outcome(job_id)
    assert state == "cancelled" and 0 < posted < 60
    assert desk.job(job_id).result == {"url": f"/office/batches/{job_id}"}
    assert desk.states(ids).count("posted") == posted
    again = desk.release(ids)
    desk.worker().run_one()
    assert desk.outcome(again) == ("done", 60 - posted, {})
    assert len(desk.numbers()) == 60 and desk.is_sound()


def test_two_posters_reach_for_one_release_and_one_gets_it(desk: Desk) -> None:
    """Two releases of one org and four workers: never two at once, and each release is carried out once."""
    first, second = desk.release(desk.gifts(25)), desk.release(desk.gifts(25))
    desk.session.rollback()
    start = threading.Barrier(4)

    def work(name: str) -> None:
        start.wait()
        own = desk.worker(name)
        while own.run_one():
            pass

    threads = [threading.Thread(target=work, args=(f"poster-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    jobs_done = [desk.job(job_id) for job_id in (first, second)]
    assert [job.tries for job in jobs_done] == [1, 1]
    assert [desk.outcome(job_id) for job_id in (first, second)] == [("done", 25, {}), ("done", 25, {})]
    assert len(desk.numbers()) == 50 and desk.is_sound()


def test_a_poster_that_comes_late_does_no_harm(desk: Desk) -> None:
    """It slept past its lease; another took over and finished. Its chunk is rolled back whole."""
    ids = desk.gifts(60)
    job_id = desk.release(ids)
    woken = list[bool]()

    def sleep() -> None:
        desk.clock.advance(seconds=LEASE_S + 1)
        woken.append(desk.worker("second").run_one())

    with desk.between_chunks(job_id, sleep):
        desk.worker("first").run_one()
    assert woken == [True]
    assert desk.outcome(job_id) == ("done", 60, {})
    assert desk.job(job_id).tries == 2
    assert len(desk.numbers()) == 60 and desk.is_sound()


def test_a_lease_lost_inside_the_transaction_rolls_its_vouchers_back(desk: Desk) -> None:
    """The vouchers are written, then the token no longer counts: nothing of the chunk is there."""
    ids = desk.gifts(3)
    job_id = desk.release(ids)
    claim = transact(
        lambda own: jobs.claim(own, worker="late", at=desk.clock.instant, lease_s=LEASE_S),
        session=desk.session,
    )
    assert claim is not None
    desk.clock.advance(seconds=LEASE_S + 1)
    taken = transact(
        lambda own: jobs.claim(own, worker="heir", at=desk.clock.instant, lease_s=LEASE_S),
        session=desk.session,
    )
    assert taken is not None
    chief, seen = desk.login("chief"), list(desk.seen(ids).items())

    def post(session: Session) -> None:
        chunk = batches.post_chunk(session, actor=chief, drafts=seen, on=TODAY)
        assert len(chunk.posted) == 3
        jobs.renew(session, claim, at=desk.clock.instant, lease_s=LEASE_S, done=3)

    with pytest.raises(jobs.LeaseLost):
        transact(post, session=desk.session)
    assert desk.numbers() == [] and desk.states(ids) == ["signed"] * 3
    assert desk.job(job_id).done == 0


def test_sets_and_what_is_dated_between_them_are_not_cut(desk: Desk) -> None:
    """Numbers follow the dates: a set of the 2nd and 4th takes the voucher of the 3rd along."""
    ids = [key for day in (1, 2, 3, 4, 5) for key in desk.gifts(1, day)]
    rows = batches._rows(desk.session, desk.ledger.org_id, ids)
    desk.session.expunge_all()
    rows[1].set_id = rows[3].set_id = 7

    def days(parts: Sequence[Sequence[Draft]]) -> list[list[int]]:
        return [[row.voucher_on.day for row in part] for part in parts]

    assert days(batches.in_units(rows)) == [[1], [2, 3, 4], [5]]
    assert days(batches.by_sets(rows)) == [[1], [2, 4], [3], [5]]


def test_stored_reasons_keep_their_words() -> None:
    """A reason read again says the same, also where a word follows the reader's language."""
    stands = {"state": Term("posted"), "act": Term("post it")}
    for problem in (
        Problem("draft_wrong_state", stands),
        Problem("period_not_open", {"month": Month(2026, 3)}),
        Problem("fund_frozen", {"fund": Named("急难", "Emergency"), "vouchers": "3"}),
    ):
        assert job_rules.problem_of(job_rules.stored(problem)) == problem
    assert job_rules.problem_of({"code": "gone", "params": {}}).code == "job_broke"
