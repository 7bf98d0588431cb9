"""Is this message the console's, for this box, and what does it say? (pure)"""

import msgspec

from firmware.sync.connection import Received
from firmware.sync.content_encoding import EncodingError, is_compressed, plain
from firmware.sync.errors import SyncError
from firmware.sync.messages import (
    CampaignManifest,
    ContactBatch,
    Downlink,
    MalformedMessageError,
    RecordingFetch,
    RecordingReceipt,
    decode_downlink,
)
from firmware.sync.signing import SignatureError, Verifier
from firmware.sync.topics import ALL_BOXES, BoxTopics, split_down

_MAY_BE_COMPRESSED = "contacts/"
"""What is kept as it came, to be verified again, stays readable to whoever looks at it."""


class MessageRefusedError(SyncError):
    """A message that has no effect: a named reason, and a text for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Claim(msgspec.Struct, frozen=True):
    """What a message says it is, believed only as a name to answer to."""

    id: str = ""
    type: str = ""


class Reader:
    """Reads what the console signed for one box."""

    def __init__(self, topics: BoxTopics, verifier: Verifier) -> None:
        self._topics = topics
        self._verifier = verifier

    def read(self, received: Received) -> Downlink:
        """Return the message. Raises MessageRefusedError."""
        address = split_down(received.topic)
        if address is None or address[0] != self._topics.tenant or address[1] not in self._boxes:
            raise MessageRefusedError("malformed", "the topic is not a down topic of this box")
        try:
            self._verifier.verify_properties(received.topic, received.payload, received.properties)
        except SignatureError as error:
            raise MessageRefusedError(error.reason, str(error)) from None
        try:
            message = decode_downlink(_written_in(received, address[2]))
        except (MalformedMessageError, EncodingError) as error:
            raise MessageRefusedError("malformed", str(error)) from None
        if address[2] != _leaf(message):
            raise MessageRefusedError(
                "malformed", f"$.type: {kind_of(message)} does not belong on {address[2]}"
            )
        return message

    @property
    def _boxes(self) -> set[str]:
        return {self._topics.box, ALL_BOXES}


def kind_of(message: Downlink) -> str:
    """Return the message's type tag: campaign, contacts, control, receipt, suppress."""
    return str(message.__struct_config__.tag)


def claim_of(payload: bytes) -> Claim:
    """Return id and type as far as they can be read."""
    try:
        return msgspec.json.decode(plain(payload, {}), type=Claim)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, EncodingError):
        return Claim()


def _written_in(received: Received, leaf: str) -> bytes:
    """Return the JSON of a message. Raises EncodingError."""
    if leaf.startswith(_MAY_BE_COMPRESSED):
        return plain(received.payload, received.properties)
    if is_compressed(received.payload):
        raise EncodingError(f"only {_MAY_BE_COMPRESSED}… may be compressed: send plain JSON")
    return received.payload


def _leaf(message: Downlink) -> str:
    match message:
        case CampaignManifest():
            return f"campaign/{message.campaign}"
        case ContactBatch():
            return f"contacts/{message.campaign}"
        case RecordingFetch() | RecordingReceipt():
            return f"recording/{message.recording}"
        case _:
            return kind_of(message)
