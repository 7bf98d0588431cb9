"""A telephone exchange that speaks SIP over UDP: behind it live the same people as behind the modems' network.

It takes every registration and every call, as a trunk does whose server knows the box by its address. Loopback only.
"""

import asyncio
import re
from functools import partial
from typing import Any

from modem_drivers.simulator.leg import Leg, LegState
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.rtp_sound import RtpSound
from modem_drivers.simulator.sip_messages import (
    SipMessage,
    SipMessageError,
    offered_session,
    read_message,
    request_in_dialog,
    response,
    session_of,
)

ADDRESS = "127.0.0.1"
_T1_S, _T2_S, _TIMEOUT_S = 0.5, 4.0, 32.0
"""RFC 3261 §17: first and longest pause between two sendings, and when it is given up."""
_MOST_CALLS = 64
STATUSES = {
    1: "404 Not Found", 17: "486 Busy Here", 18: "480 Temporarily Unavailable", 19: "480 Temporarily Unavailable",
    20: "480 Temporarily Unavailable", 21: "603 Decline", 27: "480 Temporarily Unavailable",
    28: "484 Address Incomplete", 34: "503 Service Unavailable", 42: "503 Service Unavailable",
}  # fmt: skip
"""What an exchange answers for a cause of Q.850 (RFC 3398 §7.2.4.1); the cause goes with it (RFC 3326)."""
_FAILED = "500 Server Internal Error"


