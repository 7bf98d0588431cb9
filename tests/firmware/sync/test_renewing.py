"""A certificate is renewed in time, tried before the old one goes, and given up when the broker refuses it."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from console.certificates import Issued, certify_client, issue_client, issue_server, make_authority
from firmware.clock import SimulatedClock
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.sync.broker_faults import tls_context
from firmware.sync.client_identity import CertificateRefusedError, ClientIdentity, facts_of
from firmware.sync.kept_keys import KeptKeys
from firmware.sync.memory_connection import MemoryBroker
from firmware.sync.messages import BoxEvent, decode_uplink
from firmware.sync.messages_certificate import Certificate, CertificateRequest
from firmware.sync.mqtt_settings import TlsFiles
from firmware.sync.renewing import AFTER_FAILURE_S, ASK_AGAIN_S, LOOK_EVERY_S, Renewal, renewal_due_at
from firmware.sync.reports import Reports
from firmware.sync.topics import up_filter
from tests.firmware.sync.sync_world import NOW, TOPICS, run_virtually
from tests.firmware.sync.uplink_world import running

BOX = TOPICS.box
LATE = NOW + timedelta(days=825 - 40)


class Issuer:
    """An authority, and what it gave a box."""

    def __init__(self, folder: Path) -> None:
        self.authority: Issued = make_authority("acme", NOW)
        first = issue_client(self.authority, BOX, "acme", NOW)
        self.issued = TlsFiles(ca=folder / "ca.crt", certificate=folder / "box.crt", key=folder / "box.key")
        self.issued.ca.write_bytes(self.authority.certificate_pem)
        self.issued.certificate.write_bytes(first.certificate_pem)
        self.issued.key.write_bytes(first.key_pem)
        self.folder = folder / "identity"

    def identity(self) -> ClientIdentity:
        return ClientIdentity(self.folder, self.issued)

    def certify(self, request: str, *, name: str = BOX) -> str:
        key = x509.load_pem_x509_csr(request.encode()).public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        made = certify_client(self.authority, name, "acme", key, LATE)
        return made.public_bytes(Encoding.PEM).decode()


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path)


class BoxSide:
    """A renewal over a broker in memory, in virtual time; made inside the loop."""

    def __init__(self, folder: Path, issuer: Issuer, broker: MemoryBroker) -> None:
        loop = asyncio.get_running_loop()
        self.clock = SimulatedClock(LATE, loop.time)
        self.database = Database.open(folder / "box.db", executor=InlineExecutor())
        self.identity = issuer.identity()
        self.link = broker.connect("box")
        self._last = 0
        self.renewal = Renewal(
            self.identity,
            connection=self.link,
            topics=TOPICS,
            database=self.database,
            reports=Reports(self.database.stream, self.clock.now, self._new_id),
            now=self.clock.now,
            new_id=self._new_id,
        )

    def _new_id(self) -> str:
        self._last += 1
        return f"id-{self._last}"

    def answer(self, pem: str) -> str:
        message = Certificate(id=self._new_id(), at=self.clock.now(), certificate=pem)
        return self.database.run_now(self.renewal.prepare(message)).reason

    def events(self) -> list[str]:
        rows = self.database.run_now(
            lambda con: con.rows("SELECT body FROM outbox WHERE leaf = 'event' ORDER BY seq")
        )
        return [said.event for row in rows if isinstance(said := decode_uplink(row["body"]), BoxEvent)]


def requests(broker: MemoryBroker) -> list[CertificateRequest]:
    found = [decode_uplink(payload) for topic, payload in broker.log if topic.endswith("/up/certificate")]
    return [each for each in found if isinstance(each, CertificateRequest)]


def test_it_is_asked_for_again_until_it_comes_and_then_used(tmp_path: Path, issuer: Issuer) -> None:
    async def story() -> None:
        broker = MemoryBroker()
        box = BoxSide(tmp_path, issuer, broker)
        first = box.identity.facts()
        async with box.link, running(box.renewal.run()):
            await asyncio.sleep(ASK_AGAIN_S + 1)
            asked = requests(broker)
            assert len(asked) == 2
            assert asked[0].serial == first.serial
            pem = issuer.certify(asked[0].request)
            assert box.answer(pem) == "on_trial"
            assert box.answer(pem) == "on_trial", "redelivered"
            await asyncio.sleep(10)
            assert box.link.connected
            assert box.link.certificate == box.identity.in_use().certificate
            assert box.identity.facts().expires_at > first.expires_at
            assert box.identity.on_trial() is None
            await asyncio.sleep(7 * 24 * 3600)
        assert len(requests(broker)) == 2, "nothing more to ask for"
        assert box.events() == ["certificate_renewed"]
        assert issuer.identity().in_use() == box.identity.in_use(), "after a restart too"

    run_virtually(story())


def test_one_that_the_broker_refuses_is_forgotten_and_another_key_is_tried(
    tmp_path: Path, issuer: Issuer
) -> None:
    async def story() -> None:
        broker = MemoryBroker()
        broker.refuses = lambda certificate: certificate not in (None, issuer.issued.certificate)
        box = BoxSide(tmp_path, issuer, broker)
        async with box.link, running(box.renewal.run()):
            await asyncio.sleep(1)
            box.answer(issuer.certify(requests(broker)[0].request))
            await asyncio.sleep(300)
            assert box.link.connected
            assert box.identity.in_use() == issuer.issued
            assert box.identity.on_trial() is None
            await asyncio.sleep(AFTER_FAILURE_S)
            first, second = requests(broker)
            assert first.request != second.request
            with pytest.raises(CertificateRefusedError, match="another key"):
                box.identity.accept(issuer.certify(first.request), now=LATE)
        assert box.events() == ["certificate_refused"]

    run_virtually(story())


def test_a_power_cut_during_the_trial_is_followed_by_the_trial(tmp_path: Path, issuer: Issuer) -> None:
    before = issuer.identity()
    before.accept(issuer.certify(before.request()), now=LATE)
    assert before.in_use() == issuer.issued, "until the broker took the new one"

    async def story() -> None:
        box = BoxSide(tmp_path, issuer, MemoryBroker())
        async with box.link, running(box.renewal.run()):
            await asyncio.sleep(10)
        assert box.identity.in_use() != issuer.issued
        assert box.events() == ["certificate_renewed"]

    run_virtually(story())


def _another_key(issuer: Issuer, _request: str) -> str:
    return issue_client(issuer.authority, BOX, "acme", LATE).certificate_pem.decode()


def _another_authority(issuer: Issuer, request: str) -> str:
    right, issuer.authority = issuer.authority, make_authority("acme", NOW)
    try:
        return issuer.certify(request)
    finally:
        issuer.authority = right


def _for_servers(issuer: Issuer, _request: str) -> str:
    return issue_server(issuer.authority, [BOX], LATE).certificate_pem.decode()


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        pytest.param(lambda _issuer, _request: "rubbish", "cannot be read", id="rubbish"),
        pytest.param(_another_key, "another key", id="another key"),
        pytest.param(
            lambda issuer, request: issuer.certify(request, name="box-2"), "box-2", id="another name"
        ),
        pytest.param(_another_authority, "authority", id="another authority"),
        pytest.param(_for_servers, "another key", id="a server's"),
    ],
)
def test_a_certificate_that_is_not_what_was_asked_for_changes_nothing(
    issuer: Issuer, made: Callable[[Issuer, str], str], reason: str
) -> None:
    identity = issuer.identity()
    request = identity.request()
    with pytest.raises(CertificateRefusedError, match=reason):
        identity.accept(made(issuer, request), now=LATE)
    assert identity.on_trial() is None
    assert identity.in_use() == issuer.issued
    assert not list(issuer.folder.glob("*.new"))
    identity.accept(issuer.certify(request), now=LATE)
    identity.confirm()
    assert identity.in_use() != issuer.issued


def test_nobody_asked(issuer: Issuer) -> None:
    other = ClientIdentity(issuer.folder.with_name("other"), issuer.issued)
    with pytest.raises(CertificateRefusedError, match="asked for none"):
        issuer.identity().accept(issuer.certify(other.request()), now=LATE)


def test_files_that_were_issued_by_hand_later_win(issuer: Issuer) -> None:
    identity = issuer.identity()
    identity.accept(issuer.certify(identity.request()), now=LATE)
    identity.confirm()
    renewed = identity.in_use()
    assert renewed != issuer.issued
    assert renewed.key.stat().st_mode & 0o077 == 0
    by_hand = issue_client(issuer.authority, BOX, "acme", LATE + timedelta(days=30))
    issuer.issued.certificate.write_bytes(by_hand.certificate_pem)
    issuer.issued.key.write_bytes(by_hand.key_pem)
    assert identity.in_use() == issuer.issued


def test_a_key_that_the_box_made_opens_with_the_issued_one_alone(issuer: Issuer, tmp_path: Path) -> None:
    """Whoever takes the disk has what the machine's seal leaves them: nothing."""
    identity = issuer.identity()
    request = identity.request()
    assert identity.request() != request  # signed anew, for the same key
    identity.accept(issuer.certify(request), now=LATE)
    kept = [path for path in issuer.folder.rglob("*.key")]
    assert len(kept) == 2
    for path in kept:
        assert b"ENCRYPTED" in path.read_bytes()
        with pytest.raises(ssl.SSLError):
            ssl.create_default_context().load_cert_chain(issuer.issued.certificate, path, password="wrong")
    trial = identity.on_trial()
    assert trial is not None
    tls_context(trial)
    assert trial.key_password not in repr(trial)
    issuer.issued.key.write_bytes(issue_client(issuer.authority, BOX, "acme", LATE).key_pem)
    assert identity.on_trial() is None
    identity.undo()
    identity.request()  # for a new key, as the one before cannot be opened any more


