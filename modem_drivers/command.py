"""`branchline modem`: a technician's look at one modem, and a hand on it that cannot slip."""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import structlog
import typer
from rich.console import Console
from rich.table import Table

from modem_drivers.at.allow_list import check_number
from modem_drivers.discovery import (
    list_usb_sound_cards,
    list_usb_ttys,
    open_first_modem,
    own_sound_card,
    pair_ports,
)
from modem_drivers.errors import ModemError, NotAModemError
from modem_drivers.events import Active, CallProgress, Released, ReleaseKind
from modem_drivers.masking import mask_line, mask_numbers
from modem_drivers.modem import Modem
from modem_drivers.self_test import self_test
from modem_drivers.sms_store import SmsReceived, SmsReported
from modem_drivers.transcript import format_log, read_log, to_transcript
from modem_drivers.ussd import UssdState

EXIT_FAILED, EXIT_REFUSED = 1, 2
T = TypeVar("T")

app = typer.Typer(
    name="modem",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def quiet() -> None:
    """Look at the modems, try them, and keep what they said. Numbers are masked everywhere."""
    # What a technician is to know is printed; of the log only what goes wrong, and not among the answers.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


sms_app = typer.Typer(help="Send a test message, or read and delete what came in.", no_args_is_help=True)
app.add_typer(sms_app, name="sms")

Port = Annotated[
    str, typer.Argument(help="The AT port (/dev/ttyUSB2), or where the modem is plugged in (1-1.3).")
]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", help="A test number that may be reached; may be given several times."),
]
AllowFile = Annotated[
    Path | None, typer.Option("--allow-file", help="Test numbers, one a line.", exists=True, dir_okay=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
LogFile = Annotated[Path | None, typer.Option("--log", help="Keep a field log there, numbers masked.")]
Sysfs = Annotated[Path, typer.Option("--sysfs", help="Another sysfs tree, for a test.", hidden=True)]
Dev = Annotated[Path, typer.Option("--dev", help="Another /dev, for a test.", hidden=True)]
out = Console()
err = Console(stderr=True)


@app.command("list")
def list_modems(*, as_json: AsJson = False, sysfs: Sysfs = Path("/sys"), dev: Dev = Path("/dev")) -> None:
    """List what may be a modem, by where it is plugged in. Opens nothing."""
    found = pair_ports(list_usb_ttys(sysfs, dev), list_usb_sound_cards(sysfs))
    if as_json:
        print(json.dumps([asdict(ports) for ports in found]))
        return
    if not found:
        out.print("No modem is plugged in.")
        return
    table = Table("plugged in at", "AT port", "PCM port", "sound card")
    for ports in found:
        table.add_row(
            ports.usb_path, " ".join(ports.at_candidates), ports.pcm_path or "-", ports.sound_card or "-"
        )
    out.print(table)


@app.command()
def info(port: Port, *, as_json: AsJson = False) -> None:
    """Say who a modem is, and how it stands with SIM card and network."""

    async def look(modem: Modem) -> dict[str, Any]:
        identity = modem.identity
        return {
            "manufacturer": identity.manufacturer,
            "model": identity.model,
            "revision": identity.revision,
            "imei": mask_numbers(identity.imei),
            "family": identity.dialect,
            "sim": modem.sim.value,
            "registration": modem.registration.value,
            "operator": modem.operator,
            "rssi_dbm": modem.rssi_dbm,
            "own_number": mask_numbers(modem.own_number or ""),
            "audio_opens": modem.audio_plan.opens.value,
        }

    facts = _with_modem(port, look)
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    for name, value in facts.items():
        out.print(f"{name:14} {'-' if value in {None, ''} else value}", markup=False, highlight=False)


@app.command()
def monitor(
    port: Port,
    *,
    seconds: Annotated[float, typer.Option(min=0.1, help="Stop after this long.")] = 3600.0,
    log: LogFile = None,
) -> None:
    """Show live what the modem says unasked, until Ctrl-C, the time is over or the modem is gone."""

    async def watch(modem: Modem) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()

        def show(line: str, pdu: str) -> None:
            with_it = f" {mask_line(pdu)}" if pdu else ""
            _say(f"{loop.time() - began_s:9.3f} {mask_line(line)}{with_it}")

        modem.listen(show)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await modem.wait_closed()
                    _fail(f"{port}: the modem is gone or restarted")
        finally:
            _keep_log(log, modem, [])

    with suppress(KeyboardInterrupt):
        _with_modem(port, watch)


@app.command()
def dial(
    port: Port,
    number: str,
    *,
    allow: Allow = None,
    allow_file: AllowFile = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=120, help="Hang up this long after the answer.")
    ] = 10.0,
    log: LogFile = None,
) -> None:
    """Call a test number, follow the call and hang up. Only numbers given by --allow or --allow-file are called."""
    _need_allowed(number, allow, allow_file)

    async def call(modem: Modem) -> Released:
        events: list[CallProgress] = []
        ending: asyncio.Task[None] | None = None
        try:
            placed = await modem.dial(number)
            async for event in placed.events():
                events.append(event)
                if isinstance(event, Released):
                    return event
                _say(type(event).__name__)
                if isinstance(event, Active):
                    ending = asyncio.create_task(_hang_up_later(placed.hang_up, seconds), name="hang-up")
        finally:
            if ending is not None:
                ending.cancel()
                await asyncio.wait([ending])
            _keep_log(log, modem, events)
        raise AssertionError("a call always ends in Released")

    released = _with_modem(port, call)
    _say(f"Released: {released.kind.value}, cause {released.q850}, confidence {released.confidence:.2f}")
    for line in released.raw_lines:
        _say(f"  {line}")
    if released.kind is ReleaseKind.LOCAL_FAULT:
        _fail("the modem failed during the call")


