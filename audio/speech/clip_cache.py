"""Keep what was rendered: in memory for the calls, on disk for the next start."""

import asyncio
import hashlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
import soundfile
import structlog

from audio.errors import ClipMissingError, NotRecordedError, SynthesisError
from audio.frame import NARROWBAND, Clip, freeze
from audio.speech.joining import words_of
from audio.speech.synthesis import Synthesizer
from audio.speech.voices import Voices

log = structlog.get_logger()

MAX_PARALLEL = 2
"""Renderings at a time: a box has calls to run besides."""
MOST_WARNINGS = 64


class ClipCache:
    """Clips by phrase. What `prepare` returned stays valid for its holder whatever the cache forgets later."""

    def __init__(
        self,
        synthesizer: Synthesizer | Voices,
        folder: Path | None,
        *,
        max_bytes: int = 64 * 1024 * 1024,
        executor: Executor | None = None,
    ) -> None:
        self._voices = synthesizer
        self._folder = folder
        self._max_bytes = max_bytes
        self._room_bytes = 0
        """What may be written before the folder is looked at again; others may write there too."""
        self._executor = executor
        self._clips: OrderedDict[str, Clip] = OrderedDict()
        self._n_bytes = 0
        self._names: dict[int, str] = {}
        """What an engine is called, by its place in `_engines_of`; asking may start a program."""
        self._is_disk_failing = False
        self._warned: set[tuple[int, str]] = set()
        self._rendering: dict[tuple[str, str], asyncio.Task[Clip]] = {}
        self._turn = asyncio.Semaphore(MAX_PARALLEL)

    @property
    def n_bytes(self) -> int:
        """Bytes of sound in memory; at most `max_bytes`."""
        return self._n_bytes

    async def prepare(self, phrases: Iterable[str], language: str) -> Mapping[str, Clip]:
        """Have every phrase ready and return them all. Raises SynthesisError and remembers what worked."""
        wanted = list(dict.fromkeys(phrases))
        tasks = [self._task(phrase, language) for phrase in wanted]
        if tasks:
            await asyncio.wait(tasks)
        return {phrase: task.result() for phrase, task in zip(wanted, tasks, strict=True)}

    def get(self, phrase: str, language: str) -> Clip:
        """Return a prepared phrase at once, by the best engine that spoke it. Raises ClipMissingError."""
        for engine in self._engines_of(language):
            if (clip := self._remembered(engine, phrase, language)) is not None:
                return clip
        raise ClipMissingError(f"a phrase of {len(phrase)} characters in {language} was not prepared")

    def _engines_of(self, language: str) -> tuple[Synthesizer, ...]:
        return self._voices.of(language) if isinstance(self._voices, Voices) else (self._voices,)

    def _remembered(self, engine: Synthesizer, phrase: str, language: str) -> Clip | None:
        name = self._names.get(id(engine))
        if name is None:
            return None
        key = _key(name, phrase, language)
        clip = self._clips.get(key)
        if clip is not None:
            self._clips.move_to_end(key)
        return clip

    def _task(self, phrase: str, language: str) -> "asyncio.Task[Clip]":
        task = self._rendering.get((phrase, language))
        if task is None:  # two calls that want one phrase render it once
            task = asyncio.create_task(self._ready(phrase, language), name="render-prompt")
            self._rendering[phrase, language] = task
            task.add_done_callback(lambda done: self._forget_task((phrase, language), done))
        return task

    def _forget_task(self, which: tuple[str, str], task: "asyncio.Task[Clip]") -> None:
        self._rendering.pop(which, None)
        if not task.cancelled():
            task.exception()  # its caller may have been cancelled; then nobody else asks

    async def _ready(self, phrase: str, language: str) -> Clip:
        """Return the clip of the first engine that has it or can speak it."""
        engines = self._engines_of(language)
        why: SynthesisError | None = None
        for engine in engines:
            if (remembered := self._remembered(engine, phrase, language)) is not None:
                return remembered
            async with self._turn:
                loop = asyncio.get_running_loop()
                try:
                    name, clip = await loop.run_in_executor(
                        self._executor, self._load_or_render, engine, phrase, language
                    )
                except SynthesisError as error:
                    why = self._told(engine, error, is_last=engine is engines[-1])
                    continue
            self._names[id(engine)] = name
            self._remember(_key(name, phrase, language), clip)
            return clip
        raise why or SynthesisError(f"no engine speaks {language!r}: see [speech] in the settings")

    def _told(self, engine: Synthesizer, error: SynthesisError, *, is_last: bool) -> SynthesisError:
        """Warn once of what an engine fails at while another one can stand in for it."""
        which = (id(engine), str(error))
        if not (is_last or isinstance(error, NotRecordedError) or which in self._warned):
            if len(self._warned) >= MOST_WARNINGS:
                self._warned.clear()
            self._warned.add(which)
            log.warning("speech_engine_failed", engine=type(engine).__name__, reason=str(error), then="next")
        return error

    def _remember(self, key: str, clip: Clip) -> None:
        if key in self._clips:
            self._clips.move_to_end(key)
            return
        self._clips[key] = clip
        self._n_bytes += clip.nbytes
        while self._n_bytes > self._max_bytes and self._clips:
            _, oldest = self._clips.popitem(last=False)
            self._n_bytes -= oldest.nbytes

    def _load_or_render(self, engine: Synthesizer, phrase: str, language: str) -> tuple[str, Clip]:
        """Runs in the executor."""
        name = engine.name
        path = None if self._folder is None else self._folder / f"{_key(name, phrase, language)}.wav"
        clip = None if path is None else _load(path)
        if clip is None:
            clip = engine.render(words_of(phrase), language)
            if path is not None:
                self._keep(path, clip)
        return name, clip

    def _keep(self, path: Path, clip: Clip) -> None:
        """Put the clip on disk; a disk that fails costs renderings after the next start, not calls now."""
        try:
            _save(path, clip)
            self._room_bytes -= clip.nbytes
            if self._room_bytes < 0:
                self._room_bytes = min(self._trim_folder(path.parent), self._max_bytes // 8)
        except OSError as error:
            if not self._is_disk_failing:
                log.warning("prompts_not_kept", folder=str(path.parent), reason=error.strerror)
            self._is_disk_failing = True
        else:
            self._is_disk_failing = False

    def _trim_folder(self, folder: Path) -> int:
        """Delete the files used longest ago until the folder holds no more than memory may; return the room left."""
        files = []
        for path in folder.glob("*.wav"):
            try:
                status = path.stat()
            except FileNotFoundError:  # another worker was quicker
                continue
            files.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self._max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size
        return self._max_bytes - total


def _key(engine: str, phrase: str, language: str) -> str:
    return hashlib.sha256(f"{engine}|{language}|{words_of(phrase)}".encode()).hexdigest()


def _load(path: Path) -> Clip | None:
    """Return the clip in `path`, None when there is none or it is no clip of ours."""
    try:
        samples, rate_hz = soundfile.read(path, dtype="int16")
        os.utime(path)
    except (soundfile.LibsndfileError, OSError):
        return None
    if rate_hz != NARROWBAND.rate_hz or samples.ndim != 1 or not len(samples):
        return None
    return freeze(np.asarray(samples))


def _save(path: Path, clip: Clip) -> None:
    """Write the clip so that a power cut leaves all of it or nothing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".part")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            soundfile.write(file, clip, NARROWBAND.rate_hz, subtype="PCM_16", format="WAV")
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except (OSError, soundfile.LibsndfileError) as error:
        os.unlink(partial)
        if isinstance(error, OSError):
            raise
        raise OSError(0, "the sound library failed") from error
