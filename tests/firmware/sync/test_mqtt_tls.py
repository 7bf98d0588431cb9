"""TLS: who may talk to whom, and one clear line for every refusal."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firmware.sync.broker_faults import tls_context
from firmware.sync.connection import MqttConnection, MqttSettings, TlsFiles, probe_broker
from firmware.sync.errors import BrokerRefusedError
from tests.firmware.sync.conftest import Mosquitto

DEADLINE_S = 15


class Authority:
    """A certificate authority that writes PEM files into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.crt"
        certificate = self._sign(
            self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=0)
        )
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, common_name: str, *alternatives: x509.GeneralName) -> tuple[Path, Path]:
        """Return the files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        extension = x509.SubjectAlternativeName(alternatives or [x509.DNSName(common_name)])
        certificate = self._sign(name, key.public_key(), extension)
        certificate_file, key_file = self._folder / f"{common_name}.crt", self._folder / f"{common_name}.key"
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate_file, key_file

    def _sign(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .sign(self._key, hashes.SHA256())
        )


@pytest.fixture
def office(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "office-ca")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "stranger-ca")


def start_tls(
    start_mosquitto: Callable[..., Mosquitto], signed_by: Authority, trusts: Authority
) -> Mosquitto:
    certificate, key = signed_by.issue("broker", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    known = certificate.with_name("broker-trusts.crt")
    known.write_bytes(trusts.file.read_bytes())
    return start_mosquitto(
        listener=(
            f"cafile {known}\ncertfile {certificate}\nkeyfile {key}\n"
            "require_certificate true\nuse_identity_as_username true"
        )
    )


def settings_for(broker: Mosquitto, ca: Authority, own: Authority, host: str = "127.0.0.1") -> MqttSettings:
    certificate, key = own.issue("box-1")
    return MqttSettings(
        host=host,
        port=broker.port,
        client_id="box-1",
        tls=TlsFiles(ca=ca.file, certificate=certificate, key=key),
        back_off_s=0.05,
        back_off_cap_s=0.2,
    )


async def settled(settings: MqttSettings) -> str:
    """Return why the broker is not to be had, once it listens at all; empty if it is."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                await probe_broker(settings)
            except BrokerRefusedError as error:
                if "nobody listens" not in str(error):
                    return str(error)
            else:
                return ""


def test_box_and_broker_that_know_each_other_talk(
    start_mosquitto: Callable[..., Mosquitto], office: Authority
) -> None:
    broker = start_tls(start_mosquitto, office, office)
    settings = settings_for(broker, office, office)

    async def story() -> None:
        async with asyncio.timeout(DEADLINE_S), MqttConnection(settings, subscriptions=["t"]) as connection:
            await connection.wait_connected()
            await connection.publish("t", b"x" * 200_000)
            async for received in connection.received():
                assert len(received.payload) == 200_000
                received.ack()
                break

    asyncio.run(story())


def test_a_broker_of_another_authority_is_refused_and_the_line_names_file_and_host(
    start_mosquitto: Callable[..., Mosquitto], office: Authority, stranger: Authority
) -> None:
    broker = start_tls(start_mosquitto, stranger, office)
    reason = asyncio.run(settled(settings_for(broker, office, office)))
    assert "broker's certificate is refused" in reason
    assert str(office.file) in reason
    assert f"127.0.0.1:{broker.port}" in reason
    assert "\n" not in reason


def test_a_certificate_for_another_host_is_refused(
    start_mosquitto: Callable[..., Mosquitto], office: Authority
) -> None:
    broker = start_tls(start_mosquitto, office, office)
    reason = asyncio.run(settled(settings_for(broker, office, office, host="localhost")))
    assert "Hostname mismatch" in reason


def test_a_box_of_another_authority_is_told_that_its_certificate_is_refused(
    start_mosquitto: Callable[..., Mosquitto], office: Authority, stranger: Authority
) -> None:
    broker = start_tls(start_mosquitto, office, office)
    settings = settings_for(broker, office, stranger)
    reason = asyncio.run(settled(settings))
    assert settings.tls is not None
    assert f"refuses {settings.tls.certificate}" in reason
    assert "\n" not in reason


@pytest.mark.parametrize(
    ("version", "is_taken"), [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)]
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_nothing_older_than_tls_1_2_is_spoken(
    office: Authority, version: ssl.TLSVersion, is_taken: bool
) -> None:
    """The far end speaks this version at most, and would take any cipher for it; its own word on the version is checked."""
    certificate, key = office.issue("broker", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    box_certificate, box_key = office.issue("box-1")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.set_ciphers("ALL:@SECLEVEL=0")
    server.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    server.maximum_version = version
    server.load_cert_chain(certificate, key)
    client = tls_context(TlsFiles(ca=office.file, certificate=box_certificate, key=box_key))
    assert _handshake(client, server) is is_taken
    # The far end is one that an old client can talk to: what is refused is the version.
    old = ssl.create_default_context(cafile=str(office.file))
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    assert _handshake(old, server)


def _handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> bool:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    done: set[ssl.SSLObject] = set()
    for _ in range(10):
        for end in {ours, theirs} - done:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
            done.add(end)
    return len(done) == 2


def test_a_missing_key_file_is_named(start_mosquitto: Callable[..., Mosquitto], office: Authority) -> None:
    broker = start_tls(start_mosquitto, office, office)
    settings = settings_for(broker, office, office)
    assert settings.tls is not None
    settings.tls.key.unlink()
    assert f"{settings.tls.key} is not there" in asyncio.run(settled(settings))


def test_a_mended_authority_file_is_noticed_without_a_restart(
    start_mosquitto: Callable[..., Mosquitto], office: Authority, stranger: Authority
) -> None:
    broker = start_tls(start_mosquitto, office, office)
    settings = settings_for(broker, office, office)
    right = office.file.read_bytes()
    office.file.write_bytes(stranger.file.read_bytes())

    async def story() -> None:
        async with asyncio.timeout(DEADLINE_S), MqttConnection(settings) as connection:
            while "certificate is refused" not in connection.failure:
                await connection.wait_changed()
            office.file.write_bytes(right)
            await connection.wait_connected()

    asyncio.run(story())
