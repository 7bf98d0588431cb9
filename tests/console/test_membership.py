"""A box's certificate is renewed over MQTT by the running console, and withdrawn for good when the box is lost."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from console import authority, certificates
from console.authority import issue_box, load_signing_key
from console.broker import connected
from console.broker_files import acl_text
from console.certifier import Certifier
from console.cli import main
from console.ingest import Ingest
from console.ledger import Ledger
from console.membership import NotCertifiedError, certificates_of, certify, issue_anew, revoke
from console.office import Office
from console.signed_sender import SignedSender
from firmware.clock import SystemClock
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.sync.client_identity import ClientIdentity
from firmware.sync.connection import MqttConnection, MqttSettings
from firmware.sync.downlink import Downlink
from firmware.sync.errors import PublishRefusedError
from firmware.sync.key_ring import KeyRing
from firmware.sync.mqtt_settings import TlsFiles
from firmware.sync.renewing import Renewal
from firmware.sync.reports import Reports
from firmware.sync.signing import key_id
from firmware.sync.topics import BoxTopics, up_filter
from firmware.values import UuidV7
from tests.console.made_office import make_office
from tests.console.office_broker import Broker
from tests.firmware.sync.sync_world import CHECK, TakesEveryRelease


def files_of(office: Office, box: str) -> TlsFiles:
    folder = office.box_folder(box)
    return TlsFiles(ca=folder / "ca.crt", certificate=folder / "box.crt", key=folder / "box.key")


async def can_connect(office: Office, files: TlsFiles) -> bool:
    settings = MqttSettings(
        host="127.0.0.1", port=office.broker_port, client_id="trial", tls=files, session_expiry_s=0
    )
    async with asyncio.timeout(10), MqttConnection(settings) as link:
        await link.wait_first_result()
        return link.connected


async def console_says_to(office: Office, *boxes: str) -> None:
    """Say something to each of them, and return when the last one has heard it."""
    last = BoxTopics("demo", boxes[-1])
    settings = MqttSettings(
        host="127.0.0.1", port=office.broker_port, client_id=boxes[-1], tls=files_of(office, boxes[-1])
    )
    async with (
        connected(office, [], lasting=False) as console,
        MqttConnection(settings, subscriptions=last.subscriptions()) as link,
    ):
        await link.wait_connected()
        for box in boxes:
            await console.publish(BoxTopics("demo", box).down("control"), b"{}")
        received = await anext(aiter(link.received()))
        assert received.topic == last.down("control")


def test_renewed_over_mqtt_then_revoked(
    tmp_path: Path, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate of three days: asked for, signed by the ingest, tried, used. Then withdrawn, old and new."""
    monkeypatch.setattr(authority, "issue_client", partial(certificates.issue_client, days=3))
    issue_box(office, "b3", now=datetime.now(UTC))
    monkeypatch.undo()
    broker = Broker(office)
    broker.start()
    identity = ClientIdentity(tmp_path / "identity", files_of(office, "b3"))
    topics = BoxTopics("demo", "b3")
    clock, ids = SystemClock(), UuidV7()
    settings = MqttSettings(
        host="127.0.0.1", port=office.broker_port, client_id="b3", tls=identity.in_use(), back_off_s=0.02
    )

    def new_id() -> str:
        return ids.new(0)

    def in_two_days() -> datetime:
        return datetime.now(UTC) + timedelta(days=2)

    async def story() -> None:
        database = Database.open(tmp_path / "box.db", executor=InlineExecutor())
        box = MqttConnection(settings, subscriptions=topics.subscriptions())
        key = load_signing_key(office)
        async with (
            asyncio.timeout(20),
            connected(office, [up_filter("demo")], lasting=True) as console,
            box,
        ):
            await box.wait_connected()
            sender = SignedSender(console, key)
            ingest = Ingest(
                connection=console, sender=sender, ledger=Ledger(office.ledger), tenant="demo",
                clock=clock, ids=ids, on_recorded=lambda _: None,
                certifier=Certifier(office, sender, clock=clock, ids=ids),
            )  # fmt: skip
            renewal = Renewal(
                identity, connection=box, topics=topics, database=database,
                reports=Reports(database.stream, clock.now, new_id), now=in_two_days, new_id=new_id,
            )  # fmt: skip
            downlink: Downlink[Any] = Downlink(
                database, topics, KeyRing({key_id(key.public_key()): key.public_key()}, clock.now), clock=clock, ids=ids,
                check=CHECK, rules=TakesEveryRelease(), certificates=renewal,
            )  # fmt: skip
            tasks = [asyncio.create_task(work) for work in (ingest.run(), renewal.run(), downlink.run(box))]
            while identity.in_use() == files_of(office, "b3"):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            assert box.connected
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        database.close_now()
        assert len(certificates_of(office, "b3")) == 2
        assert await can_connect(office, identity.in_use())
        assert await can_connect(office, files_of(office, "b3")), "the old one holds until its end"
        standing = MqttSettings(
            host="127.0.0.1", port=office.broker_port, client_id="standing", tls=identity.in_use()
        )
        async with MqttConnection(standing, subscriptions=topics.subscriptions()) as link:
            await link.wait_connected()
            await link.publish(topics.up("event"), b"{}")
            said = revoke(office, "b3", now=datetime.now(UTC))
            assert "systemctl reload mosquitto" in said
            broker.reload()
            async with asyncio.timeout(10):
                while await can_connect(office, identity.in_use()):
                    pass  # a signal is no question: nothing says when it has been read
            with pytest.raises(PublishRefusedError, match="ot authorized"):
                await link.publish(topics.up("event"), b"{}")
            heard = asyncio.ensure_future(anext(aiter(link.received())))
            await console_says_to(office, "b3", "b1")
            assert link.connected
            assert not heard.done(), "it hears what is said to it"
            heard.cancel()
        assert not await can_connect(office, files_of(office, "b3"))
        assert await can_connect(office, files_of(office, "b1"))
        again = issue_anew(office, "b3", tmp_path / "again", now=datetime.now(UTC))
        new = TlsFiles(ca=office.ca_certificate, certificate=again / "box.crt", key=again / "box.key")
        broker.reload()
        assert await can_connect(office, new)
        assert not await can_connect(office, identity.in_use()), "with the new certificate alone"
        assert (office.broker_folder / "acl").read_text() == acl_text("demo")

    try:
        asyncio.run(story())
    finally:
        broker.stop()


