"""Which engines this box has, and which of them is asked about an utterance."""

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

from audio.errors import AudioError, RecogniserError
from audio.frame import Clip
from audio.listening.answer_ear import AnswerEar, is_answer
from audio.listening.grammar import GrammarRecogniser
from audio.listening.recogniser import Recognised, Recogniser, nothing
from audio.listening.sherpa import SherpaRecogniser, is_sherpa_folder
from audio.listening.whisper import WhisperRecogniser

LANGUAGES = ("zh", "en")
GOOD_ENOUGH = 0.8
"""With this confidence an engine's word stands; otherwise the next one is asked too. Of short answers that PocketSphinx
put into the grammar, 9 of 93 were other ones; at 0.8 none was."""
SECONDED = 0.3
"""An answer that the next engine gives this share of its belief is taken before free text of that engine."""


class EngineChain:
    """Several engines as one: each utterance goes to the quick closed one first, to the open ones only when needed."""

    name = "chain"

    def __init__(self, engines: Iterable[Recogniser], missing: Iterable[str] = ()) -> None:
        self.engines = tuple(engines)
        self.missing = tuple(missing)

    def hears(self, language: str, expected: tuple[str, ...]) -> bool:
        """Say whether any engine can do something with it."""
        return any(engine.hears(language, expected) for engine in self.engines)

    def transcribe(self, pcm: Clip, language: str, expected: tuple[str, ...]) -> Recognised:
        """Return the first answer that is good enough, or else the later engine's. Raises RecogniserError."""
        if is_answer(language):
            return self._answer(pcm, language)
        able = [engine for engine in self.engines if engine.hears(language, expected)]
        if not able:
            raise RecogniserError(f"no recogniser for {language} is installed: {how_to_install(language)}")
        best = nothing(able[0].name)
        for engine in able:
            found = engine.transcribe(pcm, language, expected)
            if found.text and found.confidence >= GOOD_ENOUGH:
                return found
            if found.text and not _is_seconded(best, found, expected):
                best = found
        return best

    def _answer(self, pcm: Clip, language: str) -> Recognised:
        """Return what was said after answering: a rough text will do, and where it is poor an open engine is asked."""
        best = nothing(self.name)
        for engine in self.engines:
            # The rough text shows which language it is.
            spoken = ("en" if best.text.isascii() else "zh") if best.text else language
            if not engine.hears(spoken, ()):
                continue
            found = engine.transcribe(pcm, spoken, ())
            if found.text:
                best = found
            if found.text and found.confidence >= GOOD_ENOUGH:
                break
        return best


def _is_seconded(first: Recognised, second: Recognised, expected: tuple[str, ...]) -> bool:
    """Say whether the second engine, which wrote something free, thinks the first one's answer likely too."""
    return second.text not in expected and any(
        one.text == first.text and one.confidence >= SECONDED for one in second.alternatives
    )


def load_engines(models: Path | None, *, threads: int = 1, only_answers: bool = False) -> EngineChain:
    """Return every engine that loads, the quick one first; what does not load is told in `missing`.

    `only_answers`: those that can say who answered.
    """
    loaders: list[Callable[[], Recogniser]] = [AnswerEar] if only_answers else [AnswerEar, GrammarRecogniser]
    own_place = len(loaders)
    for folder in model_folders(models):
        if is_whisper_folder(folder):
            loaders.append(lambda folder=folder: WhisperRecogniser(folder, threads=threads))  # type: ignore[misc]
        elif is_sherpa_folder(folder):
            # An operator who brought a model of their own wants it asked before Whisper.
            loaders.insert(own_place, lambda folder=folder: SherpaRecogniser(folder, threads=threads))  # type: ignore[misc]
    engines: list[Recogniser] = []
    missing: list[str] = []
    for load in loaders:
        try:
            engines.append(load())
        except AudioError as error:
            missing.append(str(error))
    return EngineChain(engines, missing)


def installed_languages(models: Path | None) -> frozenset[str]:
    """Return the languages that some engine should hear, without loading any."""
    found = {"en"} if find_spec("pocketsphinx") else set()
    for folder in model_folders(models):
        if is_whisper_folder(folder) and find_spec("faster_whisper"):
            found |= set(LANGUAGES)
        elif is_sherpa_folder(folder) and find_spec("sherpa_onnx"):
            found |= set(SherpaRecogniser.languages_of(folder))
    return frozenset(found)


def model_folders(models: Path | None) -> list[Path]:
    """Return `models` and the folders in it, whichever hold a model."""
    if models is None or not models.is_dir():
        return []
    candidates = [models, *sorted(child for child in models.iterdir() if child.is_dir())]
    return [folder for folder in candidates if is_whisper_folder(folder) or is_sherpa_folder(folder)]


def is_whisper_folder(folder: Path) -> bool:
    """Say whether a folder has the files of a Whisper model in CTranslate2 form."""
    has_vocabulary = any((folder / name).is_file() for name in ("vocabulary.txt", "vocabulary.json"))
    return has_vocabulary and all(
        (folder / name).is_file() for name in ("model.bin", "config.json", "tokenizer.json")
    )


def how_to_install(language: str) -> str:
    """Return what to run for a recogniser of this language."""
    if language.startswith("en"):
        return "pip install pocketsphinx (short answers), or branchline models fetch whisper-base"
    return "branchline models fetch whisper-base"