@sms_app.command("send")
def sms_send(
    port: Port,
    number: str,
    text: str,
    *,
    allow: Allow = None,
    allow_file: AllowFile = None,
    report: Annotated[
        bool, typer.Option("--report", help="Wait up to a minute for the delivery report.")
    ] = False,
) -> None:
    """Send a message to a test number: one given by --allow or --allow-file."""
    _need_allowed(number, allow, allow_file)

    async def send(modem: Modem) -> None:
        sent = await modem.sms.send(number, text, wants_report=report)
        _say(f"sent in {len(sent.references)} part(s), reference {', '.join(map(str, sent.references))}")
        if report:
            await _await_reports(modem, set(sent.references))

    _with_modem(port, send)


@sms_app.command("read")
def sms_read(port: Port, *, as_json: AsJson = False) -> None:
    """Print the messages that came in and delete them from the modem; parts that wait for others stay."""

    async def read(modem: Modem) -> list[dict[str, Any]]:
        return [{"kind": type(event).__name__, **asdict(event)} for event in await modem.sms.read_all()]

    for event in _with_modem(port, read):
        for key in ("sender", "recipient"):
            if key in event:
                event[key] = mask_numbers(event[key])
        if as_json:
            print(json.dumps(event, default=str, ensure_ascii=False))
        else:
            _say(" ".join(f"{key}={value}" for key, value in event.items()))


@app.command()
def ussd(
    port: Port,
    code: Annotated[str, typer.Argument(help="Such as *100# for the balance.")],
    *,
    reply: Annotated[list[str] | None, typer.Option(help="What to pick from its menu; one a level.")] = None,
) -> None:
    """Ask the operator, the balance for instance. Codes that change a service are refused."""

    async def ask(modem: Modem) -> None:
        answer = await modem.ussd.ask(code)
        _say(answer.text or answer.state.value)
        for digits in reply or []:
            if answer.state is not UssdState.REPLY_WANTED:
                break
            answer = await modem.ussd.reply(digits)
            _say(answer.text or answer.state.value)
        if answer.state is UssdState.REPLY_WANTED:
            await modem.ussd.cancel()

    _with_modem(port, ask)


@app.command()
def at(
    port: Port,
    command: Annotated[str, typer.Argument(help="Such as AT+CSQ; only allow-listed ones are sent.")],
) -> None:
    """Send one AT command of the allow-list and print its answer. Places no call and sends no message."""

    async def send(modem: Modem) -> list[str]:
        return await modem.command(command)

    for line in _with_modem(port, send):
        _say(mask_line(line))
    _say("OK")


