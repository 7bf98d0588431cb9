"""`simulate-modem`: one modem for a person at a keyboard, or for any program, until it is ended."""

import argparse
import asyncio
import os
import signal
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

from modem_drivers.simulator import tcp_port
from modem_drivers.simulator.control import HELP, carry_out, with_fault
from modem_drivers.simulator.errors import SimulatorError
from modem_drivers.simulator.espeak_voice import espeak_voice
from modem_drivers.simulator.faults import Faults
from modem_drivers.simulator.network_file import USUAL_NETWORKS, load_network
from modem_drivers.simulator.people_file import load_people
from modem_drivers.simulator.personality import PERSONALITIES
from modem_drivers.simulator.pty_modem import PtyModem
from modem_drivers.simulator.running import build_modem, plug_in, tick_for_ever
from modem_drivers.simulator.simulation import ModemSpec, Voice


def main(argv: Sequence[str]) -> int:
    """Simulate one modem as `argv` says until SIGINT or SIGTERM; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        asyncio.run(_run(options))
    except (SimulatorError, OSError) as problem:
        print(f"simulate-modem: {problem}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="branchline simulate-modem",
        description="A simulated modem on two terminals that any program can open.",
        epilog=f"While it runs, it obeys lines on standard input:\n{HELP}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--family", required=True, choices=tuple(PERSONALITIES))
    parser.add_argument(
        "--network", default="good", help=f"{', '.join(USUAL_NETWORKS)}, or a YAML file (default: good)"
    )
    parser.add_argument("--people", type=Path, help="YAML file: who has which number and does what")
    parser.add_argument(
        "--link", required=True, type=Path, help="PATH leads to the AT port, PATH-pcm to the sound"
    )
    parser.add_argument(
        "--tcp", type=int, metavar="PORT", help="the AT port on 127.0.0.1 as well; 0: any free one"
    )
    parser.add_argument("--number", default="+8613912345678", help="the modem's own number")
    parser.add_argument("--imei", default="861234567890123")
    parser.add_argument("--pin", help="the card asks for this PIN")
    parser.add_argument("--voice", default=Voice.BURSTS.value, choices=[voice.value for voice in Voice])
    parser.add_argument("--call-log", type=Path, help="append every call and text as a JSON line")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME=VALUE", help="an ailment from the start"
    )
    return parser


async def _run(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    people = [] if options.people is None else load_people(options.people, today=date.today())  # noqa: DTZ011
    network = load_network(
        options.network,
        people,
        voice=espeak_voice if options.voice == Voice.ESPEAK else None,
        call_log_path=options.call_log,
    )
    faults = Faults()
    for setting in options.fault:
        faults = with_fault(faults, setting)
    spec = ModemSpec(
        personality=options.family,
        imei=options.imei,
        number=options.number,
        pin=options.pin,
        faults=faults,
        link=str(options.link),
    )
    modem = plug_in(spec, build_modem(spec, network, loop), loop)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    tasks = [
        asyncio.create_task(tick_for_ever([modem]), name="ticks"),
        asyncio.create_task(_obey_lines(modem), name="control"),
    ]
    try:
        server = None if options.tcp is None else await tcp_port.serve(modem, options.tcp)
        network.begin(loop.call_later, loop.time)
        _say_ports(options, modem, server)
        await ended.wait()
        if server is not None:
            server.close()
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        modem.unplug()


def _say_ports(options: argparse.Namespace, modem: PtyModem, server: asyncio.Server | None) -> None:
    at, pcm = f"{options.link} -> {modem.ports.at_path}", f"{options.link}-pcm -> {modem.ports.pcm_path}"
    tcp = "" if server is None else f", AT also on 127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(f"{options.family}: AT {at}, sound {pcm}{tcp}; Ctrl-C ends it", flush=True)


async def _obey_lines(modem: PtyModem) -> None:
    """Carry out the lines of standard input; its end ends nothing."""
    if sys.stdin is None or (stat.S_ISCHR(os.fstat(sys.stdin.fileno()).st_mode) and not sys.stdin.isatty()):
        return  # /dev/null, as a service has it: asyncio would take it and then fail to wait for it
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    except (OSError, ValueError):
        return  # a plain file: nobody is there to give orders
    while line := await lines.readline():
        try:
            carry_out(line.decode(errors="replace"), modem)
        except SimulatorError as problem:
            print(f"simulate-modem: {problem}", file=sys.stderr, flush=True)
