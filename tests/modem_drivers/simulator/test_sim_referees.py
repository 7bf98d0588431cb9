"""Programs of others, each with its own idea of a modem, run against the simulator: none of their code is ours."""

import asyncio
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from modem_drivers.simulator import PERSONALITIES, ModemSpec, SimulatedModemProcess, Simulation

Simulate = Callable[..., Any]
WaitFor = Callable[[Callable[[], bool]], None]
NUMBER = "+8613800000001"
LONG = "尊敬的客户，您好！" * 12 + "😀 完"
PEOPLE = f"""
people:
  - number: "{NUMBER}"
    ring_s: 1
    answers_texts: ["{LONG}"]
    steps: [{{pause: 1}}, hang_up]
  - number: "+8613800000002"
    ring_s: 0.5
    steps: [{{pause: 60}}]
  - number: "+8613800000003"
    reaction: busy
"""
GAMMU_NAMES = {
    "sim800": ("SIMCOM_Ltd", "unknown (SIMCOM_SIM800L)"),
    "sim7600": ("SIMCOM INCORPORATED", "unknown (SIMCOM_SIM7600E-H)"),
    "a7670": ("INCORPORATED", "unknown (A7670E-FASE)"),
    "ec25": ("Quectel", "unknown (EC25)"),
    "ec25-dsci": ("Quectel", "unknown (EC25)"),
    "huawei": ("Huawei", "E1550 (E1550)"),
    "wavecom": ("Wavecom", "MULTIBAND  900E  1800 (MULTIBAND  900E  1800)"),
    "zte": ("ZTE", "unknown (K3565-Z)"),
}


def gammu(link: Path, *arguments: str) -> str:
    config = link.with_name(f"{link.name}-gammurc")
    config.write_text(f"[gammu]\ndevice={link}\nconnection=at115200\n")
    command = ["gammu", "-c", str(config), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=45, check=False)
    except subprocess.TimeoutExpired:
        # Once in many runs, on a machine with a load of 6, it hung for over a minute; asked again it answers.
        done = subprocess.run(command, capture_output=True, text=True, timeout=45, check=False)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


