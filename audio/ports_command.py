"""The `audio devices` and `audio bridge` commands: which sound cards there are, and talking over a modem by hand."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from audio.errors import AudioError
from audio.ports.bridge import Bridge, BridgeStatistics
from audio.ports.port import AudioPort
from audio.ports.serial_pcm import SerialPcmPort

EXIT_LOST = 1
EXIT_USAGE = 2
MAX_BRIDGE_S = 4 * 3600.0


def register(app: typer.Typer) -> None:
    """Add the commands to the `audio` commands."""
    app.command("devices")(devices)
    app.command("bridge")(bridge)


def devices(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False
) -> None:
    """List the sound cards of this machine by the names that `audio bridge` takes."""
    from audio.ports.sound_card import sound_cards  # noqa: PLC0415 - PortAudio looks at every card

    cards = sound_cards()
    if as_json:
        print(
            json.dumps([{**asdict(card), "is_duplex": card.is_duplex} for card in cards], ensure_ascii=False)
        )
        return
    table = Table("name", "in", "out", "carries a call")
    for card in cards:
        table.add_row(card.name, str(card.n_inputs), str(card.n_outputs), "yes" if card.is_duplex else "no")
    Console(markup=False).print(table)


def bridge(
    first: Annotated[str, typer.Argument(help="A modem's PCM port (/dev/ttyUSB4) or a sound card's name.")],
    second: Annotated[str, typer.Argument(help="The other end, such as the name of a headset.")],
    *,
    seconds: Annotated[float, typer.Option(min=0.1, max=MAX_BRIDGE_S, help="How long at most.")] = 600.0,
    block_bytes: Annotated[
        int, typer.Option(help="What a PCM port wants in one write; EC2x modems: 1600.")
    ] = 320,
) -> None:
    """Join two audio devices, each by its own clock: listen to and speak over a modem from a headset."""
    complaints = Console(stderr=True)
    try:
        ends = [_port(name, block_bytes) for name in (first, second)]
        reason, statistics = asyncio.run(_talk(ends[0], ends[1], seconds))
    except (AudioError, ValueError) as error:
        complaints.print(f"branchline: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_USAGE if isinstance(error, ValueError) else EXIT_LOST) from None
    print(
        f"{statistics.first.frames * 20 / 1000:.1f} s, {statistics.dry} gaps, {statistics.cut} cuts, "
        f"clocks {statistics.bend_ppm:+.0f} ppm apart"
    )
    if reason:
        complaints.print(f"branchline: {reason}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_LOST)


async def _talk(first: AudioPort, second: AudioPort, seconds: float) -> tuple[str, BridgeStatistics]:
    """Return why it ended early, empty when it did not, and how it went."""
    async with Bridge(first, second) as joined:
        try:
            reason = await asyncio.wait_for(joined.lost(), seconds)
        except TimeoutError:
            reason = ""
        return reason, await joined.stop()


def _port(name: str, block_bytes: int) -> AudioPort:
    if name.startswith("/"):
        return SerialPcmPort(name, block_bytes=block_bytes)
    from audio.ports.sound_card import SoundCardPort  # noqa: PLC0415 - PortAudio is loaded only where it is used

    return SoundCardPort(name)
