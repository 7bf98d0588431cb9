"""Why a call ended, out of everything told and seen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.at.causes import Evidence, ToldCause, classify, read_ceer, told_in_urc
from modem_drivers.events import ReleaseKind as Kind


def _evidence(
    *,
    alerting: bool = False,
    active: bool = False,
    by_us: bool = False,
    failed: bool = False,
    result: str | None = "NO CARRIER",
    told: ToldCause | None = None,
) -> Evidence:
    return Evidence(
        saw_alerting=alerting,
        saw_active=active,
        hung_up_locally=by_us,
        modem_failed=failed,
        result=result,
        told=told,
    )


SURE = {n: ToldCause(n, 1.0) for n in (1, 16, 17, 18, 19, 21, 27, 28, 31, 34, 38, 41, 42)}


@pytest.mark.parametrize(
    ("evidence", "kind", "q850"),
    [
        pytest.param(_evidence(told=SURE[1]), Kind.INVALID_NUMBER, 1, id="unassigned"),
        pytest.param(_evidence(told=SURE[17]), Kind.BUSY, 17, id="busy"),
        pytest.param(_evidence(told=SURE[18]), Kind.UNREACHABLE, 18, id="no paging response"),
        pytest.param(
            _evidence(told=SURE[18], alerting=True), Kind.NO_ANSWER, 18, id="rang, nobody responded"
        ),
        pytest.param(_evidence(told=SURE[19], alerting=True), Kind.NO_ANSWER, 19, id="rang out"),
        pytest.param(_evidence(told=SURE[21], alerting=True), Kind.REJECTED, 21, id="rejected"),
        pytest.param(_evidence(told=SURE[27]), Kind.POWERED_OFF, 27, id="switched off"),
        pytest.param(_evidence(told=SURE[42]), Kind.CONGESTION, 42, id="congestion"),
        pytest.param(_evidence(told=SURE[38]), Kind.NETWORK_FAULT, 38, id="network out of order"),
        pytest.param(
            _evidence(told=SURE[16], alerting=True), Kind.UNKNOWN, 16, id="normal release before the answer"
        ),
        pytest.param(_evidence(alerting=True), Kind.UNKNOWN, None, id="NO CARRIER alone is never no-answer"),
        pytest.param(_evidence(result="BUSY"), Kind.BUSY, 17, id="BUSY without a cause"),
        pytest.param(_evidence(result="NO ANSWER", alerting=True), Kind.NO_ANSWER, 19, id="NO ANSWER"),
        pytest.param(
            _evidence(result="BUSY", told=SURE[31]), Kind.BUSY, 31, id="a cause that says nothing yields"
        ),
        pytest.param(_evidence(result=None), Kind.UNKNOWN, None, id="vanished"),
        pytest.param(_evidence(active=True, told=SURE[16]), Kind.ANSWERED_REMOTE, 16, id="callee released"),
        pytest.param(_evidence(active=True), Kind.ANSWERED_REMOTE, None, id="callee released, no cause"),
        pytest.param(
            _evidence(active=True, told=SURE[41]), Kind.NETWORK_FAULT, 41, id="radio lost in the call"
        ),
        pytest.param(
            _evidence(active=True, result="BUSY", told=SURE[17]),
            Kind.ANSWERED_REMOTE,
            17,
            id="busy tone after",
        ),
        pytest.param(_evidence(active=True, by_us=True), Kind.LOCAL, 16, id="we hung up"),
        pytest.param(_evidence(alerting=True, by_us=True), Kind.LOCAL, 16, id="we gave up ringing"),
        pytest.param(
            _evidence(failed=True, active=True, told=SURE[16]), Kind.LOCAL_FAULT, None, id="modem died"
        ),
    ],
)
def test_kind_and_cause(evidence: Evidence, kind: Kind, q850: int | None) -> None:
    assert classify(evidence)[:2] == (kind, q850)


def test_agreement_raises_confidence_and_contradiction_lowers_it() -> None:
    told = ToldCause(17, 0.7)
    alone = classify(_evidence(told=told))[2]
    agreeing = classify(_evidence(told=told, result="BUSY"))[2]
    contradicted = classify(_evidence(told=told, result="NO ANSWER"))[2]
    assert contradicted < alone < agreeing


@given(
    st.builds(
        _evidence,
        alerting=st.booleans(),
        active=st.booleans(),
        by_us=st.booleans(),
        failed=st.booleans(),
        result=st.sampled_from([None, "NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE"]),
        told=st.one_of(st.none(), st.builds(told_in_urc, st.integers(0, 127))),
    )
)
@settings(max_examples=100, deadline=None)
def test_every_evidence_has_a_sane_verdict(evidence: Evidence) -> None:
    kind, _, confidence = classify(evidence)
    assert 0 <= confidence <= 1
    if evidence.saw_active:
        assert kind in {Kind.ANSWERED_REMOTE, Kind.NETWORK_FAULT, Kind.LOCAL, Kind.LOCAL_FAULT}
    else:
        assert kind is not Kind.ANSWERED_REMOTE
    if kind is Kind.NO_ANSWER:
        assert evidence.told is not None or evidence.result == "NO ANSWER"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("+CEER: User busy", ToldCause(17, 0.9)),
        ("+CEER: CC_USER_ALERTING_NO_ANSWER", ToldCause(19, 0.9)),
        ("+CEER: No user responding", ToldCause(18, 0.9)),
        ("+CEER: Unassigned (unallocated) number", ToldCause(1, 0.9)),
        ("+CEER: Destination out of order", ToldCause(27, 0.9)),
        ("+CEER: Network out of order", ToldCause(38, 0.9)),
        ('+CEER: "Normal call clearing"', ToldCause(16, 0.9)),
        ("+CEER: Cause:17", ToldCause(17, 1.0)),
        ("+CEER: 5,17", ToldCause(17, 0.7)),
        ("+CEER: 5,36", None),
        ("+CEER: 5,0", None),
        ("+CEER: No cause information available", None),
        ("+CSQ: 5,17", None),
    ],
)
def test_ceer_in_all_its_shapes(line: str, told: ToldCause | None) -> None:
    assert read_ceer([line], number_trust=0.7) == told