def request(name: str, key: Any = None, *, is_forged: bool = False) -> str:
    own = key or ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    made = builder.sign(own, hashes.SHA256()).public_bytes(
        serialization.Encoding.DER if is_forged else serialization.Encoding.PEM
    )
    if not is_forged:
        return made.decode()
    broken = x509.load_der_x509_csr(made[:-1] + bytes([made[-1] ^ 1]))
    return broken.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("box", "asked", "reason"),
    [
        ("b9", lambda: request("b9"), "no box"),
        ("b2", lambda: request("b2"), "revoked"),
        ("b1", lambda: request("b2"), "another name"),
        ("b1", lambda: request("b1", is_forged=True), "not signed"),
        ("b1", lambda: request("b1", rsa.generate_private_key(65537, 2048)), "P-256"),
        ("b1", lambda: request("b1", ec.generate_private_key(ec.SECP384R1())), "P-256"),
        ("b1", lambda: "-----BEGIN CERTIFICATE REQUEST-----", "cannot be read"),
    ],
)
def test_what_is_not_certified(
    tmp_path_factory: pytest.TempPathFactory, box: str, asked: Callable[[], str], reason: str
) -> None:
    office = _an_office(tmp_path_factory)
    with pytest.raises(NotCertifiedError, match=reason):
        certify(office, box, asked(), now=datetime.now(UTC))


def test_one_key_gets_one_certificate_and_one_box_no_second_within_the_hour(office: Office) -> None:
    now = datetime.now(UTC)
    asked = request("b1")
    first = certify(office, "b1", asked, now=now)
    assert certify(office, "b1", asked, now=now + timedelta(minutes=1)) == first
    with pytest.raises(NotCertifiedError, match="within the hour"):
        certify(office, "b1", request("b1"), now=now + timedelta(minutes=59))
    assert certify(office, "b1", request("b1"), now=now + timedelta(minutes=61)) != first


def test_an_office_of_before_is_told_what_its_broker_lacks(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    configuration = office.broker_folder / "mosquitto.conf"
    lines = configuration.read_text(encoding="utf-8").splitlines()
    configuration.write_text(
        "\n".join(line for line in lines if not line.startswith("crlfile")), encoding="utf-8"
    )
    office.revocation_list.unlink()
    with pytest.raises(SystemExit) as ended:
        main(["--office", str(office.folder), "box", "revoke", "b1", "--yes"])
    assert not ended.value.code
    assert "add the line `crlfile " in capsys.readouterr().out
    found = x509.load_pem_x509_crl(office.revocation_list.read_bytes())
    assert [each.serial_number for each in found] == [
        each.serial_number for each in certificates_of(office, "b1")
    ]


_OFFICES: dict[str, Office] = {}


def _an_office(factory: pytest.TempPathFactory) -> Office:
    if "one" not in _OFFICES:
        made = make_office(factory.mktemp("office") / "office")
        revoke(made, "b2", now=datetime.now(UTC))
        _OFFICES["one"] = made
    return _OFFICES["one"]
