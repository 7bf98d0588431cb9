"""baresip as an engine, by `baresip-python`: x86-64 and aarch64, any number of calls, media on a native thread.

Facts of 0.5.2a3 that the code rests on: the text of CALL_CLOSED is the status line, then a comma and the Reason header
where there was one (of several in it the first alone); a loopback server needs `net_interface`; a re-INVITE raises AudioRestarted once
and goes on.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import baresip
from baresip import AudioNotActive, AudioRestarted, BaresipError, Config, Event, RegistrationError

from firmware.sip.engine import EngineError, Tell
from firmware.sip.message_watch import MessageWatch
from firmware.sip.wire import (
    FIRST_INCOMING,
    Account,
    Answered,
    EarlyMedia,
    Incoming,
    KeyHeard,
    Over,
    Quality,
    Referred,
    Registration,
    Ringing,
    Up,
)

if TYPE_CHECKING:
    from firmware.sip.narrowing import Narrower

TLS_LIBRARY = "OpenSSL 1.1.1k (2021-03)"
"""What the wheel bundles, by the names of its libraries."""
RTP_LOST_S = 30
"""No packet for so long in a call that should have some: the far end vanished without a BYE."""
LONGEST_RETRY_S = 60.0
LONGEST_READ_S = 0.4
TELEPHONE = (8000, 1)
MAX_UNCLAIMED = 64
TRANSFERRED = "Call transfered"
"""How the stack closes a call that the far end has put through as it was asked (its spelling)."""
_SETTINGS = {
    "dns_getaddrinfo": "yes",  # the machine's own resolver: /etc/hosts too, and no server is asked for an address
    # We speak 8 kHz, mono, and the stack makes it what the codec wants; what is heard comes at the codec's own rate.
    "ausrc_srate": "8000",
    "ausrc_channels": "1",
    "audio_jitter_buffer_type": "adaptive",
    "audio_jitter_buffer_ms": "40-200",  # a callee who interrupts is heard earlier than with the stack's own 100 ms
}
CODECS = {"pcma": "PCMA/8000/1", "pcmu": "PCMU/8000/1", "g722": "G722/16000/1", "opus": "opus/48000/2"}
"""What the wheel is built with, as the stack writes it."""
NARROW = frozenset({"pcma", "pcmu"})
_STATUS = re.compile(r"([1-6][0-9]{2})\b")


class BaresipEngine:
    """One baresip runtime with one account."""

    max_calls = 64

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._runtime = baresip.Runtime(command_timeout=4.0)
        self._agent: Any = None
        self._calls: dict[int, Any] = {}
        self._hung_up: set[int] = set()
        self._answered: set[int] = set()
        self._next_incoming = FIRST_INCOMING
        self._tasks: set[asyncio.Task[None]] = set()
        self._narrowers: dict[int, Narrower] = {}
        self._make_narrower: Callable[[int, int], Narrower]
        self._numbers: dict[int, int] = {}
        """Our number of a call by the stack's handle."""
        self._n_dialling = 0
        self._unclaimed: list[Any] = []
        """What the stack said of calls whose dialling has not returned yet: a fast 180 comes before it."""
        self._is_registered = False
        self._watch: MessageWatch | None = None
        self._asked, self._transport = "", ""
        """Whom we asked last to register us, and by what."""

    async def open(self, account: Account) -> Up:
        """Start the stack and begin to register. Raises EngineError."""
        self._transport = account.transport
        if not NARROW.issuperset(account.codecs):
            self._make_narrower = import_module("firmware.sip.narrowing").Narrower  # which takes numpy
        if account.takes_calls:
            self._watch = MessageWatch(self._asked_to_register)
            self._watch.__enter__()
        try:
            await self._runtime.start(_config(account))
            self._agent = await baresip.UserAgent.create(
                self._runtime, _account(account), transfer_policy="reject"
            )
        except (BaresipError, ValueError, TypeError) as error:
            raise EngineError(f"baresip does not start: {_plain(error)}") from None
        self._agent.on(self._heed_agent)
        self._runtime.subscribe(self._heed)
        self._agent.on_incoming(self._heed_incoming)
        if account.registers:
            self._spawn(self._keep_registering(float(account.retry_s)), "register")
        return Up(engine="baresip", version=version("baresip-python"), tls=TLS_LIBRARY, codecs=tuple(CODECS))

    async def dial(self, call: int, uri: str, headers: dict[str, str]) -> None:
        """Send the INVITE. Raises EngineError."""
        self._n_dialling += 1
        try:
            handle = await self._agent.dial(uri, headers)
        except (BaresipError, ValueError) as error:
            raise EngineError(f"baresip does not dial: {type(error).__name__}") from None
        finally:
            self._n_dialling -= 1
            early, self._unclaimed = self._unclaimed, []
        self._adopt(call, handle)
        for event in early:
            handle._on_stack_event(event)  # which did not exist yet; else it never knows that it was answered
            self._heed(event)

    async def answer(self, call: int) -> None:
        """Take an incoming call. Raises EngineError."""
        if (handle := self._calls.get(call)) is not None:
            with _told("answer"):
                await handle.answer()

    async def hang_up(self, call: int) -> None:
        """End a call, or refuse it."""
        handle = self._calls.get(call)
        if handle is None:
            return
        self._hung_up.add(call)
        with contextlib.suppress(BaresipError):
            if handle.state is baresip.CallState.INCOMING:
                await handle.reject()
            else:
                await handle.hangup()

    async def send_keys(self, call: int, keys: str) -> None:
        """Press keys as RFC 4733 events. Raises EngineError."""
        if (handle := self._calls.get(call)) is not None:
            with _told("send keys"):
                await handle.send_dtmf(keys)

    async def refer(self, call: int, uri: str) -> None:
        """Ask the far end to call `uri`; `Referred` follows."""
        handle = self._calls.get(call)
        if handle is None:
            return
        code, detail = 0, ""
        try:
            await handle.transfer(uri)
        except baresip.TransferFailed as error:
            code, detail = error.status or 0, error.reason
        except (BaresipError, ValueError) as error:
            detail = type(error).__name__
        else:
            return  # told with the call's end, which the stack makes of it
        self._tell(Referred(call=call, code=code, detail=detail[:120]))

    async def ping(self) -> None:
        """Return when the SIP thread answers. Raises EngineError."""
        with _told("answer a ping"):
            await self._runtime.cmd(baresip.runtime.lib.BP_CMD_PING)

    def read(self, call: int) -> bytes:
        """Return whatever sound came since the last read."""
        handle = self._calls.get(call)
        if handle is None:
            return b""
        try:
            info = handle.audio.info()
            form = (info.rx_sample_rate, info.rx_channels)
            if not info.rx_ready:
                return b""
            data = bytes(handle.audio.read(int(LONGEST_READ_S * 2 * form[0] * form[1])))
            return data if form == TELEPHONE else self._narrowed(call, form, data)
        except (AudioNotActive, AudioRestarted, ValueError):
            return b""

    def _narrowed(self, call: int, form: tuple[int, int], data: bytes) -> bytes:
        narrower = self._narrowers.get(call)
        if narrower is None or narrower.form != form:  # a re-INVITE may bring another codec
            narrower = self._narrowers[call] = self._make_narrower(*form)
        return narrower.feed(data)

    def queued(self, call: int) -> int:
        """Return the bytes that wait to be sent; -1 where nothing is sent yet."""
        handle = self._calls.get(call)
        try:
            return int(handle.audio.info().tx_buffered) if handle is not None else -1
        except (AudioNotActive, AudioRestarted):
            return -1

    def write(self, call: int, pcm: bytes) -> None:
        """Queue sound to be sent."""
        if (handle := self._calls.get(call)) is not None:
            with contextlib.suppress(AudioNotActive, AudioRestarted):
                handle.audio.write(pcm)

    def flush(self, call: int) -> None:
        """Throw away what is queued."""
        if (handle := self._calls.get(call)) is not None:
            with contextlib.suppress(AudioNotActive, AudioRestarted):
                handle.audio.flush_tx()

    async def close(self) -> None:
        """End every call, leave the registrar and stop."""
        for task in self._tasks:
            task.cancel()
        for call in list(self._calls):
            await self.hang_up(call)
        if self._watch is not None:
            self._watch.__exit__()
        with contextlib.suppress(BaresipError):
            if self._agent is not None and self._is_registered:
                await self._agent.unregister(timeout=1.0)
            await self._runtime.close()

    # ---- what the stack says

    def _adopt(self, call: int, handle: Any) -> None:
        self._calls[call] = handle
        self._numbers[handle.handle] = call
        handle.on_dtmf(
            lambda press: self._tell(KeyHeard(call=call, key=press.digit, duration_ms=press.duration_ms))
        )

    def _heed(self, event: Any) -> None:
        if not event.call:
            return
        if (call := self._numbers.get(event.call)) is not None:
            self._heed_call(call, event)
        elif self._n_dialling and len(self._unclaimed) < MAX_UNCLAIMED:
            self._unclaimed.append(event)

    def _heed_call(self, call: int, event: Any) -> None:
        match event.event:
            case Event.CALL_RINGING:
                self._tell(Ringing(call=call))
            case Event.CALL_PROGRESS:
                self._tell(EarlyMedia(call=call))
            case Event.CALL_ESTABLISHED:
                self._answered.add(call)
                self._tell(Answered(call=call))
            case Event.CALL_CLOSED:
                self._over(call, event)
            case _:
                pass

    def _over(self, call: int, event: Any) -> None:
        if self._calls.pop(call, None) is None:
            return
        del self._numbers[event.call]
        self._narrowers.pop(call, None)
        text = event.text or ""
        if text == TRANSFERRED:
            self._tell(Referred(call=call, code=200))
        status = _STATUS.match(text)
        self._tell(
            Over(
                call=call,
                code=int(status.group(1)) if status and call not in self._answered else 0,
                reason=text[:240],
                is_ours=call in self._hung_up,
                quality=_quality(event.stats),
            )
        )
        self._hung_up.discard(call)
        self._answered.discard(call)

    def _heed_incoming(self, handle: Any) -> None:
        call, self._next_incoming = self._next_incoming, self._next_incoming + 1
        self._adopt(call, handle)
        if self._watch is None:
            self._tell(Incoming(call=call))
        elif len(self._tasks) > MAX_UNCLAIMED:
            self._spawn(self.hang_up(call), "refuse")  # a flood: nobody looks where it comes from
        else:
            self._spawn(self._tell_incoming(self._watch, call, handle), "incoming")

    async def _tell_incoming(self, watch: MessageWatch, call: int, handle: Any) -> None:
        """Tell of a call together with where it came from."""
        came = await watch.invitation(handle.call_id or "")
        if call not in self._calls:
            return
        if came is None or came.transport != self._transport:
            self._tell(Incoming(call=call))
        else:
            self._tell(Incoming(call=call, caller=came.caller, source=came.source))

    def _asked_to_register(self, server: str) -> None:
        self._asked = server

    def _heed_agent(self, event: Any) -> None:
        if event.event is Event.REGISTER_OK:
            self._is_registered = True
            self._tell(Registration(is_registered=True, code=200, server=self._asked))
        elif event.event is Event.REGISTER_FAIL:
            self._is_registered = False
            status = _STATUS.match(event.text or "")
            code = int(status.group(1)) if status else 0
            self._tell(Registration(is_registered=False, code=code, detail=(event.text or "")[:120]))

    async def _keep_registering(self, retry_s: float) -> None:
        """Register, and again after a refusal or a loss; while registered the stack itself renews it in time."""
        pause_s = retry_s
        while True:
            if self._is_registered:
                pause_s = retry_s
            else:
                try:
                    await self._agent.register(timeout=10.0)
                except RegistrationError as error:
                    if error.status is None:  # nobody answered: the stack has no event for that
                        detail = f"the registrar cannot be reached: {error.reason}"[:120]
                        self._tell(Registration(is_registered=False, detail=detail))
                except BaresipError as error:
                    self._tell(Registration(is_registered=False, detail=type(error).__name__))
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_RETRY_S)

    def _spawn(self, work: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@contextlib.contextmanager
def _told(what: str) -> Any:
    try:
        yield
    except (BaresipError, ValueError) as error:
        raise EngineError(f"baresip could not {what}: {type(error).__name__}") from None


def _plain(error: Exception) -> str:
    """Say what kind of error it was; its text may quote the account, password and all."""
    return type(error).__name__


def _config(account: Account) -> Any:
    lines = [f"{key} {value}" for key, value in _SETTINGS.items()]
    if account.transport == "tls":
        lines.append("sip_verify_server yes")
    if account.ca_file:
        lines.append(f"sip_cafile {account.ca_file}")
    return Config(
        net_interface=account.interface or None,
        max_concurrent_calls=None,
        rtp_timeout=RTP_LOST_S,
        sip_trace=account.takes_calls,
        native_log_level="error",
        extra_config_text="\n".join(lines),
    )


def _account(account: Account) -> Any:
    return baresip.Account(
        user=account.user,
        domain=account.domain,
        password=account.password,
        auth_user=account.auth_user or None,
        registrar=f"{account.proxy};transport={account.transport}" if account.proxy else None,
        reg_interval=_register_s(account) if account.registers else 0,
        transport=account.transport,
        audio_codecs=tuple(CODECS[name] for name in account.codecs),
        dtmf_mode="rtpevent",
        extra_params=("mediaenc=srtp-mand",) if account.is_srtp else (),
    )


def _register_s(account: Account) -> int:
    """Return how long a registration lasts: a new one, in time, is the stack's only way to keep a NAT open."""
    if account.transport == "udp" and account.keep_alive_s:
        return min(account.register_s, account.keep_alive_s)
    return account.register_s


def _quality(payload: Any) -> Quality | None:
    if not payload:
        return None
    stats = baresip.CallStats._from_payload(payload)  # the version is pinned; `final_stats` misses a fast end
    return Quality(
        packets_in=stats.rx_packets,
        packets_out=stats.tx_packets,
        lost_in=max(0, stats.rx_lost),
        lost_out=max(0, stats.tx_lost),
        jitter_in_ms=stats.rx_jitter_ms,
        round_trip_ms=stats.rtt_ms,
        starved_frames=stats.audio_tx_starved_frames,
    )
