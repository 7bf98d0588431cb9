"""One call told by its lines alone: what counts, what does not, and what is taken back."""

from modem_drivers.at.responses import ListedCall
from modem_drivers.at.urcs import CallListed, CallResult, VoiceEnded, read_urc
from modem_drivers.dialects.generic import GENERIC
from modem_drivers.events import Active, Alerting, CallProgress, CallState, Dialing, Released, ReleaseKind
from modem_drivers.voice import MAX_RAW_LINES, CallTracker


def listed(state: CallState, *, is_outgoing: bool = True) -> ListedCall:
    return ListedCall(index=1, is_outgoing=is_outgoing, state=state)


def dialled() -> CallTracker:
    tracker = CallTracker(listed_within_s=6.0)
    assert tracker.accepted(0.0) == [Dialing(at_s=0.0)]
    return tracker


def ended(tracker: CallTracker) -> Released:
    return tracker.released(None, 99.0, modem_failed=False)


def test_progress_only_goes_forward_and_each_step_is_told_once() -> None:
    tracker = dialled()
    told: list[CallProgress] = []
    for state in ("dialing", "alerting", "alerting", "active", "alerting", "dialing", "held", "active"):
        told += tracker.urc(CallListed(listed(CallState(state))), "", 1.0)
        told += tracker.call_list([listed(CallState(state))], 1.0)
    assert told == [Alerting(at_s=1.0), Active(at_s=1.0)]


def test_progress_before_the_modem_has_answered_the_dial_command_follows_dialing() -> None:
    tracker = CallTracker(listed_within_s=6.0)
    assert tracker.urc(CallListed(listed(CallState.ALERTING)), "", 1.0) == [
        Dialing(at_s=1.0),
        Alerting(at_s=1.0),
    ]
    assert tracker.accepted(2.0) == []


def test_incoming_calls_are_not_ours() -> None:
    tracker = dialled()
    assert tracker.urc(CallListed(listed(CallState.ACTIVE, is_outgoing=False)), "x", 1.0) == []
    tracker.urc(CallListed(listed(CallState.RELEASED, is_outgoing=False)), "x", 1.0)
    assert not tracker.shows_end
    assert not tracker.saw_active
    assert ended(tracker).raw_lines == ()


def test_a_call_not_listed_yet_is_not_missed_at_once() -> None:
    tracker = dialled()
    for at_s in (1.0, 3.0, 5.0):
        tracker.call_list([], at_s)
    assert not tracker.is_missing
    tracker.call_list([], 7.0)
    assert not tracker.is_missing
    tracker.call_list([], 9.0)
    assert tracker.is_missing


def test_a_call_is_missing_only_after_two_polls_in_a_row() -> None:
    tracker = dialled()
    for calls in ([listed(CallState.ALERTING)], [], [listed(CallState.ALERTING)], []):
        tracker.call_list(calls, 2.0)
        assert not tracker.is_missing
    tracker.call_list([], 4.0)
    assert tracker.is_missing


def test_the_end_is_ours_only_if_we_asked_first() -> None:
    ours, theirs = dialled(), dialled()
    ours.ask_end()
    ours.urc(CallResult("NO CARRIER"), "NO CARRIER", 1.0)
    assert ended(ours).kind is ReleaseKind.LOCAL
    theirs.urc(CallResult("BUSY"), "BUSY", 1.0)
    theirs.ask_end()
    assert ended(theirs).kind is ReleaseKind.BUSY


def test_a_retracted_end_leaves_nothing_behind() -> None:
    tracker = dialled()
    tracker.urc(CallResult("BUSY"), "BUSY", 1.0)
    tracker.retract_end()
    assert not tracker.shows_end
    tracker.urc(CallResult("NO CARRIER"), "NO CARRIER", 2.0)
    assert ended(tracker).kind is ReleaseKind.UNKNOWN, "that BUSY was not about this call"


def test_an_end_asked_for_during_a_false_end_is_ours_after_all() -> None:
    tracker = dialled()
    tracker.urc(CallResult("NO CARRIER"), "NO CARRIER", 1.0)
    tracker.ask_end()
    tracker.retract_end()
    assert ended(tracker).kind is ReleaseKind.LOCAL


def test_a_duration_proves_an_answer_that_was_never_told() -> None:
    tracker = dialled()
    tracker.urc(VoiceEnded(4), "VOICE CALL: END: 000004", 9.0)
    assert ended(tracker).saw_active
    assert ended(tracker).kind is ReleaseKind.ANSWERED_REMOTE
    tracker = dialled()
    tracker.urc(VoiceEnded(None), "VOICE CALL: END", 9.0)
    assert not ended(tracker).saw_active


def test_a_cause_in_the_release_line_counts() -> None:
    tracker = dialled()
    line = '^DSCI: 1,0,6,0,0,"13600000000",129,,19,128,"",255'
    urc = read_urc(line, GENERIC.dsci)
    assert urc is not None
    tracker.urc(urc, line, 9.0)
    released = ended(tracker)
    assert (released.kind, released.q850) == (ReleaseKind.NO_ANSWER, 19)
    assert released.raw_lines == ('^DSCI: 1,0,6,0,0,"136…00",129,,19,128,"",255',)


def test_evidence_is_bounded_and_keeps_the_newest() -> None:
    tracker = dialled()
    for n in range(MAX_RAW_LINES + 5):
        tracker.keep(f"line {n}")
    assert ended(tracker).raw_lines[0] == "line 5"
    assert len(ended(tracker).raw_lines) == MAX_RAW_LINES
