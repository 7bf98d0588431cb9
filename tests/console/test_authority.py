"""An office and its boxes on disk: what is made, who may read it, what is refused."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from console.authority import init_office, issue_box, load_signing_key
from console.broker_files import acl_text
from console.errors import OfficeError
from console.office import Office, load_office
from firmware.settings import load_settings
from firmware.sync.signing import key_id, load_public_key

PRIVATE = (".key", ".pem", ".age")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def purposes(path: Path) -> set[x509.ObjectIdentifier]:
    return set(certificate(path).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_every_private_key_is_its_owners_alone(office: Office) -> None:
    secrets = [
        path
        for path in office.folder.rglob("*")
        if path.suffix in PRIVATE and "console-keys" not in path.parts
    ]
    assert {path.name for path in secrets} == {
        "ca.key", "server.key", "console.key", "signing.pem", "recordings.age", "box.key",
    }  # fmt: skip
    assert {mode(path) for path in secrets} == {0o600}
    assert {mode(path) for path in secrets for path in [path.parent]} == {0o700}


def test_no_private_key_of_the_office_goes_to_a_box(office: Office) -> None:
    going = [path for path in office.box_folder("b1").rglob("*") if path.is_file()]
    private = [path.name for path in going if b"PRIVATE KEY" in path.read_bytes()]
    assert private == ["box.key"]
    assert not [path for path in going if b"AGE-SECRET-KEY" in path.read_bytes()]


def test_a_certificate_serves_one_purpose(office: Office) -> None:
    assert purposes(office.broker_folder / "server.crt") == {ExtendedKeyUsageOID.SERVER_AUTH}
    assert purposes(office.box_folder("b1") / "box.crt") == {ExtendedKeyUsageOID.CLIENT_AUTH}
    assert purposes(office.certificate) == {ExtendedKeyUsageOID.CLIENT_AUTH}


def test_the_authority_signs_members_and_nothing_below_them(office: Office) -> None:
    authority = certificate(office.ca_certificate)
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    for path in (
        office.certificate,
        office.broker_folder / "server.crt",
        office.box_folder("b1") / "box.crt",
    ):
        certificate(path).verify_directly_issued_by(authority)


def test_the_boxs_name_is_in_its_certificate(office: Office) -> None:
    subject = certificate(office.box_folder("b1") / "box.crt").subject
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["b1"]


def test_the_broker_is_known_by_every_name_given(office: Office) -> None:
    names = certificate(office.broker_folder / "server.crt").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(ip) for ip in names.value.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_the_box_reads_its_settings_as_they_were_written(office: Office) -> None:
    folder = issue_box(office, "b3", now=datetime.now(UTC), time_zone="Europe/Berlin", language="en")
    settings = load_settings(folder / "box.toml")
    assert (settings.box.id, settings.box.tenant, settings.box.language) == ("b3", "demo", "en")
    assert (settings.mqtt.host, settings.mqtt.port) == ("localhost", office.broker_port)
    assert all(
        Path(path).is_file() for path in (settings.mqtt.ca, settings.mqtt.certificate, settings.mqtt.key)
    )
    [key] = settings.console.keys
    assert load_public_key(Path(key)) == load_signing_key(office).public_key()
    assert Path(key).stem == key_id(load_signing_key(office).public_key())
    assert settings.console.recording_recipients == [office.recording_recipient.read_text().strip()]
    assert settings.compliance.approval == [], "approving a rule pack is a person's act"


@pytest.mark.parametrize("name", ["all", "console@demo", "a/b", "+", "#", "", "-x", "x" * 65, "b1\n"])
def test_a_name_that_is_no_box_is_refused(office: Office, name: str) -> None:
    before = office.boxes()
    with pytest.raises(OfficeError):
        issue_box(office, name, now=datetime.now(UTC))
    assert office.boxes() == before == ["b1", "b2"]


def test_a_box_is_issued_once(office: Office) -> None:
    key = (office.box_folder("b1") / "box.key").read_bytes()
    with pytest.raises(OfficeError, match="issued before"):
        issue_box(office, "b1", now=datetime.now(UTC))
    assert (office.box_folder("b1") / "box.key").read_bytes() == key


def test_an_office_is_never_made_over_another(office: Office) -> None:
    with pytest.raises(OfficeError, match="not empty"):
        init_office(office.folder, "other", "localhost", now=datetime.now(UTC))
    assert load_office(office.folder).tenant == "demo"


@pytest.mark.parametrize(
    ("tenant", "host"), [("a/b", "localhost"), ("demo", "no host"), ("demo", 'x"\ny = "z')]
)
def test_names_that_will_not_do_leave_nothing_behind(tmp_path: Path, tenant: str, host: str) -> None:
    with pytest.raises(OfficeError):
        init_office(tmp_path / "office", tenant, host, now=datetime.now(UTC))
    assert list(tmp_path.iterdir()) == []


def test_a_failure_half_way_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise OSError("disk full")

    monkeypatch.setattr("console.authority.acl_text", fail)
    with pytest.raises(OSError, match="disk full"):
        init_office(tmp_path / "office", "demo", "localhost", now=datetime.now(UTC))
    assert list(tmp_path.iterdir()) == []


def test_the_acl_stands_on_the_certificates_name() -> None:
    assert acl_text("demo").splitlines()[1:] == [
        "user console@demo",
        "topic read branchline/1/demo/+/up/#",
        "topic write branchline/1/demo/+/down/#",
        "",
        "pattern write branchline/1/demo/%u/up/#",
        "pattern read branchline/1/demo/%u/down/#",
        "pattern read branchline/1/demo/all/down/#",
        "",
        "user console@demo",
        "topic read branchline/1/demo/@claim/+/+/request",
        "topic write branchline/1/demo/@claim/+/+/answer",
    ]


def test_one_watch_at_a_time(office: Office) -> None:
    with (
        office.claimed("watch"),
        pytest.raises(OfficeError, match="another `watch`"),
        office.claimed("watch"),
    ):
        pass
    with office.claimed("watch"):
        pass


@pytest.mark.parametrize(
    "content", ["", "tenant = 1", "tenant = 'x'\nbroker_host='h'\nnew = 1", "\xff", "a = ["]
)
def test_a_spoilt_office_file_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "office.toml").write_bytes(content.encode("latin-1"))
    with pytest.raises(OfficeError) as caught:
        load_office(tmp_path)
    assert "\n" not in str(caught.value)