def fields(output: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in output.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


@contextmanager
def daemon(*command: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def test_gammu_identifies_every_family_and_finds_its_network(tmp_path: Path) -> None:
    assert set(GAMMU_NAMES) == set(PERSONALITIES)
    specs = tuple(
        ModemSpec(
            personality=family, imei=f"86123456789012{place}", number=f"+861391234567{place}", link=link
        )
        for place, (family, link) in enumerate((family, str(tmp_path / family)) for family in GAMMU_NAMES)
    )

    async def ask(spec: ModemSpec) -> None:
        link = tmp_path / spec.personality
        identity = fields(await asyncio.to_thread(gammu, link, "identify"))
        network = fields(await asyncio.to_thread(gammu, link, "networkinfo"))
        assert (identity["Manufacturer"], identity["Model"]) == GAMMU_NAMES[spec.personality]
        assert identity["Firmware"] == PERSONALITIES[spec.personality].revision_reply.removeprefix("+CGMR: ")
        assert (identity["IMEI"], identity["SIM IMSI"]) == (spec.imei, "46000" + spec.number[-10:])
        assert network["Network state"] == "home network"
        assert network["Network"].startswith("460 00 (China Mobile, China), LAC 2795, CID ")
        assert network["Name in phone"] == '"CHINA MOBILE"'
        assert network["GPRS"] == "attached"

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(len(specs)))
        async with SimulatedModemProcess(Simulation(modems=specs, today=date(2026, 3, 2))):
            await asyncio.gather(*(ask(spec) for spec in specs))

    asyncio.run(scenario())


def test_gammu_smsd_sends_what_is_queued_and_files_what_comes(
    simulate: Simulate, wait_for: WaitFor, tmp_path: Path
) -> None:
    """Chinese, and of several parts both ways."""
    modem = simulate("ec25", people=PEOPLE)
    boxes = {name: tmp_path / name for name in ("inbox", "outbox", "sent", "error")}
    for box in boxes.values():
        box.mkdir()
    config = tmp_path / "smsdrc"
    paths = "".join(
        f"{name}{'sms' if name in {'sent', 'error'} else ''}path={box}/\n" for name, box in boxes.items()
    )
    config.write_text(
        f"[gammu]\ndevice={modem.link}\nconnection=at115200\n[smsd]\nservice=files\nlogfile={tmp_path}/smsd.log\n"
        "checksecurity=0\nchecksignal=0\ncheckbattery=0\nstatusfrequency=0\nreceivefrequency=1\nloopsleep=1\n"
        f"commtimeout=1\n{paths}"
    )
    subprocess.run(
        [
            "gammu-smsd-inject",
            "-c",
            str(config),
            "TEXT",
            NUMBER,
            "-unicode",
            "-autolen",
            "500",
            "-text",
            LONG,
        ],
        check=True,
        capture_output=True,
        timeout=20,
    )
    with daemon("gammu-smsd", "-c", str(config)):
        wait_for(lambda: modem.rows("text") != [])
        wait_for(lambda: len(list(boxes["inbox"].glob("*.txt"))) == 2)
    parts = sorted(boxes["inbox"].glob("*.txt"))
    assert "".join(part.read_text(encoding="utf-8") for part in parts) == LONG
    (row,) = modem.rows("text")
    assert (row["number"], row["text"], row["n_parts"]) == (NUMBER, LONG, 2)
    assert len(list(boxes["sent"].iterdir())) == 1
    assert list(boxes["error"].iterdir()) == []


def test_smstools_sends_and_receives(simulate: Simulate, wait_for: WaitFor, tmp_path: Path) -> None:
    modem = simulate("sim800", people=PEOPLE)
    boxes = {name: tmp_path / name for name in ("outgoing", "checked", "failed", "sent", "incoming")}
    for box in boxes.values():
        box.mkdir()
    config = tmp_path / "smsd.conf"
    config.write_text(
        "devices = GSM1\n"
        + "".join(f"{name} = {box}\n" for name, box in boxes.items())
        + f"logfile = {tmp_path}/smsd.log\nloglevel = 7\ndelaytime = 1\n[GSM1]\ndevice = {modem.link}\n"
        "baudrate = 115200\nrtscts = no\nincoming = yes\nreport = yes\ninit = AT+CNMI=2,1,0,2,0\n"
    )
    (boxes["outgoing"] / "one").write_text(
        f"To: {NUMBER[1:]}\nReport: yes\n\nplease answer {{soon}} €\n", "iso-8859-15"
    )
    with daemon("smsd", "-t", f"-c{config}", f"-p{tmp_path}/smsd.pid", f"-i{tmp_path}/smsd.info"):
        wait_for(lambda: list(boxes["sent"].iterdir()) != [])
        wait_for(lambda: len(list(boxes["incoming"].glob("GSM1.*"))) >= 2)
    (row,) = modem.rows("text")
    assert row["text"].startswith("please answer {soon}")
    received = [path.read_bytes() for path in boxes["incoming"].glob("GSM1.*")]
    assert any(b"Alphabet: UCS2" in text and LONG.encode("utf-16-be")[:40] in text for text in received)
    assert any(b"SMS STATUS REPORT" in text for text in received)
    assert list(boxes["failed"].iterdir()) == []


_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>custom</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="*"/>
<allow send_destination="*"/><allow receive_type="*"/></policy></busconfig>
"""


@pytest.fixture
def private_bus(tmp_path: Path, wait_for: WaitFor) -> Iterator[str]:
    socket = tmp_path / "bus"
    config = tmp_path / "bus.conf"
    config.write_text(_BUS.format(path=socket))
    with daemon("dbus-daemon", f"--config-file={config}", "--nofork"):
        wait_for(socket.exists)
        yield f"unix:path={socket}"


def reasons_in(heard: Path) -> list[str]:
    return re.findall(r'member=DisconnectReason\s+string "(\w+)"', heard.read_text())


def test_ofono_places_whole_calls_over_tcp(
    simulate: Simulate, wait_for: WaitFor, tmp_path: Path, private_bus: str
) -> None:
    """Its whole way: SIM, registration, dialling, the answer, and who ended it.

    For AT modems oFono has no reason "network" (src/voicecall.c and its AT drivers): that end is "remote" too.
    """
    modem = simulate("sim800", "--tcp", "0", people=PEOPLE)
    config = tmp_path / "phonesim.conf"
    config.write_text(f"[phonesim]\nDriver=phonesim\nAddress=127.0.0.1\nPort={modem.tcp_port}\n")
    environment = {"DBUS_SYSTEM_BUS_ADDRESS": private_bus, "OFONO_PHONESIM_CONFIG": str(config)}

    def ask(method: str, *arguments: str) -> str:
        command = ["dbus-send", "--system", "--print-reply", "--dest=org.ofono", "/phonesim"]
        done = subprocess.run(
            [*command, f"org.ofono.{method}", *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.stdout + done.stderr

    heard = tmp_path / "signals"
    with (
        heard.open("wb") as signals,
        daemon("ofonod", "-n", "-p", "phonesim,atmodem", **environment),
        subprocess.Popen(
            ["dbus-monitor", "--system", "type='signal',interface='org.ofono.VoiceCall'"],
            env={**os.environ, **environment},
            stdout=signals,
            stderr=subprocess.DEVNULL,
        ) as monitor,
    ):
        on = ("string:Powered", "variant:boolean:true")
        wait_for(lambda: "Error" not in ask("Modem.SetProperty", *on))
        wait_for(lambda: "Error" not in ask("Modem.SetProperty", "string:Online", on[1]))
        wait_for(lambda: '"registered"' in ask("NetworkRegistration.GetProperties"))
        dial = "VoiceCallManager.Dial"
        assert "/phonesim/voicecall01" in ask(dial, "string:13800000001", "string:default")
        wait_for(lambda: reasons_in(heard) == ["remote"])
        assert "/phonesim/voicecall01" in ask(dial, "string:13800000002", "string:default")
        wait_for(lambda: len(modem.rows("answered")) == 2)
        wait_for(lambda: '"active"' in ask("VoiceCallManager.GetCalls"))
        ask("VoiceCallManager.HangupAll")
        wait_for(lambda: reasons_in(heard) == ["remote", "local"])
        assert "org.ofono.Error.Failed" in ask(dial, "string:13800000003", "string:default")
        assert "/phonesim/voicecall01" in ask(dial, "string:13800000002", "string:default")
        wait_for(lambda: len(modem.rows("answered")) == 3)
        wait_for(lambda: '"active"' in ask("VoiceCallManager.GetCalls"))
        modem.tell("registration 2")
        wait_for(lambda: reasons_in(heard) == ["remote", "local", "remote"])
        monitor.terminate()
    assert [(row["by"], row["cause"], row["answered"]) for row in modem.rows("released")] == [
        ("callee", 16, True),
        ("caller", 16, True),
        ("network", 17, False),
        ("network", 41, True),
    ]
