"""The outbox: written with the act, delivered once, honest about what did not go out."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.errors import Refused
from charity.messages import delivery, queries, rules, service
from charity.messages.delivery import Delivery, MailServer
from charity.messages.models import Message, MessageFile
from charity.oplog.models import OpLogEntry

if TYPE_CHECKING:
    from tests.conftest import Clock

SENDER = "慈善总会 <office@example.org>"


class Server:
    """A mail server on this machine that keeps what it was given."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        #: address → answer to RCPT TO, e.g. ``550 no such user``.
        self.answers: dict[str, str] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=default)
        self.mails.append((envelope.rcpt_tos, message, session.ssl is not None))
        return "250 OK"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(handler: Server, **options: Any) -> Iterator[int]:
    port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def handler() -> Server:
    return Server()


@pytest.fixture
def port(handler: Server) -> Iterator[int]:
    with serving(handler) as port:
        yield port


@pytest.fixture
def actor(clock: Clock) -> Actor:
    return Actor(7, 1, "王会计", frozenset({"messages.read", "messages.send"}), clock.instant)


@pytest.fixture
def deliver(session: Session, clock: Clock) -> Callable[..., Delivery]:
    def run(server: MailServer | int, **options: Any) -> Delivery:
        if isinstance(server, int):
            server = MailServer("127.0.0.1", server)
        return delivery.deliver_due(
            partial(transact, session=session), server, sender=SENDER, clock=clock, timeout_s=5, **options
        )

    return run


def write(session: Session, actor: Actor, to: str = "zhang@example.org", **values: Any) -> int:
    values = {"subject": "捐赠确认函", "body": "您好，随信附上。", **values}
    return transact(lambda own: service.send_mail(own, actor=actor, to=to, **values).id, session=session)


def phone(session: Session, actor: Actor) -> int:
    return transact(
        lambda own: (
            service.ask_to_phone(
                own, actor=actor, to="13800001234", subject="告知救助结果", body="已批准 2000 元"
            ).id
        ),
        session=session,
    )


def row(session: Session, message_id: int) -> Message:
    session.rollback()
    session.expire_all()
    return session.get_one(Message, (1, message_id))


def test_a_mail_arrives_with_its_files(
    session: Session, actor: Actor, handler: Server, port: int, deliver: Callable[..., Delivery], clock: Clock
) -> None:
    message_id = write(session, actor, files=[service.File("函.pdf", "application/pdf", b"%PDF-1")])
    clock.advance(seconds=3)
    assert deliver(port) == Delivery(sent=1)
    ((recipients, message, _),) = handler.mails
    assert recipients == ["zhang@example.org"]
    assert (message["Subject"], message["From"]) == ("捐赠确认函", SENDER)
    assert message.get_body().get_content().strip() == "您好，随信附上。"
    assert [part.get_filename() for part in message.iter_attachments()] == ["函.pdf"]
    sent = row(session, message_id)
    assert (sent.state, sent.sent_at, sent.tries, sent.error) == ("sent", clock.instant, 1, "")


def test_a_mail_is_delivered_once(
    session: Session, actor: Actor, handler: Server, port: int, deliver: Callable[..., Delivery], clock: Clock
) -> None:
    write(session, actor)
    deliver(port)
    clock.advance(days=2)
    assert deliver(port) == Delivery()
    assert len(handler.mails) == 1


def test_copies_of_files_are_dropped_once_delivered(
    session: Session, actor: Actor, port: int, deliver: Callable[..., Delivery]
) -> None:
    write(session, actor, files=[service.File("函.pdf", "application/pdf", b"%PDF-1")])
    deliver(port)
    file = session.scalars(select(MessageFile)).one()
    assert file.content is None and len(file.sha256) == 64


def test_a_mail_whose_act_fails_is_never_sent(
    session: Session, actor: Actor, port: int, deliver: Callable[..., Delivery]
) -> None:
    def act(own: Session) -> None:
        service.send_mail(own, actor=actor, to="zhang@example.org", subject="x", body="y")
        raise RuntimeError("the act fails")

    with pytest.raises(RuntimeError):
        transact(act, session=session)
    assert deliver(port) == Delivery()


