"""Recordings: fetched sealed, opened in memory for who may hear them, drawn, and corrected where the box misheard."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, send_file, url_for
from sqlalchemy import Row, select
from werkzeug.wrappers import Response as AnyResponse

from audio.transcript import TranscriptEntry, from_bytes
from console.corrections import ANSWERS, NOTHING, Correction, Kind, keep, of_call, what_box_took
from console.errors import ConsoleError
from console.ledger_tables import OUTCOME
from console.opened_recording import digest_of, encoded
from console.web.desk import asked, desk, log_access, me
from console.web.ordering import recording_file
from console.web.roles import May, needs
from console.web.wording import gettext
from firmware.dialogue.intents import MEANINGS
from firmware.sync.topics import InvalidNameError, topic_level
from firmware.values import Disposition

recording_pages = Blueprint("recordings", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What an opened recording holds."""

    sound: Any
    """int16, shape (n_samples, 2): callee, box."""
    rate_hz: int
    started_at: str
    is_whole: bool
    transcript: list[TranscriptEntry]
    """What was said, as the box took it; none of a box that wrote none."""


@recording_pages.get("/recordings/one")
@needs(May.HEAR_RECORDINGS)
def one() -> str:
    """Show one call's recording, if it is here, and what was corrected."""
    outcome = _outcome()
    path = _file(outcome)
    opened = _opened(path, outcome) if path.exists() else None
    with desk().ledger.transaction() as rows:
        if opened is not None:
            log_access(rows, "recording_heard", f"{outcome.person} ({outcome.attempt})")
        corrections = of_call(rows, outcome.box, outcome.attempt)
    return render_template(
        "recording.html",
        outcome=outcome,
        opened=opened,
        length_s=len(opened.sound) / opened.rate_hz if opened else 0,
        **(_drawn(opened) if opened is not None else {"marks": [], "picture": ""}),
        corrections=corrections,
        kinds=list(Kind),
        answer_classes=ANSWERS,
        meanings=(*sorted(MEANINGS), NOTHING),
        dispositions=list(Disposition),
    )


@recording_pages.get("/recordings/sound")
@needs(May.HEAR_RECORDINGS)
def sound() -> Response:
    """Send the sound to the player: left is the person called, right the box."""
    outcome = _outcome()
    path = _file(outcome)
    if not path.exists():
        abort(404)
    opened = _opened(path, outcome)
    if request.headers.get("Range", "bytes=0-").startswith(
        "bytes=0-"
    ):  # later parts belong to the same hearing
        with desk().ledger.transaction() as rows:
            log_access(rows, "recording_heard", f"{outcome.person} ({outcome.attempt})")
    content = io.BytesIO(encoded(opened.sound, opened.rate_hz, "WAV"))
    return send_file(content, mimetype="audio/wav", conditional=True, etag=False)


@recording_pages.post("/recordings/fetch")
@needs(May.HEAR_RECORDINGS)
def fetch() -> AnyResponse:
    """Bring the recording from its box; what came of a broken try is kept and gone on with."""
    outcome = _outcome()
    with desk().ledger.transaction() as rows:
        log_access(rows, "recording_fetched", outcome.attempt)
    try:
        desk().orders.fetch(outcome.box, outcome.recording)
    except ConsoleError as error:
        flash(gettext("The box did not send it: %(reason)s", reason=str(error)), "bad")
    return redirect(url_for("recordings.one", box=outcome.box, attempt=outcome.attempt))


@recording_pages.post("/recordings/correct")
@needs(May.CORRECT)
def correct() -> AnyResponse:
    """Keep a correction."""
    outcome = _outcome()
    here = desk()
    if asked("kind") not in set(Kind):
        abort(400)
    kind = Kind(asked("kind"))
    try:
        with here.ledger.transaction() as rows:
            was = what_box_took(rows, outcome.attempt, kind)[1] or asked("was", limit=500)
            made = Correction(
                id=here.new_id(), box=outcome.box, attempt=outcome.attempt, kind=kind, said=asked("said", limit=500),
                language=asked("language"), was=was, right=asked("right", limit=500), by=me().name, at_ms=here.now_ms(),
            )  # fmt: skip
            keep(rows, made)
            log_access(rows, "corrected", f"{outcome.attempt}: {kind}")
        flash(gettext("Kept beside the record; the record itself stays as it is."), "good")
    except ConsoleError as error:
        flash(gettext(str(error)), "bad")
    return redirect(url_for("recordings.one", box=outcome.box, attempt=outcome.attempt))


def _outcome() -> Row[Any]:
    here = (OUTCOME.c.box == asked("box")) & (OUTCOME.c.attempt == asked("attempt"))
    with desk().ledger.reading() as rows:
        found = rows.execute(select(OUTCOME).where(here)).first()
    if found is None or not found.recording:
        abort(404)
    return found


def _file(outcome: Row[Any]) -> Path:
    try:
        return recording_file(desk().office, topic_level(outcome.recording))
    except InvalidNameError:
        abort(404)  # a box's word: it must name no other file


def _opened(path: Path, outcome: Row[Any]) -> Opened:
    """Open in memory. Raises ConsoleError."""
    from audio.errors import RecordingError  # noqa: PLC0415 - the audio room starts slowly
    from audio.recording import read_recording  # noqa: PLC0415

    if outcome.recording_sha256 and digest_of(path) != outcome.recording_sha256:
        raise ConsoleError(
            f"{path.name} is not what the box recorded (another digest); delete it and fetch it again"
        )
    identity = desk().office.recording_identity.read_text(encoding="utf-8").strip()
    try:
        opened = read_recording(path, identity)
    except RecordingError as error:
        raise ConsoleError(f"{error}; it was sealed for another office") from None
    return Opened(
        sound=opened.sound,
        rate_hz=int(opened.header["rate_hz"]),
        started_at=str(opened.header["started_at"]),
        is_whole=opened.is_whole,
        transcript=from_bytes(opened.notes),
    )


def _drawn(opened: Opened) -> dict[str, Any]:
    from audio.recording_marks import marks_of  # noqa: PLC0415 - the audio room starts slowly
    from console.recording_picture import draw_recording  # noqa: PLC0415

    marks = marks_of(opened.sound)
    return {"marks": marks, "picture": draw_recording(opened.sound, opened.rate_hz, marks, title="", note="")}