class SipExchange(asyncio.DatagramProtocol):
    """Serves one UDP port on a running loop; `tick` moves the sound of all calls every 20 ms."""

    def __init__(self, network: Network, loop: asyncio.AbstractEventLoop) -> None:
        self._network = network
        self._loop = loop
        self._calls: dict[str, _Call] = {}
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def tick(self) -> None:
        """Carry one frame each way in every call."""
        for call in list(self._calls.values()):
            call.tick()

    def forget_claims(self) -> None:
        """Do nothing: a socket is claimed by nobody."""

    def unplug(self) -> None:
        """Close the port; calls under way end as if the cable were cut."""
        for call in list(self._calls.values()):
            call.close()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: Any) -> None:
        """Begin to serve."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take one message; what is none is not answered."""
        try:
            message = read_message(data)
        except SipMessageError:
            return
        call = self._calls.get(message.get("call-id"))
        match message.method:
            case "":
                if call is not None and message.status >= 200:
                    call.answered_to(message)
            case "INVITE" if call is None:
                self._begin(message, addr)
            case "INVITE" | "ACK" | "CANCEL" | "BYE" if call is not None:
                call.take(message)
            case "ACK":
                pass
            case "REGISTER":
                contact = message.get("contact")
                expires = message.get("expires") or "600"
                extra = (f"Contact: {contact};expires={expires}",) if contact else ()
                self.send(response(message, "200 OK", tag="exchange", extra=extra), addr)
            case "OPTIONS":
                self.send(response(message, "200 OK", tag="exchange"), addr)
            case "BYE" | "CANCEL":
                self.send(response(message, "481 Call/Transaction Does Not Exist", tag="exchange"), addr)
            case _:
                self.send(response(message, "405 Method Not Allowed", tag="exchange"), addr)

    def send(self, data: bytes, addr: tuple[str, int]) -> None:
        """Send one message."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, addr)

    def over(self, call_id: str) -> None:
        """Forget a call."""
        self._calls.pop(call_id, None)

    def _begin(self, invite: SipMessage, addr: tuple[str, int]) -> None:
        if len(self._calls) >= _MOST_CALLS:
            self.send(response(invite, "503 Service Unavailable", tag="exchange"), addr)
            return
        self._calls[invite.get("call-id")] = _Call(self, invite, addr, self._network, self._loop)


class _Call:
    """The callee's side of one call: a dialog of SIP, a leg of the network, and sound."""

    def __init__(
        self,
        exchange: SipExchange,
        invite: SipMessage,
        addr: tuple[str, int],
        network: Network,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._exchange = exchange
        self._invite = invite
        self._addr = addr
        self._loop = loop
        self._tag = f"e{id(self):x}"
        self._sound: RtpSound | None = None
        self._last = b""
        """What a repeated INVITE is answered with."""
        self._repeating: asyncio.TimerHandle | None = None
        self._leg: Leg | None = None
        self._is_answered = False
        self._reply("100 Trying")
        try:
            self._peer = offered_session(invite.body)
        except SipMessageError:
            self._finish("488 Not Acceptable Here")
            return
        self._sound = RtpSound(ADDRESS)
        self._leg = network.place_call(
            caller=_user(invite.get("p-preferred-identity") or invite.get("from")),
            dialled=_user(invite.uri),
            party=self,
            schedule=loop.call_later,
            now_s=loop.time,
        )
        if self._leg.announces:
            self._sound.speak_to(self._peer)
            self._reply("183 Session Progress", with_session=True)

    # ---- what the network tells: `CallingParty`

    def call_alerting(self) -> None:
        """The person's telephone rings."""
        self._reply("180 Ringing")

    def call_connected(self) -> None:
        """The person has answered."""
        assert self._sound is not None
        self._is_answered = True
        self._sound.speak_to(self._peer)
        self._reply("200 OK", with_session=True)
        self._repeat(self._last)

    def call_released(self, cause: int) -> None:
        """The person, or the network, has ended the call."""
        reason = f"Reason: Q.850;cause={cause}"
        if not self._is_answered:
            self._finish(STATUSES.get(cause, _FAILED), reason)
            return
        via = f"SIP/2.0/UDP {ADDRESS}:{self._exchange.port};branch=z9hG4bK{self._tag}bye"
        bye = request_in_dialog(self._invite, "BYE", tag=self._tag, cseq=1, via=via, extra=(reason,))
        self._exchange.send(bye, self._addr)
        self._repeat(bye)
        self._drop_sound()

    def key_heard(self, key: str) -> None:
        """The person has pressed a key: its tones are in the sound."""

    # ---- what the far end says

    def take(self, message: SipMessage) -> None:
        """Take a request of this call's."""
        match message.method:
            case "ACK":
                self._stop_repeating()
                if self._leg is None or self._leg.state is LegState.OVER:
                    self.close()
            case "CANCEL":
                self._exchange.send(response(message, "200 OK", tag=self._tag), self._addr)
                if not self._is_answered and self._leg is not None and self._leg.state is not LegState.OVER:
                    self._leg.release()
                    self._finish("487 Request Terminated")
            case "BYE":
                self._exchange.send(response(message, "200 OK", tag=self._tag), self._addr)
                if self._leg is not None:
                    self._leg.release()
                self.close()
            case "INVITE" if message.get("cseq") != self._invite.get("cseq"):
                session = self._session()
                self._exchange.send(
                    response(message, "200 OK", tag=self._tag, extra=(self._contact(),), session=session), self._addr
                )  # fmt: skip
            case _:
                self._exchange.send(self._last, self._addr)

    def answered_to(self, message: SipMessage) -> None:
        """The far end has answered our BYE."""
        if message.get("cseq").endswith("BYE"):
            self.close()

    def tick(self) -> None:
        """Carry one frame each way."""
        if self._sound is not None and self._leg is not None and self._leg.state is not LegState.OVER:
            self._sound.tick(self._leg)

    def close(self) -> None:
        """Let go of everything."""
        self._stop_repeating()
        self._drop_sound()
        self._exchange.over(self._invite.get("call-id"))

    # ---- inside

    def _reply(self, status: str, *extra: str, with_session: bool = False) -> None:
        session = self._session() if with_session else ""
        tag = "" if status.startswith("100") else self._tag
        self._last = response(self._invite, status, tag=tag, extra=(*extra, self._contact()), session=session)
        self._exchange.send(self._last, self._addr)

    def _finish(self, status: str, *extra: str) -> None:
        self._drop_sound()
        self._reply(status, *extra)
        self._repeat(self._last)

    def _repeat(self, data: bytes, pause_s: float = _T1_S, waited_s: float = 0.0) -> None:
        """Send it again and again until the far end has heard it (RFC 3261 §13.3.1.4, §17)."""
        self._stop_repeating()

        def again() -> None:
            if waited_s + pause_s > _TIMEOUT_S:
                if self._leg is not None:
                    self._leg.release()
                self.close()
                return
            self._exchange.send(data, self._addr)
            self._repeat(data, min(2 * pause_s, _T2_S), waited_s + pause_s)

        self._repeating = self._loop.call_later(pause_s, again)

    def _stop_repeating(self) -> None:
        if self._repeating is not None:
            self._repeating.cancel()
            self._repeating = None

    def _drop_sound(self) -> None:
        sound, self._sound = self._sound, None
        if sound is not None:
            sound.close()

    def _session(self) -> str:
        assert self._sound is not None
        return session_of(ADDRESS, self._sound.port, self._peer.payload)

    def _contact(self) -> str:
        return f"Contact: <sip:{ADDRESS}:{self._exchange.port}>"


async def open_exchange(network: Network) -> SipExchange:
    """Listen on a free port of the loopback interface."""
    loop = asyncio.get_running_loop()
    _transport, exchange = await loop.create_datagram_endpoint(
        partial(SipExchange, network, loop), local_addr=(ADDRESS, 0)
    )
    return exchange


def _user(uri: str) -> str:
    found = re.search(r"sips?:([^@;>]+)@", uri)
    return found.group(1) if found else ""
