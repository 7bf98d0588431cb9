"""Whom the downlink asks about what it does not know: the rules, and the box's own certificate."""

from typing import Protocol

from firmware.sync.answers import Apply
from firmware.sync.connection import Received
from firmware.sync.messages_certificate import Certificate
from firmware.sync.messages_policy import PolicyRelease
from firmware.sync.reading import MessageRefusedError


class RulesDoor(Protocol):
    """Who judges what the console says of the rules: sync does not know them."""

    async def prepare(self, release: PolicyRelease, received: Received) -> Apply:
        """Return what the release does in its transaction: it is put in force there, or refused whole."""
        ...


class CertificateDoor(Protocol):
    """Who keeps the box's own certificate."""

    def prepare(self, message: Certificate) -> Apply:
        """Put a certificate on trial and return what the console hears of it."""
        ...


class _NoCertificates:
    """A box without a certificate of its own."""

    def prepare(self, message: Certificate) -> Apply:
        """Refuse it."""
        raise MessageRefusedError("bad_certificate", f"this box has asked for none ({message.id[:64]})")


NO_CERTIFICATES: CertificateDoor = _NoCertificates()
