"""The property blocks of what this client publishes, in paho's terms."""

import functools
from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class _Packed(Properties):
    """Properties packed once: paho's own packing took a third of the time of a publication."""

    def __init__(self, packed: bytes) -> None:
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        object.__setattr__(self, "_packed", packed)

    def pack(self) -> bytes:
        """Return the block with its length."""
        return self._packed  # type: ignore[attr-defined,no-any-return]


@functools.lru_cache(64)
def publish_properties(user: tuple[tuple[str, str], ...]) -> Properties:
    """Return the block of a message without an answer's address; packed once for the same user properties."""
    return _Packed(_made_properties(user).pack())  # type: ignore[no-untyped-call]


def request_properties(
    user: tuple[tuple[str, str], ...], response_topic: str, correlation: bytes
) -> Properties:
    """Return the block of a question or an answer."""
    made = _made_properties(user)
    if response_topic:
        made.ResponseTopic = response_topic
    if correlation:
        made.CorrelationData = correlation
    return made


def _made_properties(user: tuple[tuple[str, str], ...]) -> Properties:
    made: Properties = properties_of(PacketTypes.PUBLISH)
    made.ContentType = "application/json"
    if user:
        made.UserProperty = list(user)
    return made


def properties_of(packet_type: int) -> Any:
    """Return an empty block."""
    return Properties(packet_type)  # type: ignore[no-untyped-call]
