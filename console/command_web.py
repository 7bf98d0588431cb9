"""`web` and `user`: the office's pages for people with a browser, and who may sign in."""

import getpass
import ipaddress
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from console.arguments import JsonOption, OfficeOption, office_at
from console.errors import ConsoleError
from console.ledger import Ledger
from console.office import Office
from console.tables import table
from console.terminal import say, say_json
from console.web.accounts import AccountError, add_user, all_users, remove_user, set_password
from console.web.roles import Role
from firmware.clock import SystemClock

user_app = typer.Typer(help="Who may sign in to the web pages.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(help="The name to sign in with.")]
MAX_PORT = 65535


def web(
    context: typer.Context,
    *,
    listen: Annotated[str, typer.Option(help="Address and port.", metavar="HOST:PORT")] = "127.0.0.1:8080",
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate (PEM) to serve https with.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    folder: OfficeOption = None,
) -> None:
    """Serve the web pages: fleet, campaigns, outcomes, people, cases, recordings, measures, audit."""
    here = office_at(folder or context.obj)
    host, port = parse_listen(listen)
    if (tls_cert is None) != (tls_key is None):
        raise ConsoleError("https needs both --tls-cert and --tls-key; give the other one too")
    for path in (tls_cert, tls_key):
        if path is not None and not path.is_file():
            raise ConsoleError(f"{path}: no such file; name a PEM file")
    if tls_cert is None and not is_loopback(host):
        raise ConsoleError(
            f"{host} can be reached by others, and without https they could read passwords: give --tls-cert and "
            "--tls-key, or listen on 127.0.0.1 behind a proxy that speaks https"
        )
    ledger = Ledger(here.ledger)
    try:
        with ledger.reading() as rows:
            has_users = bool(all_users(rows))
    finally:
        ledger.close()
    scheme = "https" if tls_cert else "http"
    say(f"serving {here.tenant} on {scheme}://{listen}; Ctrl-C stops it")
    if not has_users:
        say("nobody may sign in yet: branchline-console user add NAME --role supervisor")
    from console.web.server import serve  # noqa: PLC0415 - the web framework would make every command start late

    serve(here, host=host, port=port, tls_cert=tls_cert, tls_key=tls_key)


@user_app.command("add")
def user_add(
    context: typer.Context,
    *,
    name: NameArgument,
    role: Annotated[Role, typer.Option(help="What the person is here for.")],
    folder: OfficeOption = None,
) -> None:
    """Let somebody sign in; the password is asked for, or read from standard input."""
    here = office_at(folder or context.obj)
    password = _asked_password(name)
    with _ledger(here).transaction() as rows:
        add_user(rows, name, role, password, SystemClock().now())
    say(f"{name} may sign in as {role.value}", name=name, role=role.value)


@user_app.command("list")
def user_list(context: typer.Context, *, as_json: JsonOption = False, folder: OfficeOption = None) -> None:
    """Name the users and their roles."""
    with _ledger(office_at(folder or context.obj)).reading() as rows:
        users = all_users(rows)
    if as_json:
        say_json([{"name": user.name, "role": user.role.value} for user in users])
    else:
        Console().print(table("Users", ("name", "role"), [(user.name, user.role.value) for user in users]))


@user_app.command("password")
def user_password(context: typer.Context, *, name: NameArgument, folder: OfficeOption = None) -> None:
    """Give a user a new password; open sessions of the user end."""
    here = office_at(folder or context.obj)
    password = _asked_password(name)
    with _ledger(here).transaction() as rows:
        set_password(rows, name, password)
    say(f"{name} has a new password")


@user_app.command("remove")
def user_remove(context: typer.Context, *, name: NameArgument, folder: OfficeOption = None) -> None:
    """Let somebody sign in no more; open sessions of the user end."""
    with _ledger(office_at(folder or context.obj)).transaction() as rows:
        remove_user(rows, name)
    say(f"{name} may not sign in any more")


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``. Raises BadParameter."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) <= MAX_PORT):
        raise typer.BadParameter(f"{text!r}: write an address and a port, such as 127.0.0.1:8080")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Say whether only this computer reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _ledger(office: Office) -> Ledger:
    return Ledger(office.ledger)


def _asked_password(name: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"password for {name}: ")
    if getpass.getpass("once more: ") != password:
        raise AccountError("the two are not the same; run the command again")
    return password
