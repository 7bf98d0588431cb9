"""Twelve red lines by nine doors: what is tried at each, where it is tried elsewhere, and why something cannot be tried."""

from collections.abc import Mapping
from datetime import UTC

from firmware.values import E164
from tests.firmware.compliance.red_line_crossings import (
    Attempt,
    Elsewhere,
    NotThere,
    a_contact_edited,
    a_flow_edited,
    a_list_takes_nothing_back,
    a_stored_code,
    a_suppression_from_the_future,
    another_own_number,
    every_doubt,
    no_campaign_with,
    no_command,
    no_configuration_with,
    no_menu,
    no_number_of_a_list,
    no_pack_with,
    no_request,
    no_setting,
    nothing_read_by,
    noticed,
    widest,
)
from tests.firmware.compliance.test_red_line_doors import NIGHT

LINES = {
    1: "no number that is not ours, and none withheld",
    2: "no change of a modem's identity",
    3: "no change of SIM or number to dodge caps",
    4: "no threats, false status, impersonation",
    5: "no third party hears of a debt",
    6: "nothing at night",
    7: "no call on a doubtful clock, pack, log or list",
    8: "no card or bank credentials by voice",
    9: "the voice says that it is a machine",
    10: "no silent call",
    11: "no emergency, premium or short number",
    12: "a wrong number is off every list",
}
DOORS = ("MQTT", "settings", "socket", "serial", "environment", "database", "clock", "packs", "demo")

