"""SMS and USSD without a hole in the allow-list: what they may carry to the modem, and what not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.at.allow_list import check_command, check_pdu
from modem_drivers.errors import ForbiddenCommandError, LocalProtocolError
from modem_drivers.pdu.submit import encode_message
from modem_drivers.pdu.ussd_text import encode_packed


@pytest.mark.parametrize(
    "command",
    [
        "AT+CMGF=0",
        'AT+CPMS="SM","SM","SM"',
        "AT+CNMI=2,1,0,1,0",
        "AT+CMGL=4",
        "AT+CMGR=7",
        "AT+CMGD=12",
        'AT+CUSD=1,"*100#",15',
        'AT+CUSD=1,"AA180C3602",15',
        'AT+CUSD=1,"1",15',
        "AT+CUSD=2",
        "AT+CSCA?",
    ],
)
def test_messages_and_balances_are_let_through(command: str) -> None:
    check_command(command)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("AT+CMGF=1", id="text mode takes numbers unchecked"),
        pytest.param("AT+CMGS=20", id="a prompt without its PDU"),
        pytest.param('AT+CMGS="+8613800000001"', id="text mode"),
        pytest.param("AT+CMGW=20", id="stored drafts"),
        pytest.param("AT+CMSS=1", id="sending drafts"),
        pytest.param("AT+CMGC=20", id="commands to the centre"),
        pytest.param("AT+CMGD=1,4", id="all messages"),
        pytest.param("AT+CMGD=1,0", id="flags"),
        pytest.param('AT+CSCA="+861"', id="message centre"),
        pytest.param('AT+CUSD=1,"*21*13800000001#",15', id="forwarding"),
        pytest.param('AT+CUSD=1,"#31#",15', id="withheld number"),
        pytest.param(f'AT+CUSD=1,"{encode_packed("#31#")}",15', id="withheld number, packed"),
        pytest.param('AT+CUSD=1,"*100#",15,1', id="more arguments"),
        pytest.param('AT+CUSD=1,"*100#"', id="fewer arguments"),
        pytest.param('AT+CUSD=1,"112",15', id="emergency"),
        pytest.param('AT+CPMS="SM","SM","SM","+EGMR"', id="a fourth memory"),
        pytest.param("AT+CSMS=1", id="acknowledged delivery"),
        pytest.param("AT+CNMI=2,1,0,1,0,9", id="a sixth argument"),
        pytest.param("AT+CCFC=0,3", id="forwarding by AT"),
    ],
)
def test_sms_and_ussd_open_no_hole(command: str) -> None:
    with pytest.raises(ForbiddenCommandError):
        check_command(command)


@given(
    service=st.sampled_from(["21", "31", "002", "04", "33", "591"]),
    prefix=st.sampled_from(["*", "#", "*#", "**", "##"]),
    tail=st.sampled_from(["#", "*1#", "*13800000001*11#"]),
)
@settings(max_examples=100, deadline=None)
def test_no_service_is_reached_plain_or_packed(service: str, prefix: str, tail: str) -> None:
    code = prefix + service + tail
    for string in (code, encode_packed(code)):
        with pytest.raises(ForbiddenCommandError):
            check_command(f'AT+CUSD=1,"{string}",15')


def message(number: str, text: str = "hello") -> tuple[str, str]:
    (pdu,) = encode_message(number, text, reference=1)
    return f"AT+CMGS={pdu.n_tpdu_octets}", pdu.hex


def test_a_message_of_ours_is_let_through() -> None:
    check_pdu(*message("+8613800000001", "您好👍"))


@pytest.mark.parametrize(
    ("command", "pdu"),
    [
        pytest.param(*message("112"), id="an emergency number"),
        pytest.param("AT+CMGS=5", message("10086")[1], id="another length: the rest would be commands"),
        pytest.param("AT+CMGS=23", message("10086")[1] + "\x1aAT+EGMR=1\r", id="commands after the text"),
        pytest.param("AT+CMGS=18", "00" + "31" + message("10086")[1][4:8] + "ZZ", id="no hexadecimal"),
        pytest.param(
            message("10086")[0], "079168310820" + message("10086")[1][2:], id="another message centre"
        ),
        pytest.param(
            message("10086")[0],
            message("10086")[1].replace("0180F60000A7", "0180F64000A7"),
            id="a silent message (TP-PID 40)",
        ),
        pytest.param(message("10086")[0], "", id="nothing"),
        pytest.param('AT+CMGS="10086"', message("10086")[1], id="text mode"),
        pytest.param("AT+CSQ;+CMGS=18", message("10086")[1], id="a chain"),
    ],
)
def test_no_other_message_is(command: str, pdu: str) -> None:
    with pytest.raises(LocalProtocolError):
        check_pdu(command, pdu)


@given(octets=st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_bytes_pass_for_a_message_by_chance(octets: bytes) -> None:
    for length in (len(octets), len(octets) - 1):
        try:
            check_pdu(f"AT+CMGS={length}", octets.hex().upper())
        except LocalProtocolError:
            continue
        pytest.fail("random octets were let through")
