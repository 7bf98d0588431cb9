"""`keys`: renew the key that signs every message to the boxes, and see which boxes know it."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from console.arguments import clock_for, office_at
from console.broker import connected
from console.key_rotation import read_book, resend, rotate
from console.ledger import Ledger
from console.ledger_tables import ACK
from console.office import Office
from console.signed_sender import SignedSender
from console.tables import table
from console.terminal import say
from console.terminal import show as show_table
from firmware.sync.key_ring import public_key
from firmware.sync.messages import KeySet, encode
from firmware.sync.signing import key_id
from firmware.sync.topics import all_boxes_down

keys_app = typer.Typer(
    help="The keys that sign what goes to the boxes: renew them, and see who knows.", no_args_is_help=True
)
OfficeOption = Annotated[
    Path | None, typer.Option("--office", help="The office folder.", envvar="BRANCHLINE_OFFICE")
]
NowOption = Annotated[
    str | None, typer.Option("--now", help="Act as if it were this instant.", metavar="ISO")
]


@keys_app.command("rotate")
def rotate_key(
    context: typer.Context,
    *,
    overlap_days: Annotated[float, typer.Option(help="Days in which the old key still counts.")] = 30.0,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Make a new key, have the old one tell every box, and sign with the new one from now on. Restart `watch` after it."""
    here = office_at(folder or context.obj)
    with here.claimed("keys"):
        key_set, old = rotate(here, overlap=timedelta(days=overlap_days), now=clock_for(now).now())
    asyncio.run(_send(here, key_set, old))
    say(f"set {key_set.version} is at the broker for every box; restart `watch`, and look at `keys show`")


@keys_app.command("send")
def send_again(context: typer.Context, folder: OfficeOption = None) -> None:
    """Put the newest set at the broker once more, for boxes that were away."""
    here = office_at(folder or context.obj)
    key_set, old = resend(here)
    asyncio.run(_send(here, key_set, old))
    say(f"set {key_set.version} is at the broker for every box")


@keys_app.command("show")
def show(context: typer.Context, folder: OfficeOption = None) -> None:
    """List the keys, and which boxes have the newest set."""
    here = office_at(folder or context.obj)
    book = read_book(here)
    if book is None:
        say("one key, never renewed: `keys rotate` renews it")
        return
    rows = [
        (
            key_id(public_key(each)),
            f"{each.valid_from:%Y-%m-%d %H:%M}Z",
            f"{each.retires_at:%Y-%m-%d %H:%M}Z" if each.retires_at else "",
        )
        for each in book.current.keys
    ]
    show_table(table(f"Key set {book.current.version}", ("key", "signs from", "retires"), rows))
    with Ledger(here.ledger).reading() as connection:
        answers = {
            row.box: "yes" if row.accepted else f"no: {row.reason}"
            for row in connection.execute(
                select(ACK).where(ACK.c.about == book.current.id).order_by(ACK.c.at)
            )
        }
    show_table(
        table(
            "Boxes", ("box", "has it"), [(box, answers.get(box, "not answered yet")) for box in here.boxes()]
        )
    )


async def _send(office: Office, key_set: KeySet, key: Ed25519PrivateKey) -> None:
    async with connected(office, [], lasting=False) as connection:
        sender = SignedSender(connection, key)
        await sender.send(all_boxes_down(office.tenant, "keys"), encode(key_set), retain=True)
