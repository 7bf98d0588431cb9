"""A box's client certificate, renewed over the connection that the old one still opens.

A request is no durable message: it is said again until a certificate for its key has come.
"""

from typing import Annotated

import msgspec

from firmware.sync.envelope import Instant, Message

Pem = Annotated[str, msgspec.Meta(min_length=1, max_length=16_384)]


class CertificateRequest(Message, frozen=True, kw_only=True, tag_field="type", tag="certificate_request"):
    """Certify the key of this request, which the box made and keeps; the certificate in use ends soon."""

    request: Pem
    """PKCS #10; its common name is the box's id."""
    serial: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{1,40}$")]
    """Of the certificate in use, hexadecimal."""
    expires_at: Instant
    """When that one ends."""


class Certificate(Message, frozen=True, kw_only=True, tag_field="type", tag="certificate"):
    """The certificate that a box asked for: tried at once, kept if the broker takes it, else the old one stays."""

    certificate: Pem
    """X.509, signed by the authority that the box knows."""
