"""The option that names one of several channels, alike in every command that hears recordings."""

from typing import Annotated

import typer

Channel = Annotated[
    int,
    typer.Option(
        help="Which channel is heard, where a file has several; 1 is the callee in recordings of this box.",
        min=1,
    ),
]