@app.command("record-transcript")
def record_transcript(
    log: Annotated[Path, typer.Argument(help="A field log, as --log keeps it.", exists=True, dir_okay=False)],
    transcript: Annotated[Path, typer.Argument(help="Where the transcript goes; never over another one.")],
    *,
    title: Annotated[
        str, typer.Option(help="What it shows: modem, firmware, what happened.")
    ] = "Recorded in the field",
) -> None:
    """Turn the field log of a call into a transcript that tests replay to the drivers."""
    try:
        text = to_transcript(read_log(log.read_text(encoding="utf-8")), title)
        with transcript.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _fail(f"{transcript} is there already", EXIT_REFUSED)
    except (ModemError, OSError, UnicodeError) as error:
        _fail(str(error))
    _say(f"{transcript}: {len(text.splitlines())} lines")


@app.command()
def selftest(
    port: Port,
    *,
    sound_card: Annotated[
        str,
        typer.Option(help="The card that its calls go through. Left out: the modem's own, if it has one."),
    ] = "",
    as_json: AsJson = False,
    sysfs: Sysfs = Path("/sys"),
    dev: Dev = Path("/dev"),
) -> None:
    """Try what a modem needs for work, calling nobody and changing nothing."""
    modems = pair_ports(list_usb_ttys(sysfs, dev), list_usb_sound_cards(sysfs))
    card = sound_card or own_sound_card(port, modems)
    findings = _with_modem(port, lambda modem: self_test(modem, card))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        table = Table("what", "result", "detail")
        for finding in findings:
            table.add_row(
                finding.what, "[green]good[/]" if finding.passed else "[red]FAILED[/]", finding.detail
            )
        out.print(table)
    if failed := sum(not finding.passed for finding in findings):
        _fail(f"{failed} of these must be mended before this modem can work")


async def _await_reports(modem: Modem, references: set[int]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            async for event in modem.sms.incoming():
                match event:
                    case SmsReported(reference=reference) if reference in references:
                        _say(f"part {reference}: {event.state.value}")
                        references.discard(reference)
                    case SmsReceived(text=text):  # read means deleted from the modem: it must not be lost
                        _say(f"came in meanwhile, from {mask_numbers(event.sender)}: {text}")
                    case _:
                        _say(str(event))
                if not references:
                    return
    _say("no report for part " + ", ".join(map(str, sorted(references))))


async def _hang_up_later(hang_up: Callable[[], Awaitable[None]], seconds: float) -> None:
    await asyncio.sleep(seconds)
    await hang_up()


def _need_allowed(number: str, allow: list[str] | None, allow_file: Path | None) -> None:
    """Refuse whatever is not on the list of test numbers: this command has no compliance gate."""
    allowed = set(allow or [])
    if allow_file is not None:
        lines = (
            line.partition("#")[0].strip() for line in allow_file.read_text(encoding="utf-8").splitlines()
        )
        allowed |= {line for line in lines if line}
    if number not in allowed:
        _fail("not one of the test numbers given by --allow or --allow-file", EXIT_REFUSED)
    try:
        check_number(number)
    except ModemError as error:
        _fail(str(error), EXIT_REFUSED)


def _keep_log(path: Path | None, modem: Modem, events: list[CallProgress]) -> None:
    if path is not None:
        path.write_text(format_log(modem.traffic, events), encoding="utf-8")


def _with_modem(port: str, work: Callable[[Modem], Awaitable[T]]) -> T:
    """Run `work` on the modem and close it; errors end in one line that says what to do."""

    async def run() -> T:
        loop = asyncio.get_running_loop()
        paths = [port]
        if not port.startswith("/"):
            paths = [
                path
                for ports in pair_ports(list_usb_ttys())
                if ports.usb_path == port
                for path in ports.at_candidates
            ]
            if not paths:
                raise NotAModemError(port, "no modem is plugged in there: see `branchline modem list`")
        async with await open_first_modem(paths, now_s=loop.time) as modem:
            return await work(modem)

    try:
        return asyncio.run(run())
    except (ModemError, OSError) as error:
        _fail(str(error))


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def _fail(message: str, code: int = EXIT_FAILED) -> NoReturn:
    err.print(message, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


if __name__ == "__main__":
    app()
