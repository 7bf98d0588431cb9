"""The voice calls of one modem: dialling, progress, release, and how each is told to the host."""

from collections.abc import Callable
from functools import partial

from modem_drivers.simulator.call_news import Progress, VoiceCall, news
from modem_drivers.simulator.faults import Faults
from modem_drivers.simulator.leg import NORMAL_CLEARING, Leg, Schedule
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.personality import CallNews, DialAnswer, Personality, ResultPlace
from modem_drivers.simulator.replies import NOT_ALLOWED, OK, RefusedError, Reply
from modem_drivers.simulator.settings import Settings
from modem_drivers.simulator.sound_path import SoundPath

KEYS_DIALLED = frozenset("0123456789*#+ABC")
ANSWER_REPLY_S = 0.1
_REJECTED = 21
"""3GPP TS 24.008 cause a caller gets who is turned away."""
DATA_BEARER = '+CLCC: 1,0,0,1,0,"",128'


class Calls:
    """Has one voice call at a time; the network calls back through `CallingParty`."""

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
        """A dial command waits for the call's fate, and no other command is taken."""
        self.missed_at: Callable[[], str] = lambda: "12:00AM"
        """How the modem writes the time of a missed call."""
        self._n_ended = 0
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
        self.call = self._new_call(number)
        # The network hears of it, and the host of the network, only after the reply to ATD.
        self._schedule(self._personality.dial_reply_s + 0.02, partial(self._set_out, self.call))
        match self._personality.dial_answer:
            case DialAnswer.CONNECT_ON_ANSWER:
                return Reply(result=None, ends_silently=True)
            case DialAnswer.AT_ONCE if not self._settings.is_on("+COLP"):
                return Reply(delay_s=self._personality.dial_reply_s)
            case _:
                self.is_dial_pending = True
                return Reply(result=None)

    def call_offered(self, leg: Leg, caller: str) -> bool:
        """Ring for a call the network brings; `caller` may be withheld (""). Return False when busy."""
        if self.call is not None:
            return False
        self.call = self._new_call(caller, is_incoming=True)
        self.leg = leg
        self._sound.call_started()
        self._report()
        self._ring(self.call, 1)
        return True

    def answer(self) -> Reply:
        """Answer the call that rings; without one, NO CARRIER."""
        call = self.call
        if call is None or call.progress is not Progress.INCOMING or self.leg is None:
            return Reply(result="NO CARRIER")
        self._schedule(ANSWER_REPLY_S + 0.05, partial(self._pick_up, call))
        return Reply(delay_s=ANSWER_REPLY_S)

    def hold(self) -> Reply:
        """Put the connected call on hold, or take it back. Raises RefusedError without one."""
        call, leg = self.call, self.leg
        if call is None or leg is None or call.progress not in {Progress.ACTIVE, Progress.HELD}:
            raise RefusedError(NOT_ALLOWED)
        leg.is_held = call.progress is Progress.ACTIVE
        call.was_held = True
        self._move_to(Progress.HELD if leg.is_held else Progress.ACTIVE)
        return OK

    def hang_up(self, faults: Faults | None = None) -> None:
        """End the call from this side; with `faults`, as ATH does. Without a call nothing happens."""
        call, leg = self.call, self.leg
        if call is None:
            return
        if faults is not None and faults.ath_ignored_while_alerting and call.progress is Progress.ALERTING:
            return
        is_refusal = call.progress is Progress.INCOMING
        if leg is not None:
            leg.release(_REJECTED if is_refusal else NORMAL_CLEARING)
        self._end(NORMAL_CLEARING, ours=True)

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
        colp = f'+COLP: "{self.call.number}",{self.call.number_type}'
        asked = self._settings.is_on("+COLP") and CallNews.COLP not in self._personality.call_news
        told = (colp,) if asked and not self.call.is_incoming else ()
        if self.is_dial_pending:
            self.is_dial_pending = False
            self._dial_result("OK", *told)
        elif self._personality.dial_answer is DialAnswer.CONNECT_ON_ANSWER and not self.call.is_incoming:
            self._urc(*told, "CONNECT")
        else:
            self._urc(*told)
        self._move_to(Progress.ACTIVE)

    def call_released(self, cause: int) -> None:
        """The far end or the network has ended the call."""
        self._end(cause, ours=False)

    def key_heard(self, key: str) -> None:
        """The far end has pressed a key; the modem listens to the call if it was told to."""
        if self._settings.is_on(self._personality.key_switch):
            self._urc(self._personality.key_report.format(key=key, code=ord(key)))

    def _new_call(self, number: str, *, is_incoming: bool = False) -> VoiceCall:
        return VoiceCall(
            index=1 if self._personality.alone_in_clcc else 2,
            number=number,
            is_incoming=is_incoming,
            clcc_tail=self._personality.clcc_tail,
            progress=Progress.INCOMING if is_incoming else Progress.DIALING,
        )

    def _ring(self, call: VoiceCall, times: int) -> None:
        if self.call is not call or call.progress is not Progress.INCOMING:
            return
        lines = ["+CRING: VOICE" if self._settings.is_on("+CRC") else "RING"]
        if self._settings.is_on("+CLIP"):
            known = f'"{call.number}",{call.number_type},"",0,"",0'
            lines.append(f"+CLIP: {known}" if call.number else '+CLIP: "",128,"",0,"",1')
        self._urc(*lines)
        rings_allowed = int(self._settings["S0"])
        if rings_allowed and times >= rings_allowed:
            self._schedule(0.2, partial(self._pick_up, call))
        else:
            self._schedule(self._personality.ring_every_s, partial(self._ring, call, times + 1))

    def _pick_up(self, call: VoiceCall) -> None:
        if self.call is call and call.progress is Progress.INCOMING and self.leg is not None:
            self.leg.answer()

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
        was_ringing_here = call.progress is Progress.INCOMING
        call.progress, call.cause, call.ended_by_us = Progress.RELEASED, cause, ours
        lines = self._lines(call)
        if was_ringing_here and not ours and self._personality.missed_line is not None:
            lines.append(self._personality.missed_line.format(time=self.missed_at(), number=call.number))
        self.call = self.leg = None
        self._n_ended += 1
        self.last_cause, self.last_was_ours = cause, ours
        self._sound.call_ended()
        result = self._personality.own_hangup_result if ours else self._result_of(call)
        if self.is_dial_pending:
            self.is_dial_pending = False
            self._end_dial(result or "NO CARRIER", lines)
        elif ours:
            # The reply to ATH comes first (transcripts of all families).
            self._schedule(0.05, lambda: self._urc(*self._in_order(lines, result)))
        else:
            self._urc(*self._in_order(lines, result))

    def _end_dial(self, result: str, lines: list[str]) -> None:
        if self._personality.result_place is ResultPlace.FIRST:
            self._dial_result(result)
            self._urc(*lines)
        else:
            self._urc(*lines)
            self._dial_result(result)

    def _in_order(self, lines: list[str], result: str | None) -> list[str]:
        if result is None:
            return lines
        place = self._personality.result_place
        is_last = place is ResultPlace.LAST or (place is ResultPlace.CHANGING and self._n_ended % 2 == 1)
        if is_last or not lines:
            return [*lines, result]
        last = lines[-1:] if place is ResultPlace.CHANGING else lines
        return [*lines[: len(lines) - len(last)], result, *last]

    def _result_of(self, call: VoiceCall) -> str | None:
        if call.active_at_s is not None:
            return self._personality.answered_result
        if call.is_incoming:
            return self._personality.unanswered_result
        return self._personality.ended_results.get(call.cause or 0, self._personality.unanswered_result)

    def _report(self) -> None:
        if self.call is not None:
            self._urc(*self._lines(self.call))

    def _lines(self, call: VoiceCall) -> list[str]:
        kinds = self._personality.call_news
        if call.progress is Progress.RELEASED:
            # BEGIN comes before its +CLCC, END after it
            kinds = self._personality.release_news or tuple(reversed(kinds))
        wind = int(self._settings["+WIND"]) if CallNews.WIND in kinds else 0
        lines = (news(kind, call, self._now_s(), wind) for kind in kinds if self._is_told(kind))
        return [line for line in lines if line is not None]

    def _is_told(self, kind: CallNews) -> bool:
        match kind:
            case CallNews.CLCC:
                return self._settings.is_on("+CLCC")
            case CallNews.DSCI:
                return self._settings.is_on("^DSCI")
            case CallNews.CCINFO:
                return self.qindcfg.get("ccinfo") == "1"
            case CallNews.MO_RING:
                return self._settings.is_on("+MORING")
            case CallNews.ORIG_TO_CEND:
                return self._settings.is_on("^CURC")
            case _:
                return True
