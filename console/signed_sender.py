"""Publish to boxes: every message signed, sent again until the broker has it."""

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.errors import BrokerError
from firmware.sync.connection import NO_PROPERTIES, Connection
from firmware.sync.errors import NotConnectedError, PublishRefusedError
from firmware.sync.signing import signed_properties


class SignedSender:
    """Signs with the console's key; a lost connection is waited out."""

    def __init__(self, connection: Connection, key: Ed25519PrivateKey) -> None:
        self._connection = connection
        self._key = key

    async def send(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        response_topic: str = "",
        correlation: bytes = b"",
        properties: Mapping[str, str] = NO_PROPERTIES,
    ) -> None:
        """Return when the broker has the message. Raises BrokerError if it will not take it."""
        properties = {**properties, **signed_properties(self._key, topic, payload)}
        while True:
            await self._connection.wait_connected()
            try:
                await self._connection.publish(
                    topic,
                    payload,
                    retain=retain,
                    properties=properties,
                    response_topic=response_topic,
                    correlation=correlation,
                )
            except NotConnectedError:
                continue
            except PublishRefusedError as error:
                raise BrokerError(f"{error}; check the broker's ACL file against the office's") from None
            return
