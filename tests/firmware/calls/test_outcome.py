"""One word per call: "reached?" is decided first, and a machine decides nothing."""

from datetime import date, datetime
from itertools import product

import pytest

from firmware.calls.outcome import FLAGS, CallLog, PromiseMade, conclude
from firmware.calls.retry import RETRY
from firmware.dialogue.endings import ENDINGS
from firmware.lines.line import Ended, EndKind
from firmware.values import Disposition

D = Disposition
PROMISE = PromiseMade(due=date(2026, 11, 27), amount=None, confirmed=True)


def log(kind: EndKind, **facts: object) -> CallLog:
    given: dict[str, object] = {"answered": True, "human_heard": True, "verified": False, "decided": None}
    return CallLog(ended=Ended(at_s=0, kind=kind), **(given | facts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (log(EndKind.BUSY, answered=False), D.BUSY),
        (log(EndKind.NO_ANSWER, answered=False), D.NO_ANSWER),
        (log(EndKind.REJECTED, answered=False), D.REJECTED),
        (log(EndKind.POWERED_OFF, answered=False), D.POWERED_OFF),
        (log(EndKind.UNREACHABLE, answered=False), D.UNREACHABLE),
        (log(EndKind.VACANT_NUMBER, answered=False), D.VACANT_NUMBER),
        (log(EndKind.CONGESTION, answered=False), D.CONGESTION),
        (log(EndKind.CALL_RESTRICTED, answered=False), D.CALL_RESTRICTED),
        (log(EndKind.NETWORK_FAULT, answered=False), D.TECHNICAL_FAILURE),
        (log(EndKind.LOCAL_FAULT, answered=False), D.TECHNICAL_FAILURE),
        (log(EndKind.UNKNOWN, answered=False), D.TECHNICAL_FAILURE),
        (log(EndKind.RELEASED_BY_US, answered=False, stopped=D.RECALLED), D.RECALLED),
        (log(EndKind.RELEASED_BY_US, answered=False, stopped=D.BLOCKED), D.BLOCKED),
        (log(EndKind.RELEASED_BY_CALLEE), D.HUNG_UP_EARLY),
        (log(EndKind.RELEASED_BY_CALLEE, human_heard=False), D.SILENCE),
        (log(EndKind.RELEASED_BY_US, decided=D.OPT_OUT), D.OPT_OUT),
        (log(EndKind.RELEASED_BY_US, decided=D.OPT_OUT, human_heard=False), D.SILENCE),
        (log(EndKind.RELEASED_BY_US, decided=D.MACHINE_NO_MESSAGE, human_heard=False), D.MACHINE_NO_MESSAGE),
        (log(EndKind.RELEASED_BY_US, decided=D.THIRD_PARTY), D.THIRD_PARTY),
        (log(EndKind.RELEASED_BY_US, decided=D.PROMISE_FULL, verified=True, promise=PROMISE), D.PROMISE_FULL),
        (log(EndKind.LOCAL_FAULT), D.TECHNICAL_FAILURE),
        (log(EndKind.LOCAL_FAULT, decided=D.PROMISE_FULL, verified=True, promise=PROMISE), D.PROMISE_FULL),
        (log(EndKind.RELEASED_BY_US, stopped=D.CANCELLED), D.CANCELLED),
        (log(EndKind.RELEASED_BY_US), D.NO_DECISION),
    ],
)
def test_what_came_of_it(call: CallLog, expected: Disposition) -> None:
    assert conclude(call).disposition is expected


FROM_THE_LINE = {
    **{kind: Disposition(kind.value) for kind in EndKind if kind.value in {word.value for word in D}},
    EndKind.UNKNOWN: D.TECHNICAL_FAILURE,
}
HEARD_INSTEAD = {D.SUSPENDED_NUMBER, D.FAX, D.SCREENING_ASSISTANT, D.MACHINE_NO_MESSAGE}
STOPPED = {D.CANCELLED, D.RECALLED, D.BLOCKED}


def reached() -> dict[Disposition, CallLog]:
    """Return, for each word, a call that comes to it in the way in which calls do."""
    calls = {word: log(kind, answered=False, human_heard=False) for kind, word in FROM_THE_LINE.items()}
    calls |= {
        word: log(EndKind.RELEASED_BY_CALLEE, human_heard=False, answered_by=word) for word in HEARD_INSTEAD
    }
    calls |= {
        word: log(EndKind.RELEASED_BY_US, answered=False, human_heard=False, stopped=word) for word in STOPPED
    }
    calls |= {
        word: log(EndKind.RELEASED_BY_US, decided=word, verified=True, promise=PROMISE) for word in ENDINGS
    }
    return calls | {
        D.HUMAN_BRIDGED: log(EndKind.RELEASED_BY_CALLEE, decided=D.HUMAN_BRIDGED),
        D.HUNG_UP_EARLY: log(EndKind.RELEASED_BY_CALLEE),
        D.SILENCE: log(EndKind.RELEASED_BY_CALLEE, human_heard=False),
        D.MACHINE_LEFT_MESSAGE: log(
            EndKind.RELEASED_BY_US, decided=D.MACHINE_LEFT_MESSAGE, human_heard=False
        ),
    }


@pytest.mark.parametrize("word", Disposition)
def test_every_word_is_what_some_call_comes_to(word: Disposition) -> None:
    assert conclude(reached()[word]).disposition is word


