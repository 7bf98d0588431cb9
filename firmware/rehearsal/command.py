"""`branchline flow`: check a conversation, look at it, hear it, try it, and let simulated people have it."""

import asyncio
import json
import sys
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from audio.errors import AudioError
from audio.frame import frame_from_bytes, freeze
from audio.listening.engines import how_to_install, load_engines
from audio.models import default_models_folder
from audio.speech.espeak import EspeakSynthesizer
from firmware.compliance.errors import ComplianceError
from firmware.compliance.library import load_packs
from firmware.dialogue.errors import ContactRefusedError, DialogueError, FlowRefusedError
from firmware.dialogue.flow import Flow
from firmware.dialogue.inbound import inbound_problems
from firmware.dialogue.schema import flow_schema
from firmware.dialogue.speaking import in_words
from firmware.dialogue.variables import ContactVars
from firmware.rehearsal.aloud import Voice, converse_aloud
from firmware.rehearsal.crowd import Report, Scene, rehearse
from firmware.rehearsal.loading import find_understander, read_flow
from firmware.rehearsal.picture import PictureError, dot_text, draw_svg
from firmware.rehearsal.sample import SECRET, sample_vars
from firmware.rehearsal.script_file import ScriptRefusedError, read_script
from firmware.rehearsal.scripted import perform
from firmware.rehearsal.seal_command import seal_flows
from firmware.rehearsal.sealing import SealError, broken_seal
from firmware.rehearsal.stage import Stage, joined
from firmware.rehearsal.terminal import HELP, Rehearsal, converse
from firmware.rehearsal.voice import prompt_phrases, render
from firmware.rules.flow_rules import policy_at, unmet_by

flow_app = typer.Typer(help="Conversations as data.", no_args_is_help=True, pretty_exceptions_enable=False)
flow_app.command("seal")(seal_flows)
out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True)
EXIT_REFUSED = 1
MOST_VIOLATIONS_SHOWN = 20
EXIT_USAGE = 2

