"""pjsua2 as an engine, by `pjsua2-python`: x86-64 only, four calls a process, OpenSSL 1.0.2k inside.

Facts of 2.15.1 that the code rests on: a call object alive at `libDestroy`, and any use from a thread that is not
registered, abort the process; so SIP is polled on the loop's own thread and only sound comes on another one. A request
to transfer (REFER) is followed unless it is refused.
"""

import asyncio
import contextlib
import gc
import re
from importlib.metadata import version
from typing import Any

import pjsua2 as pj

from firmware.sip.caller import caller_of
from firmware.sip.engine import EngineError, Tell
from firmware.sip.pjsua2_account import GuardedEndpoint, account_config
from firmware.sip.pjsua2_sound import CallSound
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

TLS_LIBRARY = "OpenSSL 1.0.2k (2017-01)"
POLL_S, MOST_POLLS = 0.01, 50
SOUND_RESTS_S, LEAVE_LIMIT_S = 1.0, 1.0
_REASON = re.compile(r"^Reason\s*:\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)


class _Call(pj.Call):  # type: ignore[misc]
    def __init__(self, engine: "Pjsua2Engine", account: Any, number: int, call_id: int) -> None:
        super().__init__(account, call_id)
        self._engine = engine
        self.number = number
        self.sound: CallSound | None = None
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
                    self.sound = CallSound()
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
        self.is_registered, self.is_gone = asyncio.Event(), asyncio.Event()

    def onRegState(self, prm: Any) -> None:
        is_in = prm.code // 100 == 2 and prm.expiration > 0
        came, went = (self.is_registered, self.is_gone) if is_in else (self.is_gone, self.is_registered)
        came.set()
        went.clear()
        self._engine.tell(
            Registration(
                is_registered=is_in,
                code=prm.code,
                detail="" if is_in else prm.reason[:120],
                server=_source(prm.rdata) if is_in else "",
            )
        )

    def onIncomingCall(self, prm: Any) -> None:
        self._engine.incoming(prm.callId, prm.rdata)


class Pjsua2Engine:
    """One pjsua2 endpoint with one account."""

    max_calls = 4

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self._endpoint: Any = None
        self._account: Any = None
        self._calls: dict[int, _Call] = {}
        self._finished: list[_Call] = []
        self._resting: list[CallSound] = []
        self._next_incoming = FIRST_INCOMING
        self._takes_calls = False
        self._codecs: list[str] = []
        self._polling: asyncio.Task[None] | None = None

    async def open(self, account: Account) -> Up:
        """Start the stack and begin to register. Raises EngineError."""
        self._takes_calls = account.takes_calls
        try:
            self._start(account)
        except pj.Error as error:
            raise EngineError(f"pjsua2 does not start: {error.title}: {error.reason}"[:200]) from None
        self._polling = asyncio.get_running_loop().create_task(self._poll(), name="pjsua2-poll")
        return Up(
            engine="pjsua2", version=version("pjsua2-python"), tls=TLS_LIBRARY, codecs=tuple(self._codecs)
        )

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
        try:
            if (found := self._calls.get(call)) is not None:
                found.answer(_status(200))
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
        await self._leave_registrar()
        if self._polling is not None:
            self._polling.cancel()
        for left in self._calls.values():
            left.sound = None
        self._calls.clear()
        self._finished.clear()
        self._resting.clear()
        gc.collect()
        with contextlib.suppress(pj.Error):
            if self._account is not None:
                self._endpoint.unguard()
                self._account.shutdown()
                self._account = None
                gc.collect()
            self._endpoint.libDestroy(
                pj.PJSUA_DESTROY_NO_RX_MSG
            )  # or it would wait for a second, whatever is left

    async def _leave_registrar(self) -> None:
        """Take leave, and wait shortly for the answer."""
        account = self._account
        if account is None or not account.is_registered.is_set():
            return
        with contextlib.suppress(pj.Error, TimeoutError):
            account.setRegistration(False)
            async with asyncio.timeout(LEAVE_LIMIT_S):
                await account.is_gone.wait()

    # ---- what the stack says

    def over(self, call: _Call, over: Over) -> None:
        """Tell a call's end; let go of it as soon as the stack has returned."""
        if self._calls.pop(call.number, None) is not None:
            self.tell(over)
            self._finished.append(call)

    def _bury(self) -> None:
        """Delete calls that are over, before their place in the stack is another's.

        A call that is deleted later hangs up whoever has its place by then. Its sound is still being taken down.
        """
        if self._finished:
            sounds = [call.sound for call in self._finished if call.sound is not None]
            self._finished.clear()
            self._resting += sounds
            asyncio.get_running_loop().call_later(
                SOUND_RESTS_S, self._resting.__delitem__, slice(len(sounds))
            )

    def incoming(self, call_id: int, message: Any) -> None:
        """Tell of a call from outside."""
        number, self._next_incoming = self._next_incoming, self._next_incoming + 1
        call = self._calls[number] = _Call(self, self._account, number, call_id)
        if not self._takes_calls:
            self.tell(Incoming(call=number))
            return
        with contextlib.suppress(pj.Error):
            call.answer(_status(180))
        self.tell(Incoming(call=number, caller=caller_of(message.wholeMsg), source=_source(message)))

    def _sound(self, call: int) -> CallSound | None:
        found = self._calls.get(call)
        return found.sound if found is not None else None

    async def _poll(self) -> None:
        while True:
            for _ in range(MOST_POLLS):
                n_events = self._endpoint.libHandleEvents(0)
                self._bury()
                if n_events <= 0:  # one message at a time
                    break
            await asyncio.sleep(POLL_S)

    def _start(self, account: Account) -> None:
        endpoint = self._endpoint = GuardedEndpoint()
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
        self._codecs = [codec.codecId.split("/")[0].lower() for codec in endpoint.codecEnum2()]
        if lacks := [name for name in account.codecs if name not in self._codecs]:
            raise EngineError(f"pjsua2 does not speak {lacks[0]}")
        for codec in endpoint.codecEnum2():
            name = codec.codecId.split("/")[0].lower()
            rank = 255 - account.codecs.index(name) if name in account.codecs else 0
            endpoint.codecSetPriority(codec.codecId, rank)
        self._account = _Account(self)
        self._account.create(account_config(account), True)
        endpoint.guard()


def _status(code: int) -> Any:
    prm = pj.CallOpParam()
    prm.statusCode = code
    return prm


def _source(message: Any) -> str:
    """Return the address that a message came from, without its port."""
    return str(message.srcAddress).rpartition(":")[0]
