"""`policy`: rules from the office to its boxes, which can only tighten, and what the boxes made of them."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from console.arguments import JsonOption, NowOption, OfficeOption, clock_for, office_at
from console.authority import load_signing_key
from console.broker import connected
from console.errors import BoxSilentError
from console.ingest import read_arrival
from console.ledger import Ledger
from console.office import Office
from console.policy_releases import (
    ReleaseError,
    Standing,
    add,
    approval,
    checked_overlay,
    checked_pack,
    newest,
    standing,
)
from console.signed_sender import SignedSender
from console.tables import table
from console.terminal import say, say_json, show
from firmware.clock import Clock
from firmware.compliance.pack import read_pack
from firmware.sync.messages_policy import PolicyRelease
from firmware.sync.signing import KeyFileError, load_private_key
from firmware.sync.topics import ALL_BOXES, BoxTopics
from firmware.values import UuidV7

policy_app = typer.Typer(help="Rule packs and overlays for the boxes.", no_args_is_help=True)


@policy_app.command()
def push(
    context: typer.Context,
    *,
    box: Annotated[str, typer.Option(help="The box, or all.")] = ALL_BOXES,
    pack: Annotated[list[Path] | None, typer.Option(help="A new version of a rule pack, TOML.")] = None,
    overlay: Annotated[Path | None, typer.Option(help="Tighter rules, TOML of layer overlay.")] = None,
    no_overlay: Annotated[bool, typer.Option("--no-overlay", help="Take the office's overlay back.")] = False,
    approver_key: Annotated[
        Path | None, typer.Option(help="Approve the packs with this key, for boxes whose settings name it.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="The approver's name, with --approver-key.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the boxes' answers; 0: do not.")] = 30.0,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Sign a release and leave it at the broker: what went before stays in it, what is named here is added or replaced.

    A new pack version waits until a person at the branch approves it by name, unless an approver's key does. An overlay
    is at once in force; one that would widen anything is refused whole, here and by every box.
    """
    if (approver_key is None) != (by is None):
        raise typer.BadParameter("--approver-key and --by go together")
    if overlay is not None and no_overlay:
        raise typer.BadParameter("--overlay and --no-overlay exclude each other")
    here = office_at(folder or context.obj)
    target = box if box == ALL_BOXES else here.require_box(box)
    clock = clock_for(now)
    given = [checked_pack(path) for path in pack or []]
    ledger = Ledger(here.ledger)
    try:
        with ledger.transaction() as rows:
            before = newest(rows, target) or PolicyRelease(id="none", at=clock.now(), version=1)
            replaced = {found.pack.id for _, found in given}
            kept = [(text, read_pack(text, source="")) for text in before.packs]
            packs = [(text, found) for text, found in kept if found.pack.id not in replaced] + given
            text = "" if no_overlay else before.overlay
            if overlay is not None:
                text = checked_overlay(overlay, [found for _, found in packs])
            signed = [given for given in before.approvals if given.pack not in replaced]
            if approver_key is not None and by is not None:
                try:
                    key = load_private_key(approver_key)
                except KeyFileError as error:
                    raise ReleaseError(f"{error}; name the approver's own key") from None
                signed += [approval(key, found, by) for _, found in given]
            topic, payload, version = add(
                rows,
                here.tenant,
                target,
                packs=[text for text, _ in packs],
                approvals=signed,
                overlay=text,
                ids=UuidV7(),
                now=clock.now(),
            )
        concerned = here.boxes() if target == ALL_BOXES else [target]
        asyncio.run(
            _send(here, ledger, topic, payload, concerned, version=version, patience_s=wait, clock=clock)
        )
        with ledger.reading() as rows:
            found = [each for name in concerned if (each := standing(rows, name))]
    finally:
        ledger.close()
    say(f"release {version} lies at the broker for {target}", version=version, target=target)
    _print(found)
    refused = [each for each in found if each.version == version and each.answer == "refused"]
    if refused:
        raise ReleaseError(f"{refused[0].box} refuses it: {refused[0].detail}; mend that and push again")


@policy_app.command()
def status(context: typer.Context, *, as_json: JsonOption = False, folder: OfficeOption = None) -> None:
    """Show which release concerns each box and whether it is in force there."""
    here = office_at(folder or context.obj)
    with Ledger(here.ledger).reading() as rows:
        found = [each for name in here.boxes() if (each := standing(rows, name))]
    if as_json:
        say_json([msgspec.to_builtins(each) for each in found])
        return
    _print(found)


async def _send(
    office: Office,
    ledger: Ledger,
    topic: str,
    payload: bytes,
    boxes: list[str],
    *,
    version: int,
    patience_s: float,
    clock: Clock[object],
) -> None:
    waiting = set(boxes)
    answers = [BoxTopics(office.tenant, box).up("ack") for box in boxes]
    async with connected(office, answers, lasting=False) as connection:
        await SignedSender(connection, load_signing_key(office)).send(topic, payload, retain=True)
        received = connection.received()
        try:
            async with asyncio.timeout(patience_s):
                while waiting and patience_s:
                    message = await anext(received)
                    arrival = read_arrival(message, office.tenant)
                    if arrival is not None:
                        await asyncio.to_thread(ledger.record, [arrival], seen_at=clock.now())
                    message.ack()
                    waiting -= await asyncio.to_thread(_answered, ledger, waiting, version)
        except TimeoutError:
            if len(boxes) == 1:
                raise BoxSilentError(
                    f"box {boxes[0]} has not answered within {patience_s:g} s; the release waits for it at the broker"
                ) from None


def _answered(ledger: Ledger, boxes: set[str], version: int) -> set[str]:
    with ledger.reading() as rows:
        found = {box: standing(rows, box) for box in boxes}
    return {
        box
        for box, each in found.items()
        if each is not None and each.version == version and each.answer != "no answer yet"
    }


def _print(found: list[Standing]) -> None:
    names = ("box", "release", "packs", "overlay", "at the box", "detail")
    rows = [(e.box, e.version, " ".join(e.packs), e.overlay, e.answer, e.detail) for e in found]
    show(table("Rules from this office", names, rows))
