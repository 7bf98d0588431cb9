"""`--json` for commands that only say what they did: each thing said becomes a line of JSON, with what a program needs of it."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_type_hints

import typer

from console.terminal import speak_json

SaidOption = Annotated[bool, typer.Option("--json", help="One line of JSON for each thing said.")]


def give_json(app: typer.Typer) -> None:
    """Give every command that has no `--json` of its own one, also those of groups."""
    for command in app.registered_commands:
        if command.callback is not None and not _has_json(command.callback):
            command.callback = _with_json(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            give_json(group.typer_instance)


def _has_json(command: Callable[..., Any]) -> bool:
    hints = get_type_hints(command, include_extras=True)
    # Within Annotated, typer keeps the first name of an option where a default would stand.
    return any(
        "--json" in (getattr(extra, "default", None), *(getattr(extra, "param_decls", None) or ()))
        for hint in hints.values()
        for extra in get_args(hint)
    )


def _with_json(command: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(command)
    def run(*arguments: Any, says_json: bool = False, **options: Any) -> Any:
        if says_json:
            speak_json()
        return command(*arguments, **options)

    name, known = "says_json", inspect.signature(command)
    added = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=SaidOption)
    run.__signature__ = known.replace(parameters=[*known.parameters.values(), added])  # type: ignore[attr-defined]
    run.__annotations__ = {**command.__annotations__, name: SaidOption}
    return run
