"""The grammar between AT and CR."""

import pytest

from modem_drivers.simulator.command_line import Command, Form, NotACommandError, commands

EXECUTE, READ, TEST, SET = Form.EXECUTE, Form.READ, Form.TEST, Form.SET


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("E0V1", [("E", EXECUTE, "0"), ("V", EXECUTE, "1")], id="letters need no separator"),
        pytest.param("&FE1", [("&F", EXECUTE, ""), ("E", EXECUTE, "1")], id="ampersand"),
        pytest.param("S7=30S0?", [("S7", SET, "30"), ("S0", READ, "")], id="registers"),
        pytest.param("+CMEE=1;+CREG=2", [("+CMEE", SET, "1"), ("+CREG", SET, "2")], id="smstools"),
        pytest.param(
            "+csq; ^dsci=?", [("+CSQ", EXECUTE, ""), ("^DSCI", TEST, "")], id="small letters, blanks"
        ),
        pytest.param('+CPBW=1,"a;b,c",129', [("+CPBW", SET, '1,"a;b,c",129')], id="quotes keep semicolons"),
        pytest.param(
            "D+86138;H",
            [("D", EXECUTE, "+86138;"), ("H", EXECUTE, "")],
            id="a dial string ends at its semicolon",
        ),
        pytest.param("D138", [("D", EXECUTE, "138")], id="or at the end"),
        pytest.param("+CSQ=", [("+CSQ", SET, "")], id="an empty value is a value"),
    ],
)
def test_lines(body: str, expected: list[tuple[str, Form, str]]) -> None:
    assert [(command.name, command.form, command.value) for command in commands(body)] == expected


@pytest.mark.parametrize("body", ["?", "=1", "+CSQ!1 2", "+CSQ?1", "+CSQ=?1", "E=1", "1", "+", 'E0+CMEE=1"x'])
def test_what_is_no_command(body: str) -> None:
    with pytest.raises(NotACommandError):
        list(commands(body))


def test_commands_before_a_mistake_come_first() -> None:
    line = commands("E0+CSQ;?")
    assert [next(line).name, next(line).name] == ["E", "+CSQ"]
    with pytest.raises(NotACommandError):
        next(line)


@pytest.mark.parametrize(
    ("value", "values"),
    [
        ("", [""]),
        ("1", ["1"]),
        ("1,,3", ["1", "", "3"]),
        ('"a,b", 2,', ["a,b", "2", ""]),
        ('"ccinfo",1,0', ["ccinfo", "1", "0"]),
    ],
)
def test_parameters(value: str, values: list[str]) -> None:
    assert Command(name="+X", form=SET, value=value).values == values
