"""What a decision was made from, as bytes, and the same decision made again from them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from firmware.compliance.call import BoxState, CallOrder, History, Point
from firmware.compliance.canonical import canonical_json
from firmware.compliance.decision import Decision
from firmware.compliance.gate import Gate
from firmware.compliance.library import Approval, PackLibrary
from firmware.compliance.pack import Pack


class ReplayError(ValueError):
    """What was written down cannot be read back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All that the gate was told; names and numbers are in here in the clear."""

    order: CallOrder
    history: History
    box: BoxState
    now: datetime
    point: Point

    def decide(self, gate: Gate) -> Decision:
        """Return what `gate` says about these."""
        return gate.decide(self.order, self.history, self.box, self.now, self.point)


def inputs_to_bytes(inputs: Inputs) -> bytes:
    """Return the inputs as JSON."""
    return msgspec.json.encode(inputs)


def inputs_from_bytes(data: bytes) -> Inputs:
    """Return what `inputs_to_bytes` was given. Raises ReplayError."""
    try:
        return msgspec.json.decode(data, type=Inputs)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ReplayError(f"the inputs of a decision cannot be read: {error}") from None


def pack_to_text(pack: Pack) -> str:
    """Return a pack as the text whose SHA-256 is its digest."""
    return canonical_json(pack)


def pack_from_text(text: str) -> Pack:
    """Return the pack. Raises ReplayError."""
    try:
        return msgspec.json.decode(text, type=Pack)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ReplayError(f"a rule pack in the log cannot be read: {error}") from None


def rebuilt_gate(packs: Iterable[str], approvals: Iterable[Approval]) -> Gate:
    """Return a gate over packs as they were written down. Raises ReplayError, PackError."""
    return Gate(PackLibrary(pack_from_text(text) for text in packs), list(approvals))
