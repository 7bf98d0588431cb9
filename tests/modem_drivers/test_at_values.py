"""Values of AT lines, information responses and URCs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.at.responses import (
    ListedCall,
    read_bare,
    read_call_list,
    read_clcc,
    read_imei,
    read_operator,
    read_own_number,
    read_rssi_dbm,
)
from modem_drivers.at.urcs import (
    CallListed,
    CallResult,
    DsciPlan,
    DtmfHeard,
    RegistrationChanged,
    Restarted,
    Ringing,
    SimChanged,
    Urc,
    VoiceBegan,
    VoiceEnded,
    looks_like_urc,
    read_urc,
)
from modem_drivers.at.values import split_line, split_values, to_int
from modem_drivers.dialects.generic import GENERIC
from modem_drivers.dialects.quectel_ec2x import EC2X
from modem_drivers.events import CallState
from modem_drivers.registration import RegistrationState, read_registration
from modem_drivers.sim import SimState, from_error, read_sim


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (' 1,0,"+86,1",145', ["1", "0", "+86,1", "145"]),
        ("1,,3", ["1", "", "3"]),
        ('1,""123"",2', ["1", "123", "2"]),
        ('1,"123,145', ["1", "123", "145"]),
        ("", [""]),
    ],
    ids=["comma in quotes", "left out", "doubled quotes", "closing quote lost", "empty"],
)
def test_values(text: str, values: list[str]) -> None:
    assert split_values(text) == values


def test_values_are_bounded() -> None:
    assert len(split_values("," * 5000)) == 64


@given(st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_no_line_upsets_a_reader(text: str) -> None:
    for line in (text, f"+CLCC: {text}", f"^DSCI: {text}", f'+QIND: "ccinfo",{text}', f"+QTONEDET: {text}"):
        split_line(line)
        read_call_list([line])
        read_urc(line, EC2X.dsci)
        read_urc(line, GENERIC.dsci)
        read_imei([line])
        read_rssi_dbm([line])
        read_registration([line])
        read_sim([line])


@pytest.mark.parametrize("text", ["²", "1_0", "", "-", "9999999999", "1.5"])
def test_only_plain_numbers_are_numbers(text: str) -> None:
    assert to_int([text], 0) is None


def _ours(state: CallState, index: int = 1) -> ListedCall:
    return ListedCall(index=index, is_outgoing=True, state=state)


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ('+CLCC: 1,0,3,0,0,"+86",145,""', _ours(CallState.ALERTING)),
        ("+CLCC: 3,0,0,0,0,123,129", _ours(CallState.ACTIVE, 3)),
        ('+CLCC: 4,1,4,0,0,"+86",129', ListedCall(index=4, is_outgoing=False, state=CallState.INCOMING)),
        ("+CLCC: 1,0,6,0,0", _ours(CallState.RELEASED)),
        ('+CLCC: 1,0,0,1,0,"",128', None),
        ("+CLCC: 1,0,9,0,0", None),
        ("+CLCC: garbage", None),
    ],
    ids=[
        "alerting",
        "third index, no quotes",
        "incoming",
        "SIMCom's 6",
        "LTE data bearer",
        "unknown state",
        "noise",
    ],
)
def test_clcc(line: str, call: ListedCall | None) -> None:
    assert read_clcc(line) == call


def test_of_two_lines_about_one_call_the_later_counts() -> None:
    """A URC that fell into the answer says what happened after it was composed, or before: the last is the newest."""
    assert read_call_list(["+CLCC: 1,0,3,0,0", "+CLCC: 1,0,0,0,0"]) == [_ours(CallState.ACTIVE)]
    assert read_call_list(["+CLCC: 1,0,3,0,0", "+CLCC: 1,0,6,0,0"]) == []


@pytest.mark.parametrize(
    ("line", "urc"),
    [
        ("NO CARRIER", CallResult("NO CARRIER")),
        ("BUSY", CallResult("BUSY")),
        ("VOICE CALL: BEGIN", VoiceBegan()),
        ("VOICE CALL: END: 000041", VoiceEnded(41)),
        ("VOICE CALL: END", VoiceEnded(None)),
        ("VOICE CALL: NONSENSE", None),
        ("+RXDTMF: 8", DtmfHeard("8")),
        ("+DTMF: 1,160", DtmfHeard("1")),
        ("+RXDTMF: 88", None),
        ("+QTONEDET: 49", DtmfHeard("1")),
        ("+QTONEDET: 42", DtmfHeard("*")),
        ("+QTONEDET: 35", DtmfHeard("#")),
        ("+QTONEDET: 7", None),
        ('+QIND: "ccinfo",1,0,3,0,0,"n",129', CallListed(_ours(CallState.ALERTING))),
        ('+QIND: "ccinfo",2,0,-1,0,0,"n",129', CallListed(_ours(CallState.RELEASED, 2))),
        ('+QIND: "ccinfo",1,0,0,1,0,"",128', None),
        ('+QIND: "csq",24,99', None),
        ("RING", Ringing()),
        ("+CREG: 5", RegistrationChanged(5)),
        ('+CREG: 1,"2795","0A1F"', RegistrationChanged(1)),
        ("+CREG: 0,1", None),
        ("+CPIN: NOT READY", SimChanged("NOT READY")),
        ("RDY", Restarted()),
        ("+CGEV: NW ACT 8,10", None),
    ],
)
def test_urcs(line: str, urc: Urc | None) -> None:
    assert read_urc(line, EC2X.dsci) == urc


@pytest.mark.parametrize(
    ("line", "plan", "state", "cause"),
    [
        ("^DSCI: 1,0,3,0,10086,129,0", EC2X.dsci, CallState.ACTIVE, None),
        ("^DSCI: 1,0,7,0,10086,129,0", EC2X.dsci, CallState.ALERTING, None),
        ('^DSCI: 1,0,3,0,0,"136",129,,,128,"",0', GENERIC.dsci, CallState.ALERTING, None),
        ('^DSCI: 1,0,0,0,0,"136",129,,,128,"",0', GENERIC.dsci, CallState.ACTIVE, None),
        ('^DSCI: 1,0,6,0,0,"136",129,,19,128,"",255', GENERIC.dsci, CallState.RELEASED, 19),
    ],
    ids=["Quectel 3", "Quectel 7", "TD 3", "TD 0", "TD 6 with its cause"],
)
def test_the_same_dsci_number_means_what_the_family_means(
    line: str, plan: DsciPlan, state: CallState, cause: int | None
) -> None:
    assert read_urc(line, plan) == CallListed(_ours(state), cause)


def test_a_data_call_in_dsci_is_no_call() -> None:
    assert read_urc("^DSCI: 1,0,3,1,*99#,129,0", EC2X.dsci) is None


@pytest.mark.parametrize(
    ("line", "is_urc"),
    [
        ("^SIMST: 1", True),
        ("+CREG: 1", True),
        ("RING", True),
        ("+CGMM: X", False),
        ("SIMCOM_SIM7600G-H", False),
    ],
)
def test_what_interrupts_a_bare_answer(line: str, is_urc: bool) -> None:
    assert looks_like_urc(line, "AT+CGMM") is is_urc


def test_information_responses() -> None:
    assert read_rssi_dbm(["+CSQ: 31,99"]) == -51
    assert read_rssi_dbm(["+CSQ: 99,99"]) is None
    assert read_operator(['+COPS: 0,0,"CHINA MOBILE",7']) == "CHINA MOBILE"
    assert read_operator(["+COPS: 0"]) == ""
    assert read_own_number(['+CNUM: "","+8613800000000",145']) == "+8613800000000"
    assert read_own_number(['+CNUM: "","",128']) is None
    assert read_imei(['+CGSN: "860000000000016"']) == "860000000000016"
    assert read_bare(["+CGMR: LE20B03"]) == "LE20B03"
    assert read_bare(['"SIMCOM_Ltd"']) == "SIMCOM_Ltd"


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        (["+CREG: 1", '+CREG: 2,2,"1A","2B"'], RegistrationState.SEARCHING),
        (["+CREG: 0,5"], RegistrationState.ROAMING),
        (["+CREG: 0,6"], RegistrationState.NOT_REGISTERED),
        (["+CREG: 0,99"], RegistrationState.UNKNOWN),
        (["+CREG: 1"], RegistrationState.HOME),
        ([], RegistrationState.UNKNOWN),
    ],
    ids=[
        "URC before the answer",
        "roaming",
        "SMS only is no calls",
        "unknown number",
        "only a URC",
        "refused",
    ],
)
def test_registration(lines: list[str], state: RegistrationState) -> None:
    assert read_registration(lines) is state


def test_only_home_and_roaming_can_call() -> None:
    assert {state for state in RegistrationState if state.is_registered} == {"home", "roaming"}


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("+CPIN: READY", SimState.READY),
        ("+CPIN: SIM PIN", SimState.PIN_REQUIRED),
        ("+CPIN: SIM PUK", SimState.PUK_REQUIRED),
        ("+CPIN: PH-NET PIN", SimState.FAILED),
        ("+CPIN: NOT READY", SimState.BUSY),
    ],
)
def test_sim(line: str, state: SimState) -> None:
    assert read_sim([line]) is state


def test_sim_errors() -> None:
    assert [from_error(code) for code in (10, 14, 515, 13, None)] == [
        "absent",
        "busy",
        "busy",
        "failed",
        "failed",
    ]
