"""What may never reach a modem, and what may."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.at.allow_list import (
    CALLER_ID,
    EMERGENCY,
    IDENTITY,
    check_command,
    check_digits,
    check_number,
    check_pin_entry,
    command_name,
)
from modem_drivers.dialects.catalogue import DIALECTS
from modem_drivers.dialects.generic import GENERIC
from modem_drivers.errors import ForbiddenCommandError, LocalProtocolError, ModemError


@pytest.mark.parametrize(
    "command",
    [
        'AT+EGMR=1,7,"123456789012345"',
        "AT+SIMEI=123456789012345",
        "AT^IMEI=123456789012345",
        'at+egmr=1,7,"1"'.upper(),
        "AT+egmr=1",
        "AT^NVWR=550",
        "AT+QNVFW=1",
    ],
)
def test_identity_is_never_changed(command: str) -> None:
    with pytest.raises(ForbiddenCommandError) as caught:
        check_command(command)
    assert caught.value.red_line == IDENTITY
    assert "123456789012345" not in str(caught.value)


def test_the_callers_number_is_never_hidden() -> None:
    with pytest.raises(ForbiddenCommandError, match=CALLER_ID):
        check_command("AT+CLIR=1")


@pytest.mark.parametrize(
    "command",
    ['AT+QCFG="usbcfg",0x1234,0x5678', 'AT+QCFG="ims",1,"x"', "AT+CHLD=1", "AT+CHLD=2x", "AT+CHLD=13"],
)
def test_a_command_of_many_uses_is_let_through_for_one(command: str) -> None:
    with pytest.raises(ForbiddenCommandError, match="only some uses"):
        check_command(command)


@pytest.mark.parametrize(
    ("command", "name"), [("AT+CSQ", "+CSQ"), ("AT+creg?", "+CREG"), ("AT^DSCI=1", "^DSCI"), ("ATI", "")]
)
def test_under_which_name_a_command_is_answered(command: str, name: str) -> None:
    assert command_name(command) == name


@pytest.mark.parametrize(
    "entry",
    ['AT+CPIN="1234","5678"', 'AT+CPIN="12"', 'AT+CPIN="123456789"', 'AT+CPIN="12a4"', "AT+CPIN=1234;"],
)
def test_nothing_but_a_pin_is_typed_as_one(entry: str) -> None:
    """A PUK with a new PIN least of all."""
    with pytest.raises(LocalProtocolError):
        check_pin_entry(entry)
    check_pin_entry('AT+CPIN="1234"')


@pytest.mark.parametrize("number", ["112", "911", "110", "119", "120", "999", "000", "08", "+112"])
def test_emergency_numbers_are_never_dialled(number: str) -> None:
    with pytest.raises(ForbiddenCommandError, match=EMERGENCY):
        check_number(number)
    with pytest.raises(ForbiddenCommandError, match=EMERGENCY):
        check_command(f"ATD{number};")


@pytest.mark.parametrize(
    "command", ['AT+CPIN="1234"', 'AT+CLCK="SC",1,"1"', "AT+QFOTADL=1", "AT+CMGD=1,4", "ATS0=1"]
)
def test_what_is_on_no_list_is_refused(command: str) -> None:
    with pytest.raises(ForbiddenCommandError):
        check_command(command)


@pytest.mark.parametrize(
    "command",
    [
        "AT+CSQ\rAT+EGMR=1",
        "AT+CSQ\n",
        "AT+CSQ\x1a",
        "AT+CSQ\x1b",
        "AT+CSQ;+EGMR=1,7",
        'AT+VTS="1";+EGMR=1,7',
        "ATD+8613800000000;+EGMR=1,7;",
        "ATD123",
        "ATD12a3;",
        'ATD>"name";',
        "+CSQ",
        "AT+VTS=\u00e9",
        "AT+VTS=" + "1" * 300,
    ],
)
def test_injection_is_refused(command: str) -> None:
    with pytest.raises(ModemError):
        check_command(command)


@given(st.text(max_size=40).filter(lambda text: not (text.isascii() and text.removeprefix("+").isdecimal())))
@settings(max_examples=100, deadline=None)
def test_whatever_is_not_digits_is_not_dialled_nor_shown(text: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        check_number(text)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value) == (
        f"a number of {len(text)} characters cannot be dialled: 3 to 20 digits, a leading + at most"
    )


@pytest.mark.parametrize("digits", ["", "1 2", "E", "1" * 65, "1;2", '1"'])
def test_only_keys_are_sent_as_dtmf(digits: str) -> None:
    with pytest.raises(LocalProtocolError):
        check_digits(digits)


@pytest.mark.parametrize("dialect", [*DIALECTS, GENERIC], ids=lambda dialect: dialect.name)
def test_every_command_of_every_dialect_is_allowed(dialect: object) -> None:
    commands = [command for step in dialect.setup for command in step.alternatives]  # type: ignore[attr-defined]
    audio = dialect.audio  # type: ignore[attr-defined]
    sim, volte, healing = dialect.sim, dialect.volte, dialect.healing  # type: ignore[attr-defined]
    commands += [*(command for command, _ in sim.iccid), *(tries.command for tries in sim.pin_tries)]
    commands += [volte.read, volte.on, volte.off] if volte else []
    commands += [*healing.probes, *healing.radio_cycle, *healing.vendor_reset, dialect.hold]  # type: ignore[attr-defined]
    commands += [dialect.dtmf.send.format(digit="1", index=1)]  # type: ignore[attr-defined]
    commands += [*audio.prepare, *dialect.hang_up, *dialect.registration]  # type: ignore[attr-defined]
    commands += [command for command in (audio.open, audio.close) if command]
    for command in commands:
        check_command(command)
