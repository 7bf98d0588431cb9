"""The network's message centre: takes texts from modems, hands them to people and modems, and reports back."""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from modem_drivers.simulator import tpdu
from modem_drivers.simulator.leg import Schedule
from modem_drivers.simulator.people import Person, Reaction
from modem_drivers.simulator.tpdu import Submit

TEXTS_KEPT = 1000
WAITING_LIMIT = 200
"""Texts kept for one modem that cannot take them; the oldest are given up."""
DELIVERY_S = 0.5
REPLY_S = 2.0
_DELIVERED, _UNREACHABLE, _UNKNOWN_NUMBER = 0x00, 0x62, 0x43
"""TP-ST (3GPP TS 23.040 §9.2.3.15): done; no response from the telephone, given up; not obtainable."""
_OFF = {Reaction.SWITCHED_OFF, Reaction.UNREACHABLE}
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class TextHost(Protocol):
    """A modem as the message centre knows it."""

    def text_offered(self, octets: bytes) -> bool:
        """Take a DELIVER or STATUS-REPORT; return False when there is no room or no radio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentText:
    """One whole text a modem sent."""

    sender: str
    recipient: str
    text: str
    n_parts: int


class MessageCentre:
    """Carries texts. Telephone numbers are international throughout."""

    def __init__(
        self,
        person: Callable[[str], Person | None],
        international: Callable[[str], str],
        clock: Callable[[], datetime] | None,
    ) -> None:
        self.sent: deque[SentText] = deque(maxlen=TEXTS_KEPT)
        """What modems sent, whole, oldest first."""
        self.on_sent: Callable[[SentText], None] = lambda _text: None
        """Told of every whole text a modem sent."""
        self._person = person
        self._international = international
        self._clock = clock
        self._hosts: dict[str, TextHost] = {}
        self._waiting: dict[str, deque[bytes]] = defaultdict(lambda: deque(maxlen=WAITING_LIMIT))
        self._parts: dict[tuple[str, str, int], dict[int, str]] = {}
        self._n_replies: dict[str, int] = defaultdict(int)
        self._reference = 0

    def attach(self, number: str, host: TextHost) -> None:
        """Bring texts to `number` to this modem from now on."""
        self._hosts[number] = host

    def submit(
        self, sender: str, body: Submit, reference: int, *, schedule: Schedule, now_s: Callable[[], float]
    ) -> None:
        """Take one SUBMIT of the modem with number `sender`; its reports carry `reference`."""
        recipient = self._international(body.recipient)
        taken_at = self._at(now_s)
        self._keep(sender, recipient, body)

        def arrive() -> None:
            status = self._arrive(sender, recipient, body, taken_at, schedule, now_s)
            if body.wants_report:
                self._offer(
                    sender,
                    tpdu.status_report(reference, body.recipient, taken_at, self._at(now_s), status),
                )

        schedule(DELIVERY_S, arrive)

    def text_from(self, sender: str, number: str, text: str, *, now_s: Callable[[], float]) -> None:
        """Bring a text of anybody's to the modem with `number`, in as many parts as it takes."""
        self._reference += 1
        for part in tpdu.submits(number, text, reference=self._reference):
            self._offer(number, tpdu.deliver(sender, self._at(now_s), part))

    def try_again(self, number: str) -> None:
        """Bring what waits for a modem that has room and radio again."""
        waiting, host = self._waiting[number], self._hosts[number]
        while waiting and host.text_offered(waiting[0]):
            waiting.popleft()

    def _arrive(
        self,
        sender: str,
        recipient: str,
        body: Submit,
        taken_at: datetime,
        schedule: Schedule,
        now_s: Callable[[], float],
    ) -> int:
        if recipient in self._hosts:
            self._offer(recipient, tpdu.deliver(sender, taken_at, body))
            return _DELIVERED
        person = self._person(recipient)
        if person is None:
            return _UNKNOWN_NUMBER
        if person.reaction in _OFF:
            return _UNREACHABLE
        _, n_parts, part = body.part
        n_earlier = self._n_replies[recipient]
        if part == n_parts and n_earlier < len(person.answers_texts):
            self._n_replies[recipient] += 1
            reply = person.answers_texts[n_earlier]
            schedule(REPLY_S, partial(self.text_from, recipient, sender, reply, now_s=now_s))
        return _DELIVERED

    def _keep(self, sender: str, recipient: str, body: Submit) -> None:
        reference, n_parts, part = body.part
        key = (sender, recipient, reference)
        parts = self._parts.setdefault(key, {})
        parts[part] = body.text
        if len(parts) < n_parts:
            while len(self._parts) > TEXTS_KEPT:
                del self._parts[next(iter(self._parts))]
            return
        del self._parts[key]
        units = "".join(parts[place] for place in sorted(parts)).encode("utf-16-be", "surrogatepass")
        whole = units.decode("utf-16-be", "replace")
        text = SentText(sender=sender, recipient=recipient, text=whole, n_parts=n_parts)
        self.sent.append(text)
        self.on_sent(text)

    def _offer(self, number: str, octets: bytes) -> None:
        host = self._hosts.get(number)
        if host is None:
            return
        waiting = self._waiting[number]
        if waiting or not host.text_offered(octets):
            waiting.append(octets)

    def _at(self, now_s: Callable[[], float]) -> datetime:
        return _EPOCH + timedelta(seconds=now_s()) if self._clock is None else self._clock()