def test_a_malformed_address_is_refused_when_written(session: Session, actor: Actor) -> None:
    with pytest.raises(Refused) as refused:
        write(session, actor, to="zhang")
    assert refused.value.codes == ["email_malformed"]


def test_address_and_text_are_sealed_at_rest(session: Session, actor: Actor) -> None:
    write(session, actor, body="https://example.org/reset/secret")
    stored = " ".join(map(str, session.execute(text("SELECT recipient, body FROM messages_message")).one()))
    assert "zhang" not in stored and "secret" not in stored


def test_a_server_that_is_away_is_asked_again_later(
    session: Session, actor: Actor, handler: Server, port: int, deliver: Callable[..., Delivery], clock: Clock
) -> None:
    message_id = write(session, actor)
    assert deliver(free_port()) == Delivery(waiting=1)
    waiting = row(session, message_id)
    assert (waiting.state, waiting.tries) == ("waiting", 1)
    assert waiting.next_try_at == clock.instant + rules.wait_after(1)
    assert "refused" in waiting.error.lower()
    assert deliver(port) == Delivery(), "not due yet"
    clock.advance(minutes=1)
    assert deliver(port) == Delivery(sent=1)


def test_a_recipient_the_server_does_not_know_waits_for_a_person(
    session: Session, actor: Actor, handler: Server, port: int, deliver: Callable[..., Delivery]
) -> None:
    handler.answers["zhang@example.org"] = "550 no mailbox zhang@example.org here"
    bad, good = write(session, actor), write(session, actor, to="li@example.org")
    assert deliver(port) == Delivery(sent=1, failed=1)
    assert (row(session, bad).state, row(session, good).state) == ("failed", "sent")
    assert row(session, bad).error == "550 no mailbox z***@example.org here"


def test_a_passing_trouble_is_tried_again(
    session: Session, actor: Actor, handler: Server, port: int, deliver: Callable[..., Delivery]
) -> None:
    handler.answers["zhang@example.org"] = "451 try again later"
    message_id = write(session, actor)
    assert deliver(port) == Delivery(waiting=1)
    assert row(session, message_id).error == "451 try again later"


def test_after_the_last_try_a_person_is_needed(
    session: Session, actor: Actor, deliver: Callable[..., Delivery], clock: Clock
) -> None:
    message_id = write(session, actor)
    for _ in range(rules.MAX_TRIES):
        deliver(free_port())
        clock.advance(hours=6)
    assert row(session, message_id).state == "failed"


def test_a_mail_that_keeps_killing_workers_is_given_up(session: Session, actor: Actor, clock: Clock) -> None:
    """Each worker dies after it took the mail and before it wrote what became of it."""
    message_id = write(session, actor)
    for _ in range(rules.MAX_TRIES + 1):
        transact(lambda own: service.claim_due(own, at=clock(), limit=5), session=session)
        clock.advance(hours=6)
    assert row(session, message_id).state == "failed"


def test_a_mail_that_cannot_be_put_together_does_not_sink_the_next(
    session: Session, actor: Actor, handler: Server, port: int, deliver: Callable[..., Delivery]
) -> None:
    bad, good = write(session, actor), write(session, actor, to="li@example.org")
    transact(
        lambda own: own.execute(update(Message).where(Message.id == bad).values(subject="a\nb")),
        session=session,
    )
    assert deliver(port) == Delivery(sent=1, failed=1)
    assert (row(session, bad).state, row(session, good).state) == ("failed", "sent")


def test_a_mail_taken_by_a_worker_that_died_is_sent_again_under_the_same_id(
    session: Session, actor: Actor, handler: Server, port: int, deliver: Callable[..., Delivery], clock: Clock
) -> None:
    write(session, actor)
    (taken,) = transact(lambda own: service.claim_due(own, at=clock(), limit=5), session=session)
    clock.advance(minutes=1)
    deliver(port)
    ((_, message, _),) = handler.mails
    assert message["Message-ID"] == delivery.message_id(taken, SENDER)


