"""Make an office (authority, keys, broker files) and the folder that makes a box a member of it."""

import getpass
import json
import secrets
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pyrage
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.broker_files import acl_text, mosquitto_text
from console.certificates import (
    Issued,
    certify_client,
    issue_client,
    issue_server,
    make_authority,
    revocation_list,
)
from console.errors import OfficeError
from console.office import OFFICE_FILE, Office, console_name, load_office, office_text
from console.private_files import folder_made_whole, write_private
from firmware.sync.signing import KeyFileError, key_id, load_private_key, save_private_key, save_public_key
from firmware.sync.topics import BoxTopics, InvalidNameError


def init_office(
    folder: Path,
    tenant: str,
    broker_host: str,
    *,
    now: datetime,
    broker_port: int = 8883,
    other_hosts: Sequence[str] = (),
) -> Office:
    """Make a new office in `folder`, which must not exist or be empty. Raises OfficeError.

    `other_hosts` are further names or addresses under which the broker is reached.
    """
    text = office_text(tenant, broker_host, broker_port)
    folder = folder.absolute()
    try:
        with folder_made_whole(folder) as draft:
            _fill_office(draft, tenant, [broker_host, *other_hosts], now)
            configuration = mosquitto_text(folder, broker_port, getpass.getuser())
            (draft / "broker/mosquitto.conf").write_text(configuration, encoding="utf-8")
            (draft / OFFICE_FILE).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise OfficeError(
            f"{folder} is not empty; name a new folder, or use the office that is there"
        ) from None
    return load_office(folder)


def issue_box(
    office: Office, box: str, *, now: datetime, time_zone: str = "Asia/Shanghai", language: str = "zh-CN"
) -> Path:
    """Make the folder that a box is installed with: its certificate, whom it trusts, and its settings.

    Raises OfficeError for a name that cannot be a box's, or that was issued before.
    """
    check_box_name(office, box)
    issued = issue_client(load_authority(office), box, office.tenant, now)
    target = office.box_folder(box)
    try:
        with folder_made_whole(target) as draft:
            _fill_box(draft, office, box, issued.certificate_pem, time_zone=time_zone, language=language)
            write_private(draft / "box.key", issued.key_pem)
    except FileExistsError:
        raise OfficeError(
            f"box {box} was issued before; give it the folder {target}, or choose another name"
        ) from None
    return target


def admit_box(
    office: Office,
    box: str,
    public_key: ec.EllipticCurvePublicKey,
    *,
    now: datetime,
    time_zone: str = "Asia/Shanghai",
    language: str = "zh-CN",
    replaces: bool = False,
) -> Path:
    """Make the folder of a box that has a key of its own; the same key again changes nothing.

    `replaces`: another machine takes the place of the one that has this name. Raises OfficeError.
    """
    check_box_name(office, box)
    target = office.box_folder(box)
    if target.exists():
        if _is_certified(target, public_key):
            return target
        if not replaces:
            raise OfficeError(f"box {box} was issued before; choose another name, or say --replace")
    certificate = certify_client(load_authority(office), box, office.tenant, public_key, now)
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    draft = target.with_name(f".{box}-{secrets.token_hex(4)}")
    try:
        draft.mkdir(mode=0o700)
        _fill_box(draft, office, box, pem, time_zone=time_zone, language=language)
        if target.exists():
            # The machine that had the name keeps a valid certificate until the broker is told otherwise.
            target.rename(target.with_name(f".{box}-replaced-{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"))
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def check_box_name(office: Office, box: str) -> None:
    """Raise OfficeError if no box can be called so."""
    try:
        BoxTopics(office.tenant, box)
    except InvalidNameError as error:
        raise OfficeError(f"that name will not do for a box: {error}") from None


def _is_certified(folder: Path, public_key: ec.EllipticCurvePublicKey) -> bool:
    try:
        found = x509.load_pem_x509_certificate((folder / "box.crt").read_bytes())
    except (OSError, ValueError):
        return False
    return found.public_key() == public_key


def _fill_box(
    draft: Path, office: Office, box: str, certificate_pem: bytes, *, time_zone: str, language: str
) -> None:
    signing = load_signing_key(office)
    kid = key_id(signing.public_key())
    recipient = office.recording_recipient.read_text(encoding="utf-8").strip()
    (draft / "ca.crt").write_bytes(office.ca_certificate.read_bytes())
    (draft / "box.crt").write_bytes(certificate_pem)
    (draft / "console-keys").mkdir()
    save_public_key(draft / "console-keys" / f"{kid}.pem", signing.public_key())
    first_root = office.releases / "public/metadata/1.root.json"
    if first_root.exists():
        (draft / "release-root.json").write_bytes(first_root.read_bytes())
    (draft / "box.toml").write_text(
        _box_toml(office, box, kid=kid, recipient=recipient, time_zone=time_zone, language=language),
        encoding="utf-8",
    )