FlowFile = Annotated[Path, typer.Argument(help="A flow, YAML.", metavar="FLOW")]
Language = Annotated[
    str | None, typer.Option(help="zh-CN or en (the flow's first by default).", metavar="TAG")
]
Vars = Annotated[
    list[str] | None,
    typer.Option(
        "--var", help="A value in place of the sample, as name=value; JSON for money.", metavar="NAME=VALUE"
    ),
]
Today = Annotated[
    str | None, typer.Option(help="The callee's day (this machine's by default).", metavar="YYYY-MM-DD")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@flow_app.command()
def check(
    file: FlowFile,
    place: Annotated[
        list[str] | None,
        typer.Option(
            "--place", help="Also by the rules of CN, US-NY, ...; may be repeated.", metavar="PLACE"
        ),
    ] = None,
    *,
    answers: Annotated[
        bool, typer.Option("--inbound", help="Also say whether it may answer who calls in ([inbound]).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether a flow may be dialled with, and where it may not: line, column, which check, and why."""
    try:
        flow = read_flow(file)
        if answers and (problems := inbound_problems(flow)):
            raise FlowRefusedError(tuple(problems), source=str(file))
        unmet = unmet_by(policy_at(load_packs(), place), flow) if place else []
        unsealed = broken_seal(file, flow)
    except (ComplianceError, SealError) as error:
        _fail(str(error), EXIT_USAGE)
    except FlowRefusedError as error:
        if as_json:
            found = [
                {"line": each.line, "column": each.column, "check": each.check, "message": each.message}
                for each in error.problems
            ]
            print(json.dumps({"good": False, "problems": found}, ensure_ascii=False, indent=1))
            raise typer.Exit(EXIT_REFUSED) from None
        _fail(str(error), EXIT_REFUSED)
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{file}: {_reason(error)}", EXIT_USAGE)
    if unmet:
        if as_json:
            print(json.dumps({"good": False, "problems": [], "unmet": unmet}, ensure_ascii=False, indent=1))
            raise typer.Exit(EXIT_REFUSED)
        _fail(
            f"{file}: the rules of {', '.join(place or [])} want more:\n  " + "\n  ".join(unmet), EXIT_REFUSED
        )
    if as_json:
        facts = {"good": True, "flow": flow.name, "version": flow.version, "nodes": len(flow.nodes)}
        facts |= {"languages": flow.languages, "digest": flow.digest} | (
            {"seal": unsealed} if unsealed else {}
        )
        print(json.dumps(facts, ensure_ascii=False))
        return
    out.print(
        f"{file}: good: {flow.name} version {flow.version}, {len(flow.nodes)} nodes, {', '.join(flow.languages)}",
        markup=False,
    )
    if unsealed:
        err.print(f"branchline: {file}: {unsealed}", style="yellow", markup=False, highlight=False)


@flow_app.command()
def graph(
    file: FlowFile,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write (beside the flow, as .svg, by default)."),
    ] = None,
    language: Language = None,
    *,
    dot: Annotated[bool, typer.Option("--dot", help="Print what Graphviz reads, draw nothing.")] = False,
) -> None:
    """Draw the conversation as an SVG picture: a red border speaks of the debt, dashes are heard at any time."""
    flow = _flow(file)
    tag = _language(flow, language)
    if dot:
        print(dot_text(flow, tag), end="")
        return
    target = output or file.with_suffix(".svg")
    try:
        target.write_text(draw_svg(flow, tag), encoding="utf-8")
    except (PictureError, OSError) as error:
        _fail(str(error), EXIT_REFUSED)
    out.print(f"{target}: {len(flow.nodes)} nodes", markup=False)


@flow_app.command("test")
def run_tests(
    files: Annotated[
        list[Path],
        typer.Argument(help="Scripts (NAME.test.yaml), or flows that have one beside them.", metavar="FILES"),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Play scripted conversations against their flow and say which went another way than written."""
    understand = find_understander()
    failed, rows = 0, []
    for file in files:
        path = file if file.name.endswith(".test.yaml") else file.with_suffix("").with_suffix(".test.yaml")
        try:
            script = read_script(path.read_text(encoding="utf-8"), source=str(path))
        except (OSError, UnicodeDecodeError) as error:
            _fail(f"{path}: {_reason(error)}", EXIT_USAGE)
        except ScriptRefusedError as error:
            _fail(str(error), EXIT_USAGE)
        flow = _flow(path.parent / script.flow)
        for conversation in script.conversations:
            try:
                differences = perform(flow, script, conversation, understand).differences
            except (ContactRefusedError, ValueError) as error:
                differences = (str(error),)
            failed += bool(differences)
            where = f"{path}:{conversation.at.line}"
            rows.append(
                {"file": str(path), "line": conversation.at.line, "name": conversation.name}
                | {"language": conversation.language, "passed": not differences, "differences": differences}
            )
            if differences and not as_json:
                out.print(f"{where}: {conversation.name} ({conversation.language})", markup=False)
                for difference in differences:
                    out.print(f"    {difference}", markup=False)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        out.print(f"{len(rows)} conversations, {failed} not as written", markup=False)
    if failed or not rows:
        raise typer.Exit(EXIT_REFUSED)


@flow_app.command()
def say(
    file: FlowFile,
    prompt: Annotated[str, typer.Argument(help="A prompt's id.", metavar="PROMPT")],
    language: Language = None,
    var: Vars = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it as a WAV file, spoken by the box's voice.")
    ] = None,
    today: Today = None,
) -> None:
    """Print what is said for a prompt, with sample values where you give none; with -o, as sound."""
    flow = _flow(file)
    tag, day = _language(flow, language), _today(today)
    if prompt not in flow.prompts:
        _fail(f"no prompt {prompt!r}: there are {', '.join(flow.prompts)}", EXIT_USAGE)
    contact = _contact(flow, tag, var, day)
    try:
        phrases = prompt_phrases(flow, contact, prompt, day)
    except DialogueError as error:
        _fail(str(error), EXIT_USAGE)
    out.print(joined(phrases, tag), markup=False)
    if output is not None:
        try:
            seconds = render(phrases, tag, EspeakSynthesizer(), output)
        except (AudioError, OSError) as error:
            _fail(str(error), EXIT_REFUSED)
        out.print(f"{output}: {seconds:.1f} s", markup=False)


@flow_app.command("try")
def try_by_hand(
    file: FlowFile,
    language: Language = None,
    var: Vars = None,
    today: Today = None,
    promise_max_days: Annotated[int, typer.Option(help="Latest day that may be promised, from today.")] = 14,
    microphone: Annotated[
        str | None,
        typer.Option(help="Speak and listen over this sound card ('audio devices').", metavar="CARD"),
    ] = None,
) -> None:
    """Hold the conversation: the box speaks, you type the callee's part, or say it with --microphone."""
    flow = _flow(file)
    tag, day = _language(flow, language), _today(today)
    stage = Stage(flow, _contact(flow, tag, var, day), today=day, promise_max_days=promise_max_days)
    if sys.stdin.isatty():
        out.print(HELP, markup=False, style="dim")
    rehearsal = Rehearsal(stage, today=day, understand=find_understander())
    if microphone is not None:
        _try_aloud(rehearsal, microphone, tag)
        return
    converse(rehearsal, _read_line, lambda line: out.print(line, markup=False))


def _try_aloud(rehearsal: Rehearsal, card: str, language: str) -> None:
    from audio.ports.sound_card import SoundCardPort  # noqa: PLC0415 - PortAudio looks at every card

    engines = load_engines(default_models_folder())
    if not engines.hears(language, ("yes", "no")):
        err.print(f"{how_to_install(language)}; until then press keys", style="yellow", markup=False)

    def recognise(pcm: bytes, tag: str, expected: tuple[str, ...]) -> str:
        if not engines.hears(tag, expected):
            return ""
        return engines.transcribe(freeze(frame_from_bytes(pcm)), tag, expected).text

    async def hold() -> None:
        speaker = EspeakSynthesizer()
        port = SoundCardPort(card)
        async with Voice(
            port, recognise=recognise, speak=lambda words, tag: speaker.render(in_words(words, tag), tag)
        ) as voice:
            await converse_aloud(rehearsal, voice, lambda line: out.print(line, markup=False))

    try:
        asyncio.run(hold())
    except (AudioError, TimeoutError) as error:
        _fail(str(error) or f"the sound card {card!r} plays nothing", EXIT_USAGE)


@flow_app.command()
def simulate(
    file: FlowFile,
    conversations: Annotated[int, typer.Option(help="How many to hold.", min=1, max=1_000_000)] = 1000,
    seed: Annotated[int, typer.Option(help="The same conversations for the same number.")] = 1,
    today: Today = None,
    *,
    words: Annotated[
        bool,
        typer.Option("--words", help="Let the words be understood in place of being told what is meant."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let simulated people have the conversation, in every language, and report how it went; any violation fails."""
    flow, day = _flow(file), _today(today)
    understand = find_understander() if words else None
    if words and understand is None:
        _fail("this build understands no words: leave --words out", EXIT_USAGE)
    secrets = {SECRET[: type_.length] for type_ in flow.vars.values() if type_.secret}
    scene = Scene(
        flow=flow,
        contacts=[_contact(flow, language, None, day) for language in flow.languages],
        secrets=frozenset(secrets),
        today=day,
        understand=understand,
    )
    began_s = perf_counter()
    report = rehearse(scene, conversations, seed=seed)
    a_minute = round(conversations / (perf_counter() - began_s) * 60)
    if as_json:
        facts = report.as_dict() | {"conversations_a_minute": a_minute}
        print(json.dumps(facts, ensure_ascii=False, indent=1))
    else:
        _show(report, a_minute)
    if report.violations:
        raise typer.Exit(EXIT_REFUSED)


def _show(report: Report, a_minute: int) -> None:
    table = Table("came to", "conversations", "share")
    for word, count in report.dispositions.most_common():
        table.add_row(word, str(count), f"{count / report.conversations:.1%}")
    out.print(table)
    count = report.conversations
    out.print(
        f"{count} conversations, {a_minute} a minute; {report.turns / count:.1f} turns and "
        f"{report.seconds / count:.0f} s each; {report.containment:.1%} needed no person; "
        f"{len(report.violations)} violations",
        markup=False,
    )
    for violation in report.violations[:MOST_VIOLATIONS_SHOWN]:
        out.print(f"    {violation}", markup=False, style="red")


@flow_app.command()
def schema() -> None:
    """Print the JSON Schema of flows, for editors that complete and check YAML."""
    print(json.dumps(flow_schema(), ensure_ascii=False, indent=1))


def _read_line() -> str | None:
    try:
        return input("you: " if sys.stdin.isatty() else "")
    except (EOFError, KeyboardInterrupt):
        return None


def _flow(file: Path) -> Flow:
    try:
        return read_flow(file)
    except FlowRefusedError as error:
        _fail(str(error), EXIT_REFUSED)
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{file}: {_reason(error)}", EXIT_USAGE)


def _language(flow: Flow, language: str | None) -> str:
    tag = flow.languages[0] if language is None else flow.resolve_language(language)
    if tag is None:
        _fail(f"the flow is not offered in {language!r}: use one of {', '.join(flow.languages)}", EXIT_USAGE)
    return tag


def _today(text: str | None) -> date:
    try:
        return date.today() if text is None else date.fromisoformat(text)  # noqa: DTZ011  (whoever types is here)
    except ValueError:
        _fail(f"--today is YYYY-MM-DD, not {text!r}", EXIT_USAGE)


def _contact(flow: Flow, language: str, given: list[str] | None, today: date) -> ContactVars:
    raw = sample_vars(flow, language, today)
    for pair in given or []:
        name, mark, value = pair.partition("=")
        if not mark or name not in flow.vars:
            _fail(f"--var {pair!r}: write name=value; the flow has {', '.join(flow.vars)}", EXIT_USAGE)
        is_plain = flow.vars[name].kind.value not in ("money", "number")
        try:
            raw[name] = value if is_plain else json.loads(value)
        except ValueError:
            _fail(f'--var {name}: write a number, or {{"minor": 123450, "currency": "CNY"}}', EXIT_USAGE)
    try:
        return flow.check_vars(raw, language)
    except ContactRefusedError as error:
        _fail(f"these values do not fit the flow: {error}", EXIT_USAGE)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)


def _fail(message: str, code: int) -> NoReturn:
    err.print(f"branchline: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
