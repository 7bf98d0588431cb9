"""By which certificate and key the broker knows this box: those it was issued with, then each pair that was renewed.

A renewed pair lies in a folder of its own, its key kept under the issued one. One file names the pair in use, another the
one on trial; both are replaced by renaming, so a power cut leaves the old pair in use or the new one, never half of each.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firmware.sync.errors import SyncError
from firmware.sync.kept_keys import KeptKeyError, KeptKeys, write_new
from firmware.sync.mqtt_settings import TlsFiles

log = structlog.get_logger(__name__)
_CERTIFICATE, _KEY = "box.crt", "box.key"
_PENDING, _TRIAL, _IN_USE = "pending.key", "on-trial", "in-use"


class CertificateRefusedError(SyncError):
    """A certificate that this box cannot use; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """What a certificate says."""

    common_name: str
    serial: str
    """Hexadecimal."""
    begins_at: datetime
    expires_at: datetime

    def days_left(self, now: datetime) -> float:
        """Return how many days it still holds; negative when it has ended."""
        return (self.expires_at - now).total_seconds() / 86_400


class ClientIdentity:
    """The pairs of one box. `folder` is the box's own; `issued` came with it and is never written."""

    def __init__(self, folder: Path, issued: TlsFiles) -> None:
        self._folder = folder
        self._issued = issued
        self._keys = KeptKeys(issued.key)

    def in_use(self) -> TlsFiles:
        """Return the pair to connect with: of the issued and the renewed one that which holds longer."""
        renewed = self._named(_IN_USE)
        if renewed is None:
            return self._issued
        theirs, ours = _end_of(self._issued.certificate), _end_of(renewed.certificate)
        # A box that was issued anew, by hand, holds a later certificate than it ever renewed.
        return renewed if ours is not None and (theirs is None or ours > theirs) else self._issued

    def on_trial(self) -> TlsFiles | None:
        """Return the pair that came and has not proved itself."""
        return self._named(_TRIAL)

    def facts(self) -> CertificateFacts:
        """Return what the certificate in use says. Raises CertificateRefusedError if it cannot be read."""
        return facts_of(self.in_use().certificate)

    def request(self) -> str:
        """Return a request for the next certificate, for a key that is made once and kept until it is certified."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.facts().common_name)])
        builder = x509.CertificateSigningRequestBuilder().subject_name(name)
        return (
            builder.sign(self._pending_key(), hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
            .decode()
        )

    def accept(self, pem: str, *, now: datetime) -> None:
        """Put a certificate on trial; the same one again changes nothing. Raises CertificateRefusedError."""
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
        except ValueError as error:
            raise CertificateRefusedError(f"it cannot be read: {error}") from None
        name = f"{certificate.serial_number:x}"
        if self._read(_TRIAL) == name or self._read(_IN_USE) == name:
            return
        pending = self._folder / _PENDING
        if not pending.is_file():
            raise CertificateRefusedError("this box has asked for none")
        try:
            self._check(certificate, self._keys.read(pending), now)
        except KeptKeyError as error:
            raise CertificateRefusedError(str(error)) from None
        target = self._folder / name
        shutil.rmtree(target, ignore_errors=True)
        draft = self._folder / f"{name}.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        write_new(draft / _CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM))
        write_new(draft / _KEY, pending.read_bytes())
        _sync(draft)
        draft.rename(target)
        self._name(_TRIAL, name)

    def confirm(self) -> None:
        """Use the pair on trial from now on; the one before it stays as it is, older ones go."""
        trial = self._read(_TRIAL)
        if trial is None:
            return
        before = self._read(_IN_USE)
        self._name(_IN_USE, trial)
        for name in (_TRIAL, _PENDING):
            (self._folder / name).unlink(missing_ok=True)
        for folder in self._pairs():
            if folder.name not in (trial, before):
                shutil.rmtree(folder, ignore_errors=True)
        _sync(self._folder)

    def undo(self) -> None:
        """Forget the pair on trial, and its key: the next request is for another one."""
        trial = self._read(_TRIAL)
        for name in (_TRIAL, _PENDING):
            (self._folder / name).unlink(missing_ok=True)
        if trial is not None:
            shutil.rmtree(self._folder / trial, ignore_errors=True)
        _sync(self._folder)

    def keep_older_keys(self) -> None:
        """Keep what an older version left as it was. Raises CertificateRefusedError, OSError."""
        if not self._folder.is_dir():
            return
        try:
            n_kept = sum(
                self._keys.keep_older(path)
                for path in (self._folder / _PENDING, *(folder / _KEY for folder in self._pairs()))
            )
        except KeptKeyError as error:
            raise CertificateRefusedError(str(error)) from None
        if n_kept:
            log.info("renewed_keys_kept_under_the_issued_one", n_keys=n_kept)

    def _pending_key(self) -> ec.EllipticCurvePrivateKey:
        path = self._folder / _PENDING
        try:
            if path.is_file():
                return self._keys.read(path)
        except KeptKeyError as error:
            # The box was issued anew since: what it asked for is of no more use.
            log.warning("pending_key_given_up", reason=str(error))
            path.unlink()
        made = ec.generate_private_key(ec.SECP256R1())
        try:
            self._keys.write(path, made)
        except KeptKeyError as error:
            raise CertificateRefusedError(str(error)) from None
        return made

    def _check(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, now: datetime) -> None:
        own = self.facts()
        found = _facts(certificate)
        problem = ""
        if _raw(certificate.public_key()) != _raw(key.public_key()):
            problem = "it certifies another key than the one this box asked for"
        elif found.common_name != own.common_name:
            problem = f"it is for {found.common_name[:64]!r}, not for {own.common_name!r}"
        elif not found.begins_at <= now < found.expires_at:
            problem = f"it holds from {found.begins_at:%Y-%m-%d} to {found.expires_at:%Y-%m-%d}"
        elif found.expires_at <= own.expires_at:
            problem = "it ends no later than the one in use"
        elif not _is_for_clients(certificate):
            problem = "it is not for clients"
        if problem:
            raise CertificateRefusedError(problem)
        try:
            authority = x509.load_pem_x509_certificate(self._issued.ca.read_bytes())
            certificate.verify_directly_issued_by(authority)
        except (OSError, ValueError, TypeError, InvalidSignature):
            raise CertificateRefusedError("the authority that this box knows did not sign it") from None

    def _pairs(self) -> Iterator[Path]:
        return (each for each in self._folder.iterdir() if each.is_dir())

    def _named(self, which: str) -> TlsFiles | None:
        name = self._read(which)
        if name is None:
            return None
        folder = self._folder / name
        if not (folder / _CERTIFICATE).is_file() or not (folder / _KEY).is_file():
            log.error("renewed_certificate_missing", folder=str(folder))
            return None
        try:
            self._keys.read(folder / _KEY)
            password = self._keys.password()
        except KeptKeyError as error:
            # Another key was issued since, by hand, and this one was kept under the one before.
            log.error("renewed_key_unreadable", reason=str(error))
            return None
        return TlsFiles(
            ca=self._issued.ca,
            certificate=folder / _CERTIFICATE,
            key=folder / _KEY,
            key_password=password,
        )

    def _read(self, which: str) -> str | None:
        try:
            text = (self._folder / which).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return text if text.isalnum() else None

    def _name(self, which: str, name: str) -> None:
        draft = self._folder / f"{which}.new"
        draft.unlink(missing_ok=True)
        write_new(draft, name.encode("ascii"))
        draft.rename(self._folder / which)
        _sync(self._folder)


def facts_of(path: Path) -> CertificateFacts:
    """Return what a certificate file says. Raises CertificateRefusedError."""
    try:
        return _facts(x509.load_pem_x509_certificate(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise CertificateRefusedError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return CertificateFacts(
        common_name=str(names[0].value) if names else "",
        serial=f"{certificate.serial_number:x}",
        begins_at=certificate.not_valid_before_utc,
        expires_at=certificate.not_valid_after_utc,
    )


def _end_of(path: Path) -> datetime | None:
    try:
        return facts_of(path).expires_at
    except CertificateRefusedError:
        return None


def _is_for_clients(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage


def _raw(key: object) -> bytes:
    assert hasattr(key, "public_bytes")
    raw: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return raw


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
