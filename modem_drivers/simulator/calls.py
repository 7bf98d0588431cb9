"""The voice calls of one modem: dialling, progress, release, and how each is told to the host."""

from collections.abc import Callable
from functools import partial

from modem_drivers.simulator.call_news import Progress, VoiceCall, news
from modem_drivers.simulator.faults import Faults
from modem_drivers.simulator.leg import Leg, Schedule
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.personality import CallNews, Personality
from modem_drivers.simulator.replies import NOT_ALLOWED, RefusedError, Reply
from modem_drivers.simulator.settings import Settings
from modem_drivers.simulator.sound_path import SoundPath

KEYS_DIALLED = frozenset("0123456789*#+ABC")
DATA_BEARER = '+CLCC: 1,0,0,1,0,"",128'


class Calls:
    """Places one voice call at a time; the network calls back through `CallingParty`."""

    def __init__(
        self,
        personality: Personality,
        network: Network,
        settings: Settings,
        sound: SoundPath,
        *,
        own_number: str,
        schedule: Schedule,
        now_s: Callable[[], float],
        urc: Callable[..., None],
        dial_result: Callable[..., None],
    ) -> None:
        """`urc(*lines)` reports; `dial_result(result, *lines)` ends a dial that waited (AT+COLP=1)."""
        self.call: VoiceCall | None = None
        self.leg: Leg | None = None
        self.last_cause: int | None = None
        """Cause of the last release; None before the first call."""
        self.last_was_ours = False
        self.qindcfg = {
            "csq": "0",
            "smsfull": "0",
            "ring": "0",
            "smsincoming": "1",
            "act": "0",
            "ccinfo": "0",
        }
        self.is_dial_pending = False
        self._personality = personality
        self._network = network
        self._settings = settings
        self._sound = sound
        self._own_number = own_number
        self._schedule = schedule
        self._now_s = now_s
        self._urc = urc
        self._dial_result = dial_result

    @property
    def active_for_s(self) -> float | None:
        """Seconds since the answer; None without a connected call."""
        if self.call is None or self.call.active_at_s is None:
            return None
        return self._now_s() - self.call.active_at_s

    @property
    def listing(self) -> tuple[str, ...]:
        """What +CLCC lists."""
        bearer = () if self._personality.alone_in_clcc else (DATA_BEARER,)
        return bearer + (() if self.call is None else (self.call.clcc,))

    def dial(self, number: str) -> Reply:
        """Place a voice call. Raises RefusedError while another is up."""
        if self.call is not None:
            raise RefusedError(NOT_ALLOWED)
        self.call = VoiceCall(index=1 if self._personality.alone_in_clcc else 2, number=number)
        # The network hears of it, and the host of the network, only after the reply to ATD.
        self._schedule(self._personality.dial_reply_s + 0.02, partial(self._set_out, self.call))
        if self._settings.is_on("+COLP"):
            self.is_dial_pending = True
            return Reply(result=None)
        return Reply(delay_s=self._personality.dial_reply_s)

    def hang_up(self, faults: Faults | None = None) -> None:
        """End the call from this side; with `faults`, as ATH does. Without a call nothing happens."""
        call, leg = self.call, self.leg
        if call is None:
            return
        if faults is not None and faults.ath_ignored_while_alerting and call.progress is Progress.ALERTING:
            return
        if leg is not None:
            leg.release()
        self._end(16, ours=True)

    def send_keys(self, keys: str) -> None:
        """Send DTMF to the far end. Raises RefusedError without a connected call."""
        if self.leg is None or self.active_for_s is None:
            raise RefusedError(NOT_ALLOWED)
        for key in keys:
            self.leg.send_key(key)

    def call_alerting(self) -> None:
        """The far end rings."""
        self._move_to(Progress.ALERTING)

    def call_connected(self) -> None:
        """The far end has answered."""
        assert self.call is not None
        self.call.active_at_s = self._now_s()
        if self.is_dial_pending:
            self.is_dial_pending = False
            self._dial_result("OK", f'+COLP: "{self.call.number}",{self.call.number_type}')
        elif self._settings.is_on("+COLP"):
            self._urc(f'+COLP: "{self.call.number}",{self.call.number_type}')
        self._move_to(Progress.ACTIVE)

    def call_released(self, cause: int) -> None:
        """The far end or the network has ended the call."""
        self._end(cause, ours=False)

    def key_heard(self, key: str) -> None:
        """The far end has pressed a key; the modem listens to the call if it was told to."""
        if self._settings.is_on(self._personality.key_switch):
            self._urc(self._personality.key_report.format(key=key, code=ord(key)))

    def _set_out(self, call: VoiceCall) -> None:
        if self.call is not call:
            return  # hung up before it began
        if self._network.registration not in {1, 5}:
            self._end(None, ours=False)
            return
        self.leg = self._network.place_call(
            caller=self._own_number,
            dialled=call.number,
            party=self,
            schedule=self._schedule,
            now_s=self._now_s,
        )
        self._sound.call_started()
        self._report()

    def _move_to(self, progress: Progress) -> None:
        assert self.call is not None
        self.call.progress = progress
        self._report()

    def _end(self, cause: int | None, *, ours: bool) -> None:
        call = self.call
        assert call is not None
        call.progress = Progress.RELEASED
        lines = self._lines(call)
        self.call = self.leg = None
        self.last_cause, self.last_was_ours = cause, ours
        self._sound.call_ended()
        result = self._personality.own_hangup_result if ours else self._result_of(cause)
        if self.is_dial_pending:
            self.is_dial_pending = False
            self._urc(*lines)
            self._dial_result(result or "NO CARRIER")
        elif ours:
            # The reply to ATH comes first (transcripts of both families).
            self._schedule(0.05, lambda: self._urc(*lines, *([result] if result else [])))
        else:
            self._urc(*lines, *([result] if result else []))

    def _result_of(self, cause: int | None) -> str:
        return self._personality.ended_results.get(cause or 0, "NO CARRIER")

    def _report(self) -> None:
        if self.call is not None:
            self._urc(*self._lines(self.call))

    def _lines(self, call: VoiceCall) -> list[str]:
        kinds = [kind for kind in self._personality.call_news if self._is_told(kind)]
        if call.progress is Progress.RELEASED:
            kinds.reverse()  # BEGIN comes before its +CLCC, END after it
        lines = (news(kind, call, self._now_s()) for kind in kinds)
        return [line for line in lines if line is not None]

    def _is_told(self, kind: CallNews) -> bool:
        match kind:
            case CallNews.VOICE_CALL:
                return True
            case CallNews.CLCC:
                return self._settings.is_on("+CLCC")
            case CallNews.DSCI:
                return self._settings.is_on("^DSCI")
            case CallNews.CCINFO:
                return self.qindcfg["ccinfo"] == "1"