def test_two_workers_do_not_take_the_same_mail(session: Session, actor: Actor, clock: Clock) -> None:
    write(session, actor)
    with Session(session.get_bind()) as other:
        first = transact(lambda own: service.claim_due(own, at=clock(), limit=5), session=session)
        second = transact(lambda own: service.claim_due(own, at=clock(), limit=5), session=other)
    assert (len(first), len(second)) == (1, 0)


def make_certificate(folder: Path) -> tuple[str, str]:
    """Write a certificate for 127.0.0.1 and its key; return both paths."""
    from datetime import UTC, datetime
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made_at = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(made_at - timedelta(days=1))
        .not_valid_after(made_at + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "server.pem", folder / "server.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(paths[0]), str(paths[1])


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, ssl.SSLContext]:
    """A certificate file to trust, and a server's context that uses it."""
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


def check_password(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.login == b"office" and data.password == b"right", handled=False)


def test_sign_in_over_starttls(
    session: Session,
    actor: Actor,
    handler: Server,
    deliver: Callable[..., Delivery],
    certificate: tuple[str, ssl.SSLContext],
) -> None:
    path, context = certificate
    write(session, actor)
    options = {"tls_context": context, "authenticator": check_password, "auth_required": True}
    with serving(handler, **options) as port:
        server = MailServer("127.0.0.1", port, "office", "right", is_tls_required=True, ca_file=path)
        assert deliver(server) == Delivery(sent=1)
    assert handler.mails[0][2], "the mail crossed under TLS"


def test_a_wrong_password_of_ours_is_no_mails_fault(
    session: Session,
    actor: Actor,
    handler: Server,
    deliver: Callable[..., Delivery],
    certificate: tuple[str, ssl.SSLContext],
) -> None:
    path, context = certificate
    message_id = write(session, actor)
    options = {"tls_context": context, "authenticator": check_password, "auth_required": True}
    with serving(handler, **options) as port:
        server = MailServer("127.0.0.1", port, "office", "wrong", is_tls_required=True, ca_file=path)
        assert deliver(server) == Delivery(waiting=1)
    assert row(session, message_id).error.startswith("535")


def test_tls_from_the_start(
    session: Session,
    actor: Actor,
    handler: Server,
    deliver: Callable[..., Delivery],
    certificate: tuple[str, ssl.SSLContext],
) -> None:
    path, context = certificate
    write(session, actor)
    with serving(handler, ssl_context=context) as port:
        server = MailServer("127.0.0.1", port, is_tls_from_start=True, ca_file=path)
        assert deliver(server) == Delivery(sent=1)


def test_an_untrusted_certificate_gets_no_mail(
    session: Session,
    actor: Actor,
    handler: Server,
    deliver: Callable[..., Delivery],
    certificate: tuple[str, ssl.SSLContext],
) -> None:
    message_id = write(session, actor)
    with serving(handler, tls_context=certificate[1]) as port:
        assert deliver(MailServer("127.0.0.1", port)) == Delivery(waiting=1)
    assert "certificate" in row(session, message_id).error.lower() and handler.mails == []


def test_required_tls_that_is_not_offered_gets_no_mail(
    session: Session, actor: Actor, handler: Server, port: int, deliver: Callable[..., Delivery]
) -> None:
    message_id = write(session, actor)
    assert deliver(MailServer("127.0.0.1", port, is_tls_required=True)) == Delivery(waiting=1)
    assert "STARTTLS" in row(session, message_id).error and handler.mails == []


def test_a_failed_mail_is_sent_again_by_a_person_and_logged(
    session: Session, actor: Actor, handler: Server, port: int, deliver: Callable[..., Delivery]
) -> None:
    handler.answers["zhang@example.org"] = "550 no"
    message_id = write(session, actor)
    deliver(port)
    handler.answers.clear()
    transact(lambda own: service.send_again(own, actor=actor, message_id=message_id), session=session)
    assert deliver(port) == Delivery(sent=1)
    assert session.scalars(select(OpLogEntry.act)).all() == ["messages.again"]


def test_a_delivered_mail_is_not_sent_again(
    session: Session, actor: Actor, port: int, deliver: Callable[..., Delivery]
) -> None:
    message_id = write(session, actor)
    deliver(port)
    with pytest.raises(Refused) as refused:
        transact(lambda own: service.send_again(own, actor=actor, message_id=message_id), session=session)
    assert refused.value.codes == ["message_sent"]


