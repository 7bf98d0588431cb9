"""A client's own key and its request for a certificate (PKCS #10, RFC 2986): the private key never leaves its machine."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

MAX_REQUEST_CHARACTERS = 4096


class BadRequestError(ValueError):
    """A certificate request that nobody should sign; the text says why."""


def new_client_key() -> ec.EllipticCurvePrivateKey:
    """Return a new ECDSA P-256 key: what every TLS library and broker takes."""
    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM, PKCS #8, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_client_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Return the key of a PEM. Raises BadRequestError."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadRequestError(f"no private key can be read: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadRequestError("another kind of key than ECDSA")
    return key


def request_pem(key: ec.EllipticCurvePrivateKey, common_name: str) -> str:
    """Return a request for a certificate over this key. The authority decides on the name, not the request."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64] or "box")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")


def requested_key(pem: str) -> ec.EllipticCurvePublicKey:
    """Return the public key of a request whose maker holds the private one. Raises BadRequestError."""
    if len(pem) > MAX_REQUEST_CHARACTERS:
        raise BadRequestError("longer than any request for a P-256 key")
    try:
        request = x509.load_pem_x509_csr(pem.encode("ascii"))
        key = request.public_key()
        is_signed = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise BadRequestError(f"no certificate request can be read: {error}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadRequestError("its key is no ECDSA P-256 key")
    if not is_signed:
        raise BadRequestError("it is not signed by the key that it carries")
    return key


def public_der(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key's one encoding (SubjectPublicKeyInfo, DER)."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
