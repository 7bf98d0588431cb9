"""SIP messages as far as a telephone exchange of simulated people needs them (RFC 3261 §7), and their sessions (RFC 4566).

Bytes in, values out; nothing here knows a socket or a clock.
"""

import re
from dataclasses import dataclass

from modem_drivers.simulator.errors import SimulatorError

MAX_BYTES = 16_384
_SHORT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
}  # fmt: skip
_ECHOED = ("via", "from", "call-id", "cseq")
_PAYLOADS = {0: "PCMU", 8: "PCMA"}


class SipMessageError(SimulatorError):
    """These bytes are no SIP message that an exchange could use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SipMessage:
    """A request or a response."""

    start: str
    headers: tuple[tuple[str, str], ...]
    """Names in lower case and in full."""
    body: str = ""

    @property
    def method(self) -> str:
        """Return the method of a request, "" for a response."""
        return "" if self.start.startswith("SIP/") else self.start.partition(" ")[0]

    @property
    def status(self) -> int:
        """Return the status of a response, 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/") else 0

    @property
    def uri(self) -> str:
        """Return what a request is for."""
        return self.start.split()[1]

    def get(self, name: str) -> str:
        """Return the first header of that name, "" when there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def all(self, name: str) -> list[str]:
        """Return every header of that name."""
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Where the other side wants its sound, and as what."""

    address: str
    port: int
    payload: int
    """0 for G.711 µ-law, 8 for A-law."""


def read_message(data: bytes) -> SipMessage:
    """Return the message in a datagram. Raises SipMessageError."""
    if len(data) > MAX_BYTES:
        raise SipMessageError("too long")
    head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
    start, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    if not re.fullmatch(r"[A-Z]+ \S+ SIP/2\.0|SIP/2\.0 [1-6][0-9]{2} .*", start):
        raise SipMessageError("neither a request nor a response")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise SipMessageError("a header without a name")
        name = name.strip().lower()
        headers.append((_SHORT.get(name, name), value.strip()))
    message = SipMessage(start=start, headers=tuple(headers), body=body)
    if not all(message.get(name) for name in (*_ECHOED, "to")):
        raise SipMessageError("a header is missing that every message has")
    if not re.fullmatch(r"[0-9]{1,10} [A-Z]+", message.get("cseq")):
        raise SipMessageError("no CSeq")
    return message


def response(
    request: SipMessage, status: str, *, tag: str = "", extra: tuple[str, ...] = (), session: str = ""
) -> bytes:
    """Return the bytes that answer a request; `status` is ``180 Ringing``."""
    to = request.get("to")
    lines = [f"SIP/2.0 {status}"]
    for name in ("via", "record-route", "from", "call-id", "cseq"):
        lines += [f"{name.title()}: {value}" for value in request.all(name)]
    lines.append(f"To: {to}" if not tag or ";tag=" in to else f"To: {to};tag={tag}")
    return _finished(lines, extra, session)


def request_in_dialog(
    invite: SipMessage, method: str, *, tag: str, cseq: int, via: str, extra: tuple[str, ...] = ()
) -> bytes:
    """Return a request of the callee's side in the call that `invite` began."""
    found = re.search(r"<([^>]+)>|^([^;]+)", invite.get("contact"))
    target = (found.group(1) or found.group(2)) if found else invite.uri
    lines = [
        f"{method} {target} SIP/2.0",
        f"Via: {via}",
        "Max-Forwards: 70",
        *(f"Route: {route}" for route in invite.all("record-route")),
        f"From: {invite.get('to')};tag={tag}",
        f"To: {invite.get('from')}",
        f"Call-ID: {invite.get('call-id')}",
        f"CSeq: {cseq} {method}",
    ]
    return _finished(lines, extra, "")


def offered_session(body: str) -> Session:
    """Return the first of our two codecs that an offer has, and where its sound goes. Raises SipMessageError."""
    audio = re.search(r"^m=audio ([0-9]{1,5}) RTP/AVP ([0-9 ]+)\r?$", body, re.MULTILINE)
    # A connection of the medium's own comes after its m= line and is the last one.
    addresses: list[str] = re.findall(r"^c=IN IP4 ([0-9.]+)\r?$", body, re.MULTILINE)
    if audio is None or not addresses:
        raise SipMessageError("no sound is offered over IPv4")
    for payload in map(int, audio.group(2).split()):
        if payload in _PAYLOADS:
            return Session(address=addresses[-1], port=int(audio.group(1)), payload=payload)
    raise SipMessageError("neither G.711 A-law nor µ-law is offered")


def session_of(address: str, port: int, payload: int) -> str:
    """Return the description of our side."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {payload}\r\na=rtpmap:{payload} {_PAYLOADS[payload]}/8000\r\na=ptime:20\r\n"
    )


def _finished(lines: list[str], extra: tuple[str, ...], session: str) -> bytes:
    lines += extra
    if session:
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(session.encode())}")
    return ("\r\n".join(lines) + "\r\n\r\n" + session).encode()
