"""X.509 for one office: an authority, the broker, the console's roles and the boxes (ECDSA P-256)."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
MEMBER_DAYS = 825
CLOCK_SLACK = timedelta(days=1)
"""A small computer without a battery-backed clock may be behind when it first connects."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        """Return the certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """Return the private key as PEM, PKCS #8, not encrypted: the file's mode protects it."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def make_authority(tenant: str, now: datetime, *, called: str = "Branchline office authority") -> Issued:
    """Return a new authority that may sign members and nothing below them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, tenant),
            x509.NameAttribute(NameOID.COMMON_NAME, called),
        ]
    )
    builder = _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
    )
    return Issued(builder.sign(key, hashes.SHA256()), key)


def issue_server(authority: Issued, hosts: Sequence[str], now: datetime) -> Issued:
    """Return the broker's certificate: it may serve as any of `hosts` and may not connect as a client."""
    names = [_general_name(host) for host in hosts]
    return _issue(authority, hosts[0], names, ExtendedKeyUsageOID.SERVER_AUTH, now)


def issue_client(
    authority: Issued, common_name: str, tenant: str, now: datetime, *, days: int = MEMBER_DAYS
) -> Issued:
    """Return a client's certificate: the common name is who it is to the broker."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Issued(certify_client(authority, common_name, tenant, key.public_key(), now, days=days), key)


def certify_client(
    authority: Issued,
    common_name: str,
    tenant: str,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    *,
    days: int = MEMBER_DAYS,
) -> x509.Certificate:
    """Return a client's certificate over a key of its own, which this console never sees."""
    uri = x509.UniformResourceIdentifier(f"urn:branchline:{tenant}:{common_name}")
    return _certify(
        authority, common_name, [uri], ExtendedKeyUsageOID.CLIENT_AUTH, public_key, now=now, days=days
    )


def revocation_list(authority: Issued, revoked: Mapping[int, datetime], now: datetime) -> bytes:
    """Return the list of what the authority has withdrawn: serial number to when. PEM.

    It never runs out before the authority: a broker with a list that has run out refuses everybody.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now - CLOCK_SLACK)
        .next_update(authority.certificate.not_valid_after_utc)
    )
    for serial in sorted(revoked):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(revoked[serial])
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _issue(
    authority: Issued,
    common_name: str,
    names: Sequence[x509.GeneralName],
    purpose: x509.ObjectIdentifier,
    now: datetime,
) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certify(
        authority, common_name, names, purpose, key.public_key(), now=now, days=MEMBER_DAYS
    )
    return Issued(certificate, key)


def _certify(
    authority: Issued,
    common_name: str,
    names: Sequence[x509.GeneralName],
    purpose: x509.ObjectIdentifier,
    public_key: ec.EllipticCurvePublicKey,
    *,
    now: datetime,
    days: int,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    builder = _builder(authority.certificate.subject, subject, public_key, now, days)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False
    )
    return builder.sign(authority.key, hashes.SHA256())


def _builder(
    issuer: x509.Name, subject: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SLACK)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
