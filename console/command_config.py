"""`config`: give a box its configuration, and see whether it kept it."""

import asyncio
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from console import configurations
from console.arguments import clock_for, office_at
from console.configurations import SentConfig
from console.errors import CampaignRefusedError, OfficeError
from console.exchange import exchange
from console.ledger import Ledger
from console.ledger_facts import Fact
from console.office import Office
from console.tables import table
from console.terminal import say, say_json
from firmware.clock import Clock, from_ms, to_ms
from firmware.sync.messages import Ack, encode
from firmware.sync.messages_config import BoxConfig, ConfigSettings
from firmware.values import UuidV7

config_app = typer.Typer(
    help="The configuration of a box: tried, kept if the box still reaches us with it, else undone by the box.",
    no_args_is_help=True,
)
OfficeOption = Annotated[
    Path | None, typer.Option("--office", help="The office folder.", envvar="BRANCHLINE_OFFICE")
]
ANSWER_MARGIN_S = 30.0
_NOT_FINAL = "on_trial"


@config_app.command("push")
def push(
    context: typer.Context,
    *,
    box: Annotated[str, typer.Argument(help="The box.")],
    file: Annotated[Path, typer.Argument(help="Its whole configuration, TOML.")],
    version: Annotated[
        int | None, typer.Option(help="Its number; by default one more than the last.")
    ] = None,
    confirm_within: Annotated[
        int, typer.Option(help="Seconds in which the box must reach us with it.", min=30, max=3600)
    ] = 300,
    wait: Annotated[bool, typer.Option(help="Wait for what becomes of it.")] = True,
    now: Annotated[
        str | None, typer.Option("--now", help="Act as if it were this instant.", metavar="ISO")
    ] = None,
    folder: OfficeOption = None,
) -> None:
    """Sign a configuration, put it at the broker for the box, and wait until the box has kept or undone it."""
    settings = read_settings(file)
    here = office_at(folder or context.obj)
    here.require_box(box)
    answer = asyncio.run(
        _push(
            here,
            box,
            settings,
            version=version,
            confirm_within_s=confirm_within,
            waits=wait,
            clock=clock_for(now),
        )
    )
    if answer is not None and not answer.accepted:
        raise CampaignRefusedError(
            f"box {box} did not keep it: {answer.reason}: {answer.detail}; mend that and push again"
        )
    say(
        f"box {box}: " + ("in force" if answer else "sent; `config show` says what became of it"),
        box=box,
        in_force=bool(answer),
    )


@config_app.command("show")
def show(
    context: typer.Context,
    box: Annotated[str, typer.Argument(help="The box.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    folder: OfficeOption = None,
) -> None:
    """List the configurations that were sent to a box, and what became of each."""
    here = office_at(folder or context.obj)
    here.require_box(box)
    with Ledger(here.ledger).reading() as rows:
        found = configurations.sent(rows, box)
    if as_json:
        say_json([_row(each) for each in found])
        return
    lines = [
        (each.version, f"{from_ms(each.sent_at_ms):%Y-%m-%d %H:%M:%S}Z", each.state, each.detail)
        for each in found
    ]
    Console().print(table(f"Configurations of {box}", ("version", "sent", "state", "detail"), lines))


def read_settings(file: Path) -> ConfigSettings:
    """Return the configuration in a file. Raises OfficeError."""
    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), ConfigSettings)
    except OSError as error:
        raise OfficeError(f"{file}: {error.strerror}; name the configuration's file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OfficeError(f"{file}: not TOML: {error}; mend that") from None
    except msgspec.ValidationError as error:
        raise OfficeError(f"{file}: {error}; nothing was sent") from None


async def _push(
    office: Office,
    box: str,
    settings: ConfigSettings,
    *,
    version: int | None,
    confirm_within_s: int,
    waits: bool,
    clock: Clock[object],
) -> Ack | None:
    ledger = Ledger(office.ledger)
    try:
        async with exchange(office, box, ledger, clock) as with_box:
            at = clock.now()
            with ledger.transaction() as rows:
                message = BoxConfig(
                    id=UuidV7().new(to_ms(at)),
                    at=at,
                    version=version or configurations.next_version(rows, box),
                    confirm_within_s=confirm_within_s,
                    settings=settings,
                )
                configurations.keep(rows, box, message, at)
            await with_box.sender.send(with_box.topics.down("config"), encode(message), retain=True)
            if not waits:
                return None

            def is_final(fact: Fact) -> bool:
                return isinstance(fact, Ack) and fact.about == message.id and fact.reason != _NOT_FINAL

            found = await with_box.wait(
                is_final, patience_s=confirm_within_s + ANSWER_MARGIN_S, what=f"version {message.version}"
            )
            assert isinstance(found, Ack)
            return found
    finally:
        ledger.close()


def _row(each: SentConfig) -> dict[str, Any]:
    return {
        "version": each.version,
        "sent_at": from_ms(each.sent_at_ms).isoformat(timespec="seconds"),
        "state": each.state,
        "detail": each.detail,
        "settings": msgspec.to_builtins(each.settings),
    }