def test_what_an_older_version_left_as_it_was_is_encrypted(tmp_path: Path, issuer: Issuer) -> None:
    """Not at once: an update that is undone within its trial must find what it can read."""
    identity = issuer.identity()
    identity.accept(issuer.certify(identity.request()), now=LATE)
    identity.confirm()
    renewed = identity.in_use()
    plain = KeptKeys(issuer.issued.key).read(renewed.key)
    body = plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    renewed.key.write_bytes(body)
    tls_context(identity.in_use())  # it serves as it is, too

    async def story() -> None:
        box = BoxSide(tmp_path, issuer, MemoryBroker())
        async with box.link, running(box.renewal.run()):
            await asyncio.sleep(LOOK_EVERY_S - 1)
            assert renewed.key.read_bytes() == body
            await asyncio.sleep(2)
            assert b"ENCRYPTED" in renewed.key.read_bytes()

    run_virtually(story())
    assert renewed.key.stat().st_mode & 0o077 == 0
    assert KeptKeys(issuer.issued.key).read(renewed.key).private_numbers() == plain.private_numbers()
    assert identity.in_use() == renewed


def test_it_is_due_sixty_days_before_its_end_or_in_the_last_third(issuer: Issuer, tmp_path: Path) -> None:
    facts = issuer.identity().facts()
    assert facts.expires_at - renewal_due_at(facts) == timedelta(days=60)
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    short = certify_client(issuer.authority, BOX, "acme", key, NOW)
    (tmp_path / "short.crt").write_bytes(short.public_bytes(Encoding.PEM))
    assert facts_of(tmp_path / "short.crt").common_name == BOX
    assert up_filter("acme", "certificate").endswith("/up/certificate")
