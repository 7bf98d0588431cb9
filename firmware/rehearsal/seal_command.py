"""`branchline flow seal`: what a version says stands from then on."""

from pathlib import Path
from typing import Annotated

import typer

from firmware.dialogue.errors import FlowRefusedError
from firmware.rehearsal.loading import read_flow
from firmware.rehearsal.sealing import SEALS, SealError, seal


def seal_flows(
    files: Annotated[list[Path], typer.Argument(help="Flows, YAML.", metavar="FLOW...")],
) -> None:
    """Seal a version: whoever changes these flows afterwards and keeps the number is told by `flow check`."""
    try:
        flows = [(file, read_flow(file)) for file in files]
        new = seal(flows)
    except (SealError, FlowRefusedError) as error:
        typer.echo(f"branchline: {error}", err=True)
        raise typer.Exit(1) from None
    except (OSError, UnicodeDecodeError) as error:
        typer.echo(
            f"branchline: {error}; name flows that can be read and whose folder can be written to", err=True
        )
        raise typer.Exit(2) from None
    known = len(flows) - len(new)
    for name in new:
        typer.echo(f"{name} is sealed in {SEALS}")
    if known:
        typer.echo(f"{known} unchanged")
