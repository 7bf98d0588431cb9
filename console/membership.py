"""Which certificates a box has had, the next one, and an end to all of them.

Every certificate of a box is kept here by its serial number, as only what is known can be withdrawn.
"""

import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from console.authority import load_authority
from console.broker_files import let_in, revocation_line, shut_out
from console.certificates import CLOCK_SLACK, certify_client, issue_client, revocation_list
from console.errors import ConsoleError, OfficeError
from console.office import Office
from console.private_files import folder_made_whole, replace_private, write_private

RENEWED_ONCE_IN = timedelta(hours=1)
"""A box that asks for one certificate after the other is at fault, or is not the box."""


class NotCertifiedError(ConsoleError):
    """A request for a certificate that this office does not grant; the text says why."""


def certificates_of(office: Office, box: str) -> list[x509.Certificate]:
    """Return every certificate that a box was given, oldest first."""
    paths = [office.box_folder(box) / "box.crt", *sorted((office.issued_folder / box).glob("*.crt"))]
    found = [x509.load_pem_x509_certificate(path.read_bytes()) for path in paths if path.is_file()]
    return sorted(found, key=lambda each: each.not_valid_before_utc)


def is_revoked(office: Office, box: str) -> bool:
    """Say whether a box was put out, and not let in again since."""
    return (office.revoked_folder / box).is_file()


def certify(office: Office, box: str, request: str, *, now: datetime) -> str:
    """Return a certificate (PEM) for the key of a box's request; for the same key the same one.

    Raises NotCertifiedError, OfficeError.
    """
    if box not in office.boxes():
        raise NotCertifiedError("no box of this office has that name")
    if is_revoked(office, box):
        raise NotCertifiedError("it was revoked")
    try:
        asked = x509.load_pem_x509_csr(request.encode())
        is_signed = asked.is_signature_valid
        key = asked.public_key()
    except ValueError as error:
        raise NotCertifiedError(f"the request cannot be read: {error}") from None
    names = [str(each.value) for each in asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if not is_signed:
        raise NotCertifiedError("the request is not signed with its own key")
    if names != [box]:
        raise NotCertifiedError("the request is for another name than the box's")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise NotCertifiedError("the request's key is not ECDSA P-256")
    known = certificates_of(office, box)
    for each in known:
        if _raw(each.public_key()) == _raw(key):
            return _pem(each)
    if len(known) > 1 and now < known[-1].not_valid_before_utc + CLOCK_SLACK + RENEWED_ONCE_IN:
        raise NotCertifiedError("it got another one within the hour")
    made = certify_client(load_authority(office), box, office.tenant, key, now)
    _keep(office, box, made)
    return _pem(made)


def issue_anew(office: Office, box: str, target: Path, *, now: datetime) -> Path:
    """Make a folder with a new certificate and key for a box that cannot renew its own; it is let in again.

    Raises OfficeError.
    """
    issued = issue_client(load_authority(office), office.require_box(box), office.tenant, now)
    try:
        with folder_made_whole(target) as draft:
            (draft / "box.crt").write_bytes(issued.certificate_pem)
            write_private(draft / "box.key", issued.key_pem)
    except FileExistsError:
        raise OfficeError(f"{target} is there already; name another folder with --out") from None
    _keep(office, box, issued.certificate)
    _let_in(office, box)
    return target


def revoke(office: Office, box: str, *, now: datetime) -> str:
    """Withdraw every certificate that a box has had; return what is still to be done at the broker.

    Raises OfficeError.
    """
    office.require_box(box)
    authority = load_authority(office)
    revoked = _revoked_so_far(office)
    for each in certificates_of(office, box):
        revoked.setdefault(each.serial_number, now)
    office.revoked_folder.mkdir(mode=0o700, exist_ok=True)
    (office.revoked_folder / box).write_text(f"{now.isoformat()}\n", encoding="ascii")
    _replace(office.revocation_list, revocation_list(authority, revoked, now))
    _change_rules(office, lambda acl: shut_out(acl, office.tenant, box))
    configuration = office.broker_folder / "mosquitto.conf"
    line = revocation_line(office.folder)
    if configuration.is_file() and line not in configuration.read_text(encoding="utf-8").splitlines():
        return f"add the line `{line}` to {configuration}, then start the broker anew"
    return (
        "have the broker read it (`systemctl reload mosquitto`, or `kill -HUP` of its process): from then on it takes"
        " none of that box's certificates, and over a connection that stands it takes and tells nothing"
    )


def _change_rules(office: Office, change: Callable[[str], str]) -> None:
    path = office.broker_folder / "acl"
    if path.is_file():  # an office whose broker is another one has rules elsewhere
        before = path.read_text(encoding="utf-8")
        if (after := change(before)) != before:
            replace_private(path, after.encode())


def withdraw_predecessors(office: Office, box: str, key: ec.EllipticCurvePublicKey, *, now: datetime) -> None:
    """Withdraw what machines were given that had the name before the one with `key`, which is let in. Raises OfficeError.

    The broker goes by it once it has read the list again.
    """
    given = [each for each in certificates_of(office, box) if _raw(each.public_key()) != _raw(key)]
    if given:
        revoked = _revoked_so_far(office)
        for each in given:
            revoked.setdefault(each.serial_number, now)
        _replace(office.revocation_list, revocation_list(load_authority(office), revoked, now))
    _let_in(office, box)


def _let_in(office: Office, box: str) -> None:
    (office.revoked_folder / box).unlink(missing_ok=True)
    _change_rules(office, lambda acl: let_in(acl, office.tenant, box))


def _revoked_so_far(office: Office) -> dict[int, datetime]:
    if not office.revocation_list.is_file():
        return {}
    found = x509.load_pem_x509_crl(office.revocation_list.read_bytes())
    return {each.serial_number: each.revocation_date_utc.astimezone(UTC) for each in found}


def _keep(office: Office, box: str, certificate: x509.Certificate) -> None:
    folder = office.issued_folder / box
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(folder / f"{certificate.serial_number:x}.crt", _pem(certificate).encode())


def _replace(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(draft, 0o644)
    os.replace(draft, path)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _raw(key: object) -> bytes:
    assert hasattr(key, "public_bytes")
    raw: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return raw