def load_signing_key(office: Office) -> Ed25519PrivateKey:
    """Return the key that signs messages to boxes. Raises OfficeError."""
    try:
        return load_private_key(office.signing_key)
    except KeyFileError as error:
        raise OfficeError(f"{error}; restore it from a backup") from None


def _fill_office(draft: Path, tenant: str, hosts: list[str], now: datetime) -> None:
    for name in ("authority", "broker", "broker/data", "console", "boxes"):
        (draft / name).mkdir(mode=0o700)
    authority = make_authority(tenant, now)
    (draft / "authority/ca.crt").write_bytes(authority.certificate_pem)
    write_private(draft / "authority/ca.key", authority.key_pem)
    (draft / "authority/revoked.crl").write_bytes(revocation_list(authority, {}, now))
    server = issue_server(authority, hosts, now)
    (draft / "broker/server.crt").write_bytes(server.certificate_pem)
    write_private(draft / "broker/server.key", server.key_pem)
    console = issue_client(authority, console_name(tenant), tenant, now)
    (draft / "console/console.crt").write_bytes(console.certificate_pem)
    write_private(draft / "console/console.key", console.key_pem)
    save_private_key(draft / "console/signing.pem", Ed25519PrivateKey.generate())
    identity = pyrage.x25519.Identity.generate()
    write_private(draft / "console/recordings.age", f"{identity}\n".encode())
    (draft / "console/recordings.recipient").write_text(f"{identity.to_public()}\n", encoding="utf-8")
    # The ACL names no secret, but mosquitto warns about one that others may read or write.
    write_private(draft / "broker/acl", acl_text(tenant).encode())


def load_authority(office: Office) -> Issued:
    """Return what signs the certificates of boxes. Raises OfficeError."""
    return read_authority(office.ca_certificate, office.ca_key)


def read_authority(certificate_file: Path, key_file: Path) -> Issued:
    """Return an authority from its two files. Raises OfficeError."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise OfficeError(
            f"the authority's files cannot be used: {error}; restore them from a backup"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise OfficeError(f"{key_file} is no ECDSA key; restore it from a backup")
    return Issued(certificate, key)


def _box_toml(office: Office, box: str, *, kid: str, recipient: str, time_zone: str, language: str) -> str:
    quoted = json.dumps  # a JSON string of these names is a TOML basic string
    return f"""# Settings of box {box}. Paths are relative to this file.

[box]
id = {quoted(box)}
tenant = {quoted(office.tenant)}
time_zone = {quoted(time_zone)}
language = {quoted(language)}
data_dir = "data"

[mqtt]
host = {quoted(office.broker_host)}
port = {office.broker_port}
ca = "ca.crt"
certificate = "box.crt"
key = "box.key"

[console]
keys = [{quoted(f"console-keys/{kid}.pem")}]
recording_recipients = [{quoted(recipient)}]

[dialling]
max_call_s = 240

# One section a modem: by where it is plugged in (`branchline modem list`), or by its imei, or by at_port and pcm_port.
# [[line]]
# id = "line-1"
# usb_path = "1-1.3"
# pin_file = "line-1.pin"        # where the SIM card asks for one; mode 0400

# What `branchline-console command BOX reboot` runs; an installed box asks root's service. [] and it refuses.
# [commands]
# reboot = ["/usr/local/bin/branchline", "reboot"]

# Where the link is paid by the byte: telemetry goes first, then events wait; outcomes always go.
# [uplink]
# bytes_per_day = 5000000
# bytes_per_month = 100000000

# Where releases come from (`branchline-console release`), and when one may take the other's place.
# [update]
# repository = "https://releases.example.org/"
# opens = "01:00"
# closes = "05:00"

# A number of yours with an echo behind it, for `branchline line selftest`.
# [[test_number]]
# number = "+86…"
# kind = "echo"

# The box does not dial before a person here has approved the rule packs it needs, by name and version.
# [[compliance.approval]]
# pack = "floor"
# version = 1
# by = "who approved it"
"""
