"""Parts of long messages gathered until each message is whole; bounded in number and time."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from modem_drivers.pdu.alphabet import mend_halves
from modem_drivers.pdu.deliver import Deliver

MAX_UNFINISHED = 32
MAX_AGE_S = 24 * 3600.0
"""A part that has waited this long for its fellows waits in vain."""

Token = TypeVar("Token")


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeMessage(Generic[Token]):
    """A message with all its parts, or what there is of it."""

    first: Deliver
    """Sender and time are those of the lowest part that is there."""
    text: str
    n_missing: int
    tokens: tuple[Token, ...]
    """What the caller handed in with each part: where it is stored."""


@dataclass(slots=True)
class _Unfinished(Generic[Token]):
    total: int
    since_s: float
    parts: dict[int, tuple[Deliver, list[Token]]] = field(default_factory=dict)


class Reassembly(Generic[Token]):
    """Put parts together by sender, reference and number of parts."""

    def __init__(self) -> None:
        self._unfinished: dict[tuple[str, bool, int, int], _Unfinished[Token]] = {}

    @property
    def tokens(self) -> list[Token]:
        """Return the tokens of all parts that wait."""
        return [
            token
            for message in self._unfinished.values()
            for _, tokens in message.parts.values()
            for token in tokens
        ]

    def release_tokens(self) -> list[Token]:
        """Return the tokens of all parts that wait and forget them: their places are about to be emptied."""
        released = self.tokens
        for message in self._unfinished.values():
            message.parts = {number: (deliver, []) for number, (deliver, _) in message.parts.items()}
        return released

    def add(self, deliver: Deliver, token: Token, now_s: float) -> list[WholeMessage[Token]]:
        """Take one message or part; return what is whole now, and what was given up to make room."""
        part = deliver.user_data.header.concatenation
        if part is None:
            text = deliver.user_data.text
            return [WholeMessage(first=deliver, text=text, n_missing=0, tokens=(token,))]
        key = (deliver.sender.text, part.is_wide, part.reference, part.total)
        message = self._unfinished.setdefault(key, _Unfinished(total=part.total, since_s=now_s))
        _, tokens = message.parts.get(part.number, (deliver, []))
        if token not in tokens:
            message.parts[part.number] = (deliver, [*tokens, token])  # a part sent twice is stored twice
        if len(message.parts) == message.total:
            del self._unfinished[key]
            return [_whole(message)]
        if len(self._unfinished) > MAX_UNFINISHED:
            oldest = min(self._unfinished, key=lambda each: self._unfinished[each].since_s)
            return [_whole(self._unfinished.pop(oldest))]
        return []

    def give_up_old(self, now_s: float, *, max_age_s: float = MAX_AGE_S) -> list[WholeMessage[Token]]:
        """Return, with their gaps, the messages whose other parts have not come within `max_age_s`."""
        old = [key for key, message in self._unfinished.items() if now_s - message.since_s >= max_age_s]
        return [_whole(self._unfinished.pop(key)) for key in old]


def _whole(message: _Unfinished[Token]) -> WholeMessage[Token]:
    parts = sorted(message.parts.items())
    texts = {number: deliver.user_data.text for number, (deliver, _) in parts}
    return WholeMessage(
        first=parts[0][1][0],
        text=mend_halves("".join(texts.get(number, "…") for number in range(1, message.total + 1))),
        n_missing=message.total - len(parts),
        tokens=tuple(token for _, (_, tokens) in parts for token in tokens),
    )