NO_TIME = NotThere("nothing about it depends on the time")
DEMO = Elsewhere("firmware/daemon/test_worlds.py::test_what_the_type_checker_says")
"""A demonstration is the same program with the same gate on simulated modems: its clock never meets a real port."""
DIAL = ("dial", "at", "config", "policy", "approve", "run")
TABLE: Mapping[tuple[int, str], Attempt | NotThere | Elsewhere] = {
    (1, "MQTT"): no_command("at", command="AT+CLIR=1"),
    (1, "settings"): no_setting(
        "[caller_id]\nshow = false",
        "[dialling]\nclir = true",
        "[[line]]\nid = 'a'\nimei = '356938035643809'\ncaller_id = '+8610000000000'",
    ),
    (1, "socket"): no_request("caller-id", "clir", *DIAL),
    (1, "serial"): no_menu("caller-id", "clir", *DIAL),
    (1, "environment"): nothing_read_by("modem_drivers/at/allow_list", "firmware/compliance/caller_number"),
    (1, "database"): NotThere(
        "the own number is what the SIM or the trunk tells; no column of the database is shown to a callee"
    ),
    (1, "clock"): NO_TIME,
    (1, "packs"): widest("caller-number", caller_number=E164("+8610000000000")),
    (1, "demo"): DEMO,
    (2, "MQTT"): no_command("at", command='AT+EGMR=1,7,"356938035643809"'),
    (2, "settings"): no_setting(
        "[[line]]\nid = 'a'\nimei = '356938035643809'\ninit = ['AT+EGMR=1,7,\"1\"']",
        "[[line]]\nid = 'a'\nset_imei = '356938035643809'",
    ),
    (2, "socket"): no_request("imei", "egmr", *DIAL),
    (2, "serial"): no_menu("imei", "egmr", *DIAL),
    (2, "environment"): nothing_read_by("modem_drivers/at/allow_list", "modem_drivers/at/channel"),
    (2, "database"): a_stored_code,
    (2, "clock"): NO_TIME,
    (2, "packs"): no_pack_with("[modem]\ninit = 'AT+EGMR'"),
    (2, "demo"): DEMO,
    (3, "MQTT"): Elsewhere("firmware/compliance/test_red_line_doors.py::test_no_release_crosses_a_red_line"),
    (3, "settings"): no_setting(
        "[compliance]\nnumbers_per_callee_30d = 9",
        "[dialling]\nrotate = true",
        "[[line]]\nid = 'a'\nimei = '356938035643809'\nsim_bank = true",
    ),
    (3, "socket"): no_request("switch-sim", "rotate", "reset-counters", *DIAL),
    (3, "serial"): no_menu("switch-sim", "rotate", "reset-counters", *DIAL),
    (3, "environment"): nothing_read_by(
        "firmware/compliance/caller_number", "firmware/compliance/limits", "firmware/compliance/red_lines"
    ),
    (3, "database"): noticed(
        "UPDATE attempt SET person = 'somebody else'",
        "UPDATE attempt SET number = '+8613900000000'",
        "UPDATE attempt SET line_number = '+8613900000000'",
        "UPDATE attempt SET line_number = NULL",
        "UPDATE attempt SET debt = 'another'",
        "UPDATE attempt SET reserved_at = reserved_at - 604800000",
        "UPDATE attempt SET person = '', number = ''",
        "DELETE FROM attempt WHERE attempt = 'attempt-1'",
    ),
    (3, "clock"): Elsewhere(
        "firmware/compliance/test_red_line_doors.py::test_a_clock_set_back_regains_nothing"
    ),
    (3, "packs"): another_own_number,
    (3, "demo"): DEMO,
    (4, "MQTT"): no_campaign_with("threat_of_police"),
    (4, "settings"): no_setting("[prompts]\nopening = 'this is the police'", "[dialling]\nflow = 'x.yaml'"),
    (4, "socket"): no_request("say", "flow", *DIAL),
    (4, "serial"): no_menu("say", "flow", *DIAL),
    (4, "environment"): nothing_read_by("firmware/dialogue/wording", "firmware/dialogue/checks"),
    (4, "database"): a_flow_edited("pretends_to_be_a_lawyer"),
    (4, "clock"): NO_TIME,
    (4, "packs"): no_pack_with("[prompt]\nopening = 'this is the police'"),
    (4, "demo"): DEMO,
    (5, "MQTT"): no_campaign_with("debt_around_verification"),
    (5, "settings"): no_setting("[compliance]\nthird_parties = true"),
    (5, "socket"): no_request("contact", "call-relative", *DIAL),
    (5, "serial"): no_menu("contact", "call-relative", *DIAL),
    (5, "environment"): nothing_read_by("firmware/dialogue/checks", "firmware/dialogue/vault"),
    (5, "database"): a_flow_edited("debt_in_opening"),
    (5, "clock"): NO_TIME,
    (5, "packs"): no_pack_with("[third_party]\ncontact = 'allowed'"),
    (5, "demo"): DEMO,
    (6, "MQTT"): no_configuration_with(hours=[{"days": ["mon"], "opens": "00:00", "closes": "25:00"}]),
    (6, "settings"): no_setting("[compliance]\nhours = '07:00-23:00'", "[red_lines]\nnight = true"),
    (6, "socket"): Elsewhere("scenarios/test_local_doors.py::test_the_gate_binds_a_test_call_at_night"),
    (6, "serial"): no_menu("hours", "set-time", *DIAL),
    (6, "environment"): Elsewhere(
        "firmware/compliance/test_red_line_doors.py::test_no_environment_variable_opens_the_night"
    ),
    (6, "database"): a_contact_edited(
        "hours-red-line",
        "time_zone = 'America/Los_Angeles'",
        "region = NULL, time_zone = 'Etc/GMT+8'",
        "consents = '[\"night\"]'",
        at=NIGHT.astimezone(UTC),
    ),
    (6, "clock"): Elsewhere(
        "firmware/compliance/test_gate_edge_cases.py::test_24_a_clock_put_back_an_hour_does_not_regain_the_window"
    ),
    (6, "packs"): widest("hours-red-line", at=NIGHT.astimezone(UTC)),
    (6, "demo"): DEMO,
    (7, "MQTT"): no_configuration_with(suppression_lease_h=1000),
    (7, "settings"): no_setting(
        "[compliance]\nsuppression_lease_h = 25", "[clock]\ntrust = true", "[audit]\nenabled = false"
    ),
    (7, "socket"): no_request("set-time", "trust-clock", "audit", *DIAL),
    (7, "serial"): no_menu("set-time", "trust-clock", "audit", *DIAL),
    (7, "environment"): nothing_read_by(
        "firmware/host/clock_trust",
        "firmware/calls/audit_check",
        "firmware/compliance/library",
        "firmware/compliance/packs/__init__",
    ),
    (7, "database"): noticed(
        "UPDATE audit SET body = replace(body, 'cn@1', 'cn@2') WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 1",
        "UPDATE audit SET hash = previous WHERE seq = 2",
    ),
    (7, "clock"): Elsewhere("firmware/compliance/test_gate_edge_cases.py::test_23_a_dead_rtc_dials_nobody"),
    (7, "packs"): every_doubt,
    (7, "demo"): DEMO,
    (8, "MQTT"): no_campaign_with("asks_for_a_card"),
    (8, "settings"): no_setting("[payment]\ncard = true"),
    (8, "socket"): no_request("ask", "card", *DIAL),
    (8, "serial"): no_menu("ask", "card", *DIAL),
    (8, "environment"): nothing_read_by("firmware/dialogue/wording", "firmware/dialogue/checks"),
    (8, "database"): a_flow_edited("asks_for_a_one_time_code"),
    (8, "clock"): NO_TIME,
    (8, "packs"): no_pack_with("[capture]\ncard = true"),
    (8, "demo"): DEMO,
    (9, "MQTT"): no_campaign_with("never_says_it_is_a_machine"),
    (9, "settings"): no_setting("[speech]\nhuman = true", "[dialling]\nannounce = false"),
    (9, "socket"): no_request("voice", "announce", *DIAL),
    (9, "serial"): no_menu("voice", "announce", *DIAL),
    (9, "environment"): nothing_read_by("firmware/dialogue/checks", "firmware/dialogue/machine"),
    (9, "database"): a_flow_edited("claims_to_be_automated_silently"),
    (9, "clock"): NO_TIME,
    (9, "packs"): no_pack_with("[waiver]\nautomated = true"),
    (9, "demo"): DEMO,
    (10, "MQTT"): no_configuration_with(audio_ready=True),
    (10, "settings"): no_setting("[dialling]\naudio_ready = true", "[dialling]\nsilent = true"),
    (10, "socket"): no_request("audio-ready", *DIAL),
    (10, "serial"): no_menu("audio-ready", *DIAL),
    (10, "environment"): nothing_read_by("firmware/calls/placing", "firmware/compliance/gate"),
    (10, "database"): NotThere(
        "whether the prompts can be heard is found out before each dial, and kept nowhere"
    ),
    (10, "clock"): NO_TIME,
    (10, "packs"): widest("audio", box={"audio_ready": False}),
    (10, "demo"): DEMO,
    (11, "MQTT"): no_number_of_a_list,
    (11, "settings"): no_setting(
        "[[test_number]]\nnumber = '110'\nkind = 'echo'", "[[test_number]]\nnumber = '999'\nkind = 'tone'"
    ),
    (11, "socket"): Elsewhere(
        "scenarios/test_local_doors.py::test_only_test_numbers_are_called_through_the_socket"
    ),
    (11, "serial"): no_menu("emergency", *DIAL),
    (11, "environment"): nothing_read_by(
        "firmware/compliance/numbering", "firmware/compliance/red_lines", "modem_drivers/at/allow_list"
    ),
    (11, "database"): a_contact_edited(
        "number", "numbers = '[\"+86110\"]'", "numbers = '[\"+449098790000\"]'", "numbers = '[\"+8612345\"]'"
    ),
    (11, "clock"): NO_TIME,
    (11, "packs"): widest("number", number=E164("+449098790000"), region=None),
    (11, "demo"): DEMO,
    (12, "MQTT"): a_list_takes_nothing_back,
    (12, "settings"): no_setting("[compliance]\nsuppressions = 'ignore'"),
    (12, "socket"): no_request("unsuppress", "suppress", *DIAL),
    (12, "serial"): no_menu("unsuppress", "suppress", *DIAL),
    (12, "environment"): nothing_read_by(
        "firmware/compliance/suppressions", "firmware/store/suppressions", "firmware/calls/closing"
    ),
    (12, "database"): noticed("DELETE FROM suppression WHERE id = 's2'"),
    (12, "clock"): a_suppression_from_the_future,
    (12, "packs"): widest("ALL-STS-1", status="wrong_number"),
    (12, "demo"): DEMO,
}