def test_only_who_may_send_sends_again(session: Session, actor: Actor, clock: Clock) -> None:
    message_id = write(session, actor)
    reader = Actor(8, 1, "监事", frozenset({"messages.read"}), clock.instant)
    with pytest.raises(Refused) as refused:
        transact(lambda own: service.send_again(own, actor=reader, message_id=message_id), session=session)
    assert refused.value.codes == ["message_may_not"]


def test_a_message_of_another_org_is_not_there(session: Session, actor: Actor, clock: Clock) -> None:
    message_id = write(session, actor)
    foreign = Actor(7, 2, "王会计", actor.permissions, clock.instant)
    with pytest.raises(Refused) as refused:
        transact(lambda own: service.send_again(own, actor=foreign, message_id=message_id), session=session)
    assert refused.value.codes == ["message_missing"]
    assert queries.outbox(session, 2).rows == ()


def test_a_call_shows_number_and_words_and_leaves_a_trace(session: Session, actor: Actor) -> None:
    message_id = phone(session, actor)
    sheet = transact(
        lambda own: service.reveal_call(own, actor=actor, message_id=message_id), session=session
    )
    assert (sheet.number.replace(" ", ""), sheet.body) == ("13800001234", "已批准 2000 元")
    assert session.scalars(select(OpLogEntry.act)).all() == ["messages.reveal"]


def test_a_person_who_was_told_leaves_the_list(session: Session, actor: Actor, clock: Clock) -> None:
    message_id = phone(session, actor)
    assert [call.id for call in queries.calls_due(session, 1, clock())] == [message_id]

    def report(own: Session) -> None:
        service.report_call(own, actor=actor, message_id=message_id, is_reached=True, note="本人接听")

    transact(report, session=session)
    told = row(session, message_id)
    assert (told.state, told.sent_at, told.tries, told.error) == ("sent", clock.instant, 1, "本人接听")
    assert queries.calls_due(session, 1, clock()) == ()


def test_a_person_who_was_not_reached_is_called_later(session: Session, actor: Actor, clock: Clock) -> None:
    message_id = phone(session, actor)
    transact(
        lambda own: service.report_call(own, actor=actor, message_id=message_id, is_reached=False),
        session=session,
    )
    assert queries.calls_due(session, 1, clock()) == ()
    clock.advance(hours=4)
    assert [call.id for call in queries.calls_due(session, 1, clock())] == [message_id]


def test_a_told_person_is_not_reported_twice(session: Session, actor: Actor) -> None:
    message_id = phone(session, actor)

    def report(own: Session) -> None:
        service.report_call(own, actor=actor, message_id=message_id, is_reached=True)

    transact(report, session=session)
    with pytest.raises(Refused) as refused:
        transact(report, session=session)
    assert refused.value.codes == ["message_sent"]


def test_a_mail_is_not_reported_as_a_call(session: Session, actor: Actor) -> None:
    message_id = write(session, actor)
    with pytest.raises(Refused) as refused:
        transact(lambda own: service.reveal_call(own, actor=actor, message_id=message_id), session=session)
    assert refused.value.codes == ["message_is_mail"]


def test_the_outbox_masks_whom_it_names(session: Session, actor: Actor) -> None:
    write(session, actor)
    phone(session, actor)
    call, mail = queries.outbox(session, 1).rows
    assert (mail.to, call.to.replace(" ", "")) == ("z***@example.org", "138****1234")
    assert (mail.may_again, call.may_again) == (True, False)


def test_the_outbox_is_filtered_and_paged(session: Session, actor: Actor) -> None:
    for number in range(5):
        write(session, actor, subject=str(number))
    phone(session, actor)
    first = queries.outbox(session, 1, kind="mail", limit=3)
    second = queries.outbox(session, 1, kind="mail", limit=3, before=first.next_before)
    assert [message.subject for message in first.rows + second.rows] == ["4", "3", "2", "1", "0"]
    assert second.next_before == 0
    assert queries.outbox(session, 1, state="failed").rows == ()
    assert queries.count_by_state(session, 1) == {"waiting": 6, "sent": 0, "failed": 0}
