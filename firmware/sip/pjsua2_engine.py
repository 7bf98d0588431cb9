"""pjsua2 as an engine, by `pjsua2-python`: x86-64 only, four calls a process, OpenSSL 1.0.2k inside.

Facts of 2.15.1 that the code rests on: a call object alive at `libDestroy`, and any use from a thread that is not
registered, abort the process; so SIP is polled on the loop's own thread and only sound comes on another one. A request
to transfer (REFER) is followed unless it is refused.
"""

import asyncio
import contextlib
import gc
import re
import threading
import time
from importlib.metadata import version
from typing import Any

import pjsua2 as pj

from firmware.sip.engine import EngineError, Tell
from firmware.sip.wire import (
    FIRST_INCOMING,
    FRAME_BYTES,
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

TLS_LIBRARY = "OpenSSL 1.0.2k (2017-01)"
POLL_S, MOST_POLLS = 0.01, 50
MAX_HEARD_BYTES = 25 * FRAME_BYTES
"""500 ms that nobody took: older sound is of no use."""
MOST_AT_ONCE, MOST_A_SECOND = 8, 4
"""Calls from outside that the stack looks into."""
SESSION_S, SHORTEST_SESSION_S = 1800, 90
"""RFC 4028: how long a session lasts that nobody renews, and the least that we take."""
_REASON = re.compile(r"^Reason\s*:\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)


class _Sound(pj.AudioMediaPort):  # type: ignore[misc]
    """Our side of one call's sound; the two callbacks come on pjsua's own thread."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._heard = bytearray()
        self._queued = bytearray()
        self.starved = 0

    def onFrameRequested(self, frame: Any) -> None:
        """Give the next frame, silence where there is none."""
        with self._lock:
            data = bytes(self._queued[:FRAME_BYTES])
            del self._queued[:FRAME_BYTES]
        if 0 < len(data) < FRAME_BYTES:
            self.starved += 1
        frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
        frame.buf = pj.ByteVector(data.ljust(FRAME_BYTES, b"\0"))

    def onFrameReceived(self, frame: Any) -> None:
        """Keep a frame of the far end's."""
        data = bytes(frame.buf)
        with self._lock:
            self._heard += data
            del self._heard[:-MAX_HEARD_BYTES]

    def take(self) -> bytes:
        """Return what was heard since the last time."""
        with self._lock:
            data, self._heard = bytes(self._heard), bytearray()
        return data

    def queued(self) -> int:
        """Return the bytes that wait."""
        return len(self._queued)

    def put(self, pcm: bytes) -> None:
        """Queue sound."""
        with self._lock:
            self._queued += pcm

    def flush(self) -> None:
        """Forget what is queued."""
        with self._lock:
            self._queued.clear()


class _Call(pj.Call):  # type: ignore[misc]
    def __init__(self, engine: "Pjsua2Engine", account: Any, number: int, call_id: int) -> None:
        super().__init__(account, call_id)
        self._engine = engine
        self.number = number
        self.sound: _Sound | None = None
        self.is_answered = self.is_ours = self.has_rung = self.had_early = False
        self._reason = ""
        self._packets = Quality()

    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        self._keep_reason(prm)
        if info.state == pj.PJSIP_INV_STATE_EARLY and info.lastStatusCode == 180 and not self.has_rung:
            self.has_rung = True
            self._engine.tell(Ringing(call=self.number))
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED and not self.is_answered:
            self.is_answered = True
            self._engine.tell(Answered(call=self.number))
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            reason = ",".join(part for part in (info.lastReason, self._reason) if part)
            self._engine.over(
                self,
                Over(
                    call=self.number,
                    code=0 if self.is_answered else info.lastStatusCode,
                    reason=reason[:240],
                    is_ours=self.is_ours,
                    quality=self._packets,
                ),
            )

    def onCallMediaState(self, prm: Any) -> None:
        del prm
        info = self.getInfo()
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                if self.sound is None:
                    self.sound = _Sound()
                    form = pj.MediaFormatAudio()
                    form.init(pj.PJMEDIA_FORMAT_PCM, 8000, 1, 20000, 16)
                    self.sound.createPort(f"call-{self.number}", form)
                far = self.getAudioMedia(index)
                far.startTransmit(self.sound)
                self.sound.startTransmit(far)
                if not self.is_answered and not self.had_early and info.state == pj.PJSIP_INV_STATE_EARLY:
                    self.had_early = True
                    self._engine.tell(EarlyMedia(call=self.number))

    def onStreamDestroyed(self, prm: Any) -> None:
        with contextlib.suppress(pj.Error):
            rtcp = self.getStreamStat(prm.streamIdx).rtcp
            self._packets = Quality(
                packets_in=rtcp.rxStat.pkt,
                packets_out=rtcp.txStat.pkt,
                lost_in=rtcp.rxStat.loss,
                lost_out=rtcp.txStat.loss,
                jitter_in_ms=rtcp.rxStat.jitterUsec.mean / 1000,
                round_trip_ms=rtcp.rttUsec.mean / 1000,
                starved_frames=self.sound.starved if self.sound is not None else 0,
            )

    def onDtmfDigit(self, prm: Any) -> None:
        self._engine.tell(KeyHeard(call=self.number, key=prm.digit, duration_ms=max(0, prm.duration)))

    def onCallTransferRequest(self, prm: Any) -> None:
        prm.statusCode = 603  # nobody steers this box to numbers of their own

    def onCallRedirected(self, prm: Any) -> int:
        del prm
        return int(pj.PJSIP_REDIRECT_REJECT)

    def onCallTransferStatus(self, prm: Any) -> None:
        if prm.finalNotify:
            self._engine.tell(Referred(call=self.number, code=prm.statusCode, detail=prm.reason[:120]))

    def _keep_reason(self, prm: Any) -> None:
        """Keep the Reason header of the message behind an event."""
        with contextlib.suppress(pj.Error, AttributeError, ValueError):
            if prm.e.type == pj.PJSIP_EVENT_TSX_STATE and prm.e.body.tsxState.type == pj.PJSIP_EVENT_RX_MSG:
                found = _REASON.search(prm.e.body.tsxState.src.rdata.wholeMsg)
                self._reason = found.group(1) if found else self._reason


class _Account(pj.Account):  # type: ignore[misc]
    def __init__(self, engine: "Pjsua2Engine") -> None:
        super().__init__()
        self._engine = engine

    def onRegState(self, prm: Any) -> None:
        is_in = prm.code // 100 == 2 and prm.expiration > 0
        self._engine.tell(
            Registration(is_registered=is_in, code=prm.code, detail="" if is_in else prm.reason[:120])
        )

    def onIncomingCall(self, prm: Any) -> None:
        self._engine.incoming(prm.callId)


class _Endpoint(pj.Endpoint):  # type: ignore[misc]
    """Turns a flood of calls away before the stack opens sockets for their sound.

    It has 64 in all and gives one back half a second after a call: 32 calls in that time end the process (an assertion).
    So calls beyond a few are given to an account that takes none without SIPS, which is found out before any socket.
    """

    def __init__(self) -> None:
        super().__init__()
        self.takes_nobody: Any = None
        self._left, self._since_s = float(MOST_AT_ONCE), 0.0

    def onSelectAccount(self, prm: Any) -> None:
        now_s = time.monotonic()
        self._left = min(MOST_AT_ONCE, self._left + (now_s - self._since_s) * MOST_A_SECOND)
        self._since_s = now_s
        if self._left < 1:
            prm.accountIndex = self.takes_nobody.getId()
        else:
            self._left -= 1


class Pjsua2Engine:
    """One pjsua2 endpoint with one account."""

    max_calls = 4

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self._endpoint: Any = None
        self._account: Any = None
        self._calls: dict[int, _Call] = {}
        self._next_incoming = FIRST_INCOMING
        self._polling: asyncio.Task[None] | None = None

    async def open(self, account: Account) -> Up:
        """Start the stack and begin to register. Raises EngineError."""
        try:
            self._start(account)
        except pj.Error as error:
            raise EngineError(f"pjsua2 does not start: {error.title}: {error.reason}"[:200]) from None
        self._polling = asyncio.get_running_loop().create_task(self._poll(), name="pjsua2-poll")
        return Up(engine="pjsua2", version=version("pjsua2-python"), tls=TLS_LIBRARY)

    async def dial(self, call: int, uri: str, headers: dict[str, str]) -> None:
        """Send the INVITE. Raises EngineError."""
        prm = pj.CallOpParam(True)
        prm.opt.videoCount = 0
        for name, value in headers.items():
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            prm.txOption.headers.append(header)
        made = _Call(self, self._account, call, pj.PJSUA_INVALID_ID)
        self._calls[call] = made
        try:
            made.makeCall(f"<{uri}>", prm)
        except pj.Error as error:
            if self._calls.pop(call, None) is not None:  # else its end was told already
                raise EngineError(f"pjsua2 does not dial: {error.reason}"[:120]) from None

    async def answer(self, call: int) -> None:
        """Take an incoming call. Raises EngineError."""
        prm = pj.CallOpParam()
        prm.statusCode = 200
        try:
            if (found := self._calls.get(call)) is not None:
                found.answer(prm)
        except pj.Error as error:
            raise EngineError(f"pjsua2 does not answer: {error.reason}"[:120]) from None

    async def hang_up(self, call: int) -> None:
        """End a call, or refuse it."""
        if (found := self._calls.get(call)) is None:
            return
        found.is_ours = True
        prm = pj.CallOpParam()
        prm.statusCode = 486 if call >= FIRST_INCOMING and not found.is_answered else 0
        with contextlib.suppress(pj.Error):
            found.hangup(prm)

    async def send_keys(self, call: int, keys: str) -> None:
        """Press keys as RFC 4733 events. Raises EngineError."""
        try:
            if (found := self._calls.get(call)) is not None:
                found.dialDtmf(keys)
        except pj.Error as error:
            raise EngineError(f"pjsua2 sends no keys: {error.reason}"[:120]) from None

    async def refer(self, call: int, uri: str) -> None:
        """Ask the far end to call `uri`; `Referred` follows."""
        try:
            if (found := self._calls.get(call)) is not None:
                found.xfer(uri, pj.CallOpParam(True))
        except pj.Error as error:
            self.tell(Referred(call=call, code=0, detail=error.reason[:120]))

    async def ping(self) -> None:
        """Return: SIP is polled on this very thread. Raises EngineError when polling has ended."""
        if self._polling is None or self._polling.done():
            raise EngineError("pjsua2 is polled no more")

    def read(self, call: int) -> bytes:
        """Return whatever sound came since the last read."""
        sound = self._sound(call)
        return sound.take() if sound is not None else b""

    def queued(self, call: int) -> int:
        """Return the bytes that wait to be sent; -1 where nothing is sent yet."""
        sound = self._sound(call)
        return sound.queued() if sound is not None else -1

    def write(self, call: int, pcm: bytes) -> None:
        """Queue sound to be sent."""
        if (sound := self._sound(call)) is not None:
            sound.put(pcm)

    def flush(self, call: int) -> None:
        """Throw away what is queued."""
        if (sound := self._sound(call)) is not None:
            sound.flush()

    async def close(self) -> None:
        """End every call, leave the registrar and stop."""
        for call in list(self._calls):
            await self.hang_up(call)
        await asyncio.sleep(0.1)  # the poll sends what the calls' ends want to send
        if self._polling is not None:
            self._polling.cancel()
        for left in self._calls.values():
            left.sound = None
        self._calls.clear()
        gc.collect()
        with contextlib.suppress(pj.Error):
            if self._account is not None:
                self._endpoint.takes_nobody.shutdown()
                self._endpoint.takes_nobody = None
                self._account.shutdown()
                self._account = None
                gc.collect()
            self._endpoint.libDestroy()

    # ---- what the stack says

    def over(self, call: _Call, over: Over) -> None:
        """Tell a call's end and let go of it once the stack has returned."""
        if self._calls.pop(call.number, None) is not None:
            self.tell(over)
            asyncio.get_running_loop().call_later(1.0, lambda: setattr(call, "sound", None))

    def incoming(self, call_id: int) -> None:
        """Tell of a call from outside."""
        number, self._next_incoming = self._next_incoming, self._next_incoming + 1
        call = _Call(self, self._account, number, call_id)
        self._calls[number] = call
        self.tell(Incoming(call=number, peer=call.getInfo().remoteUri[:200]))

    def _sound(self, call: int) -> _Sound | None:
        found = self._calls.get(call)
        return found.sound if found is not None else None

    async def _poll(self) -> None:
        while True:
            for _ in range(MOST_POLLS):
                if self._endpoint.libHandleEvents(0) <= 0:  # one message at a time
                    break
            await asyncio.sleep(POLL_S)

    def _start(self, account: Account) -> None:
        endpoint = self._endpoint = _Endpoint()
        endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.maxCalls = self.max_calls
        config.uaConfig.userAgent = "branchline"
        config.logConfig.level = config.logConfig.consoleLevel = 0
        config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
        config.medConfig.audioFramePtime = 20
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        endpoint.libInit(config)
        transport = pj.TransportConfig()
        if account.interface:
            transport.boundAddress = account.interface
        if account.transport == "tls":
            transport.tlsConfig.CaListFile = account.ca_file
            transport.tlsConfig.verifyServer = True
        kinds = {
            "udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP, "tls": pj.PJSIP_TRANSPORT_TLS
        }  # fmt: skip
        endpoint.transportCreate(kinds[account.transport], transport)
        endpoint.libStart()
        endpoint.audDevManager().setNullDev()
        for codec in endpoint.codecEnum2():
            name = codec.codecId.split("/")[0].lower()
            rank = 255 - account.codecs.index(name) if name in account.codecs else 0
            endpoint.codecSetPriority(codec.codecId, rank)
        self._account = _Account(self)
        self._account.create(_account_config(account), True)
        nobody = pj.AccountConfig()
        nobody.idUri = "sip:nobody@localhost"
        nobody.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
        nobody.mediaConfig.srtpSecureSignaling = 2
        endpoint.takes_nobody = pj.Account()
        endpoint.takes_nobody.create(nobody)


def _account_config(account: Account) -> Any:
    config = pj.AccountConfig()
    config.idUri = f"<sip:{account.user}@{account.domain}>"
    if account.registers:
        config.regConfig.registrarUri = f"sip:{account.domain};transport={account.transport}"
        config.regConfig.timeoutSec = account.register_s
        config.regConfig.firstRetryIntervalSec = account.retry_s
        config.regConfig.retryIntervalSec = 2 * account.retry_s
        config.regConfig.randomRetryIntervalSec = account.retry_s // 2
        config.natConfig.udpKaIntervalSec = account.keep_alive_s
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
    config.callConfig.timerSessExpiresSec, config.callConfig.timerMinSESec = SESSION_S, SHORTEST_SESSION_S
    if account.password:
        user = account.auth_user or account.user
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, account.password))
    if account.proxy:
        config.sipConfig.proxies.append(f"sip:{account.proxy};transport={account.transport};lr")
    if account.interface:
        config.mediaConfig.transportConfig.boundAddress = account.interface
    if account.is_srtp:
        config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
        config.mediaConfig.srtpSecureSignaling = 1
    return config
