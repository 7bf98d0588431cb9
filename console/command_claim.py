"""`claim`: let machines become boxes by a claim file and, where nothing else vouches for them, by the code that they show."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from console.arguments import JsonOption, OfficeOption, office_at
from console.claim_book import CODE_LIFE, ClaimBook, SessionRecord
from console.claim_desk import ClaimDesk
from console.claim_files import issue_claim, open_claims, read_serials
from console.claim_serving import serving_claims
from console.errors import BoxSilentError, ClaimError
from console.office import Office
from console.tables import table
from console.terminal import say, say_json
from firmware.clock import SystemClock
from firmware.sync.claiming import CLAIM_FILE
from firmware.sync.messages_claim import ClaimAnswer, ClaimRequest

LOOK_S = 0.5
claim_app = typer.Typer(
    help="Machines that want to be boxes: a claim file for them, their codes, who may and who may not.",
    no_args_is_help=True,
)
CodeArgument = Annotated[str, typer.Argument(help="The code that the machine shows, such as 7K3M-Q9XD-4TPA.")]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="It takes the place of the machine that has this name now.")
]


@claim_app.command("open")
def open_door(
    context: typer.Context,
    *,
    port: Annotated[
        int, typer.Option(help="The broker's port for claims, which machines must reach.")
    ] = 8884,
    folder: OfficeOption = None,
) -> None:
    """Have the broker hear claims: at a port of their own, by an authority of their own, under rules of their own."""
    office, is_replaced = open_claims(office_at(folder or context.obj), port, now=SystemClock().now())
    configuration = office.broker_folder / "mosquitto.conf"
    if not is_replaced:
        say(f"{configuration} was changed by hand and stays: {configuration}.new shows what claims need")
    say(f"claims go to port {port}; restart the broker, then: branchline-console claim issue")


@claim_app.command("issue")
def issue(
    context: typer.Context,
    *,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path(CLAIM_FILE),
    box: Annotated[
        str, typer.Option(help="Whoever asks first becomes this box; left out, it waits for `approve`.")
    ] = "",
    serials: Annotated[
        Path | None,
        typer.Option(
            help="Preauthorised machines, a file of lines SERIAL,BOX; others wait for `approve`.",
            metavar="CSV",
        ),
    ] = None,
    days: Annotated[int, typer.Option(help="For how many days it may be used.")] = 7,
    replace: ReplaceOption = False,
    time_zone: Annotated[str, typer.Option(help="The branch's time zone (IANA).")] = "Asia/Shanghai",
    language: Annotated[str, typer.Option(help="Language of the box's own texts.")] = "zh-CN",
    folder: OfficeOption = None,
) -> None:
    """Make a claim file for a USB stick or a boot partition. It is private: whoever has it may ask."""
    if box and serials:
        raise typer.BadParameter("give one of --box and --serials")
    office = office_at(folder or context.obj)
    record = issue_claim(
        office,
        out,
        now=SystemClock().now(),
        days=days,
        box=box,
        serials=read_serials(serials) if serials else None,
        replaces=replace,
        time_zone=time_zone,
        language=language,
    )
    say(
        f"{out} made, good until {record.expires_at.astimezone():%Y-%m-%d %H:%M}; put it on the stick as {CLAIM_FILE}",
        file=str(out), id=record.id, expires_at=record.expires_at.isoformat(),
    )  # fmt: skip
    say("while machines ask: branchline-console claim serve, or claim approve CODE --as NAME for each")


@claim_app.command("list")
def list_claims(context: typer.Context, *, as_json: JsonOption = False, folder: OfficeOption = None) -> None:
    """Show who asked, as far as `serve` or `approve` heard it, and what came of it."""
    claims = ClaimBook(office_at(folder or context.obj)).sessions()
    if as_json:
        say_json([_shown(each) for each in claims])
        return
    rows = [
        (each.serial or "-", each.state, each.box or "-", each.reason, _at(each.first_seen_at), _at(each.last_seen_at))
        for each in claims
    ]  # fmt: skip
    names = ("serial number", "state", "box", "why", "first heard", "last heard")
    Console().print(table("Claims", names, rows))


READ_REVOKED = (
    "what the machine before it was given is withdrawn: have the broker read that (`systemctl reload mosquitto`), "
    "or that machine may still come in"
)


@claim_app.command("approve")
def approve(
    context: typer.Context,
    *,
    code: CodeArgument,
    name: Annotated[str, typer.Option("--as", help="The box that it becomes.")],
    replace: ReplaceOption = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the machine.", min=0)] = 120.0,
    folder: OfficeOption = None,
) -> None:
    """Make the machine that shows this code a box, and wait until it is one."""
    office = office_at(folder or context.obj)
    found = asyncio.run(_approve(office, code, name, replaces=replace, patience_s=wait))
    if found.state == "taken":
        say(f"{name} is a box now", box=name)
        if replace:
            say(READ_REVOKED)
        return
    raise BoxSilentError(
        f"{name} is approved, and the machine has not said that it heard so: keep `claim serve` running"
    )


@claim_app.command("refuse")
def refuse(context: typer.Context, *, code: CodeArgument, folder: OfficeOption = None) -> None:
    """Send the machine that shows this code away."""
    desk = ClaimDesk(office_at(folder or context.obj))
    now = SystemClock().now()
    if desk.refuse(code, now) is None:
        desk.note_wrong_code(now)
        raise ClaimError("no machine that was heard shows this code: see `claim list`")
    say("refused: the machine makes another code")


@claim_app.command("serve")
def serve(
    context: typer.Context,
    *,
    seconds: Annotated[float, typer.Option(help="Stop after so long; 0: never.", min=0)] = 0.0,
    folder: OfficeOption = None,
) -> None:
    """Answer machines that ask, until stopped: those with a name in their claim file, or approved, become boxes."""
    office = office_at(folder or context.obj)

    def tell(request: ClaimRequest, answer: ClaimAnswer | None) -> None:
        if answer is None:
            say(f"{request.serial or 'a machine'}: is a box now", serial=request.serial, state="taken")
        elif answer.status != "waiting":
            told = f"{request.serial or 'a machine'}: {answer.status} {answer.box}{answer.reason}"
            say(told, serial=request.serial, state=answer.status, box=answer.box, reason=answer.reason)
        else:
            say(
                f"{request.serial or 'a machine'} waits: claim approve CODE --as NAME, with the code it shows",
                serial=request.serial, state="waiting",
            )  # fmt: skip

    async def story() -> None:
        async with serving_claims(office, SystemClock(), on_answer=tell):
            await asyncio.sleep(seconds or float("inf"))

    try:
        asyncio.run(story())
    except KeyboardInterrupt:
        return


async def _approve(
    office: Office, code: str, box: str, *, replaces: bool, patience_s: float
) -> SessionRecord:
    clock = SystemClock()
    ClaimDesk(office).check_may_type(code, clock.now())
    async with serving_claims(office, clock) as desk:
        ends_at = clock.now() + timedelta(seconds=patience_s)
        found: SessionRecord | None = None
        tried: frozenset[str] = frozenset()
        while True:
            heard = frozenset(each.session for each in desk.book.sessions())
            # Another machine may have been heard since; comparing codes is slow on purpose.
            if found is None and (heard - tried or not tried):
                tried = heard
                found = await asyncio.to_thread(desk.approve, code, box, clock.now(), replaces=replaces)
            elif found is not None:
                found = desk.book.session(found.session) or found
            if found is not None and found.state == "taken":
                return found
            if clock.now() >= ends_at:
                break
            await asyncio.sleep(LOOK_S)
        if found is None:
            desk.note_wrong_code(clock.now())
            raise ClaimError(
                f"no machine with this code was heard within {patience_s:g} s: is the code right, not older than "
                f"{CODE_LIFE.total_seconds() / 3600:g} h, and does the machine reach the broker?"
            )
        return found


def _shown(claim: SessionRecord) -> dict[str, object]:
    shown: dict[str, object] = msgspec.to_builtins(claim)
    del shown["code_proof"], shown["public_key"]
    return shown


def _at(instant: datetime) -> str:
    return f"{instant.astimezone():%Y-%m-%d %H:%M}"