def test_only_a_promise_carries_a_promise() -> None:
    kept = conclude(log(EndKind.RELEASED_BY_US, decided=D.PROMISE_FULL, verified=True, promise=PROMISE))
    assert kept.promise == PROMISE
    dropped = conclude(log(EndKind.RELEASED_BY_US, decided=D.OPT_OUT, verified=True, promise=PROMISE))
    assert dropped.promise is None


def test_nobody_is_the_right_party_who_was_not_verified() -> None:
    unverified = conclude(log(EndKind.RELEASED_BY_US, decided=D.HUMAN_UNAVAILABLE, verified=False))
    assert not unverified.flags.right_party
    assert not unverified.flags.counts_as_conversation
    assert unverified.flags.final


def test_every_combination_has_a_word_and_every_word_has_flags() -> None:
    assert FLAGS.keys() == set(Disposition)
    for kind, answered, human, decided in product(
        EndKind, (False, True), (False, True), (None, *Disposition)
    ):
        conclusion = conclude(
            log(kind, answered=answered, human_heard=human, decided=decided if answered else None)
        )
        assert not conclusion.flags.reached or human


def test_a_final_disposition_is_never_retried_and_the_others_are() -> None:
    assert {word for word, flags in FLAGS.items() if not flags.final} == RETRY.keys()


FROM_THE_DIALOGUE = {
    *(D.THIRD_PARTY, D.WRONG_NUMBER, D.UNVERIFIED, D.REFUSED_TO_IDENTIFY, D.MINOR, D.LANGUAGE_BARRIER),
    *(D.PROMISE_FULL, D.PROMISE_PARTIAL, D.PROMISE_PLAN, D.PAYING_NOW, D.ALREADY_PAID, D.DISPUTE, D.HARDSHIP),
    *(
        D.REFUSES,
        D.CALLBACK_SET,
        D.NO_DECISION,
        D.DECEASED,
        D.LEGAL_REPRESENTATION,
        D.VULNERABLE,
        D.COMPLETED,
    ),
    *(D.HUMAN_BRIDGED, D.HUMAN_UNAVAILABLE, D.OPT_OUT, D.COMPLAINT, D.HUNG_UP_EARLY, D.BLOCKED),
    *(D.TECHNICAL_FAILURE, D.MACHINE_NO_MESSAGE, D.MACHINE_LEFT_MESSAGE, D.SILENCE),
}


@pytest.mark.parametrize("decided", sorted(FROM_THE_DIALOGUE))
def test_what_the_dialogue_decided_stands_when_a_human_was_heard(decided: Disposition) -> None:
    came = conclude(log(EndKind.RELEASED_BY_US, decided=decided, verified=True, promise=PROMISE))
    assert came.disposition is decided
    assert came.flags == FLAGS[decided]


@pytest.mark.parametrize("decided", sorted(FROM_THE_DIALOGUE))
def test_a_machine_decides_nothing_whatever_the_dialogue_took_it_for(decided: Disposition) -> None:
    came = conclude(
        log(
            EndKind.RELEASED_BY_US,
            decided=decided,
            human_heard=False,
            promise=PROMISE,
            suppressed=("person",),
            answers={"solved": "yes"},
            callback=datetime(2026, 12, 8, 15),  # noqa: DTZ001  (the callee's own time)
        )
    )
    assert not came.flags.reached
    assert came.promise is None
    assert came.callback is None
    assert came.suppressions == frozenset()
    assert came.answers == {}


@pytest.mark.parametrize(
    ("decided", "suppressed", "expected"),
    [
        (D.OPT_OUT, (), {"person"}),
        (D.WRONG_NUMBER, (), {"number"}),
        (D.DISPUTE, ("debt",), {"debt"}),
        (D.OPT_OUT, ("debt", "person"), {"debt", "person"}),
        (D.NO_DECISION, (), set()),
    ],
)
def test_who_is_never_called_again(
    decided: Disposition, suppressed: tuple[str, ...], expected: set[str]
) -> None:
    came = conclude(log(EndKind.RELEASED_BY_US, decided=decided, suppressed=suppressed))
    assert came.suppressions == expected


def test_only_opt_out_and_wrong_number_suppress_by_themselves() -> None:
    assert {word: flags.suppresses for word, flags in FLAGS.items() if flags.suppresses} == {
        D.OPT_OUT: "person",
        D.WRONG_NUMBER: "number",
    }


def test_a_time_to_ring_back_goes_with_callback_set_alone() -> None:
    at = datetime(2026, 12, 8, 15)  # noqa: DTZ001  (the callee's own time)
    kept = conclude(log(EndKind.RELEASED_BY_US, decided=D.CALLBACK_SET, callback=at))
    assert kept.callback == at
    assert conclude(log(EndKind.RELEASED_BY_US, decided=D.OPT_OUT, callback=at)).callback is None


def test_a_plan_is_told_whole() -> None:
    plan = PromiseMade(due=date(2026, 12, 11), amount=None, confirmed=True, instalments=6, every="month")
    came = conclude(log(EndKind.RELEASED_BY_US, decided=D.PROMISE_PLAN, verified=True, promise=plan))
    assert came.promise is not None
    assert (came.promise.instalments, came.promise.every) == (6, "month")


def test_right_party_endings_are_the_ones_that_count_as_conversations() -> None:
    for flags in FLAGS.values():
        assert flags.counts_as_conversation == flags.right_party
        assert flags.reached or not (flags.right_party or flags.suppresses)
