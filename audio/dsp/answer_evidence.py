"""What is known of who answered: when and how long they talk, and what the words sound like; and how both are weighed.

The clock starts at answer, with the first sample; digital silence is no evidence. Syllables and words are not counted,
so that Mandarin, where every syllable is a burst, is no faster than English.
"""

import math
import operator
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio.dsp.answer_content import Content, ContentListener, ContentModel
from audio.dsp.answer_weights import BIAS, BIAS_WITH_TEXT, WEIGHTS, WEIGHTS_WITH_TEXT
from audio.dsp.answer_words import WordsHeard, Written, weigh_written
from audio.dsp.blocks import BLOCK_MS, BLOCK_SAMPLES
from audio.dsp.level import SILENCE_DBFS
from audio.dsp.tone import BlockSpectrum
from audio.dsp.utterances import GAP_BLOCKS, Utterances

TURN_GAP_BLOCKS = 1000 // BLOCK_MS
"""Who waits a second leaves the turn to us."""
LISTEN_ON_BLOCKS = 1200 // BLOCK_MS
"""After this much quiet there is nothing to hear in the words until somebody speaks again."""
FLUSH_BLOCKS = 400 // BLOCK_MS
"""Quiet that is added where a recording ends, so that its last words are heard to their end."""
MAX_CONTENT_LOGIT = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFeatures:
    """What the verdict rests on, times in seconds; logged with it, so that recordings can be labelled anew."""

    onset_s: float = 0.0
    """From the first live sound to the first word; digital silence does not count."""
    speech_s: float = 0.0
    """All speech so far, short gaps within it included."""
    first_s: float = 0.0
    longest_s: float = 0.0
    gap_s: float = 0.0
    """Quiet since the last word; 0 while the far end speaks."""
    longest_gap_s: float = 0.0
    """Between two utterances."""
    span_s: float = 0.0
    """Since the first word."""
    n_utterances: int = 0
    talk_s: float = 0.0
    """The most that was said without a pause of a second: one turn."""
    talk_utterances: int = 0
    words_human: float = 0.0
    """What the words alone sound like, as shares; all zero before anything was heard."""
    words_machine: float = 0.0
    words_carrier: float = 0.0
    words_screening: float = 0.0
    said_human: float = 0.0
    """What the words speak for that a recogniser wrote down, as shares; all zero before it wrote any that are known."""
    said_machine: float = 0.0
    said_carrier: float = 0.0
    said_screening: float = 0.0
    said_confidence: float = 0.0
    """How well what was written down explains the sound."""

    def as_dict(self) -> dict[str, float]:
        """Return the features by name."""
        return {name: round(value, 2) for name, value in asdict(self).items()}


class AnswerEvidence:
    """Collects it, block by block."""

    def __init__(self, model: ContentModel) -> None:
        self.heard = Utterances()
        self.first_live: int | None = None
        """The block of the first sound that is no digital silence."""
        self._listener: ContentListener | None = ContentListener(model)
        self.content: Content | None = None
        """What the words sound like; None before the first."""
        self._since_active = LISTEN_ON_BLOCKS
        self._written: dict[int, tuple[Written, ...]] = {}
        self.said: WordsHeard | None = None
        """What the words speak for that a recogniser wrote down."""

    def take_block(
        self,
        block: NDArray[np.float32],
        spectrum: BlockSpectrum,
        *,
        is_key: bool = False,
        echo_dbfs: float = SILENCE_DBFS,
    ) -> None:
        """Take one block; what is not above `echo_dbfs` is our own voice."""
        heard = self.heard
        heard.take_block(block, spectrum, is_tone=is_key, echo_dbfs=echo_dbfs)
        if self.first_live is None and heard.n_live_blocks:
            self.first_live = heard.n_blocks - 1
        self._since_active = 0 if heard.is_speaking else self._since_active + 1
        if self._since_active < LISTEN_ON_BLOCKS:
            self._listen(block, is_wanted=heard.gap_blocks == GAP_BLOCKS)

    def take_text(self, part: int, written: tuple[Written, ...]) -> None:
        """Take what a recogniser made of one piece of the speech; what it made of it before is forgotten."""
        self._written[part] = written
        self.said = weigh_written([self._written[number] for number in sorted(self._written)])

    def flush(self) -> None:
        """Hear the last words of a sound that has ended."""
        quiet = np.zeros(BLOCK_SAMPLES, dtype=np.float32)
        if self._since_active < LISTEN_ON_BLOCKS:
            for left in reversed(range(FLUSH_BLOCKS)):
                self._listen(quiet, is_wanted=left == 0)

    def stop_listening(self) -> None:
        """Let go of what only the next words need, which is most of what a call holds; what is known stays."""
        self._listener = None

    def _listen(self, block: NDArray[np.float32], *, is_wanted: bool) -> None:
        if self._listener is not None and self._listener.take_block(block, is_wanted=is_wanted):
            self.content = self._listener.content

    def features(self) -> AnswerFeatures:
        """Return what is known now; all zero before the first word."""
        heard = self.heard
        spoken = heard.spoken()
        if not spoken:
            return AnswerFeatures()
        lengths = [one.end - one.begin for one in spoken]
        gaps = [later.begin - earlier.end for earlier, later in pairwise(spoken)]
        turns = [[lengths[0]]]
        for gap, length in zip(gaps, lengths[1:], strict=True):
            if gap < TURN_GAP_BLOCKS:
                turns[-1].append(length)
            else:
                turns.append([length])
        talk = max(turns, key=sum)
        scale = BLOCK_MS / 1000
        words = self.content.answer if self.content else {}
        said = self.said.content.answer if self.said else {}
        return AnswerFeatures(
            onset_s=max(0, spoken[0].begin - (self.first_live or 0)) * scale,
            speech_s=sum(lengths) * scale,
            first_s=lengths[0] * scale,
            longest_s=max(lengths) * scale,
            gap_s=(heard.n_blocks - spoken[-1].end) * scale,
            longest_gap_s=max(gaps, default=0) * scale,
            span_s=(heard.n_blocks - spoken[0].begin) * scale,
            n_utterances=len(spoken),
            talk_s=sum(talk) * scale,
            talk_utterances=len(talk),
            words_human=words.get("human", 0.0),
            words_machine=words.get("machine", 0.0),
            words_carrier=words.get("carrier_announcement", 0.0),
            words_screening=words.get("screening_assistant", 0.0),
            said_human=said.get("human", 0.0),
            said_machine=said.get("machine", 0.0),
            said_carrier=said.get("carrier_announcement", 0.0),
            said_screening=said.get("screening_assistant", 0.0),
            said_confidence=self.said.confidence if self.said else 0.0,
        )


BASIS = (
    "words",
    "talk",
    "talk_over_1",
    "talk_over_2",
    "talk_over_3",
    "longest_over_1",
    "longest_over_2",
    "turns",
    "short",
)
"""What the model weighs, in the order of `basis_of`."""
SIGNS = (1, 1, 1, 1, 1, 1, 1, -1, -1)
"""More talk never speaks for a person, whatever a training set may say. That somebody waits speaks for nobody."""
BASIS_WITH_TEXT = ("said", "said_surely", *BASIS, "talk_unknown")
SIGNS_WITH_TEXT = (1, 1, *SIGNS, 1)
"""Once words were written down, they are weighed as well, and everything else anew."""
SHORT_TALK_S = 1.5
"""Hardly a recording says so little before it waits, whatever its one or two words may sound like."""
KNOWN_AT = 0.35
"""Of `said_confidence`: what explains the sound less is hardly a language that the models know, and neither what was
written down nor what it sounded like says much then. How long they talk decides (`talk_unknown`)."""


def basis_of(features: AnswerFeatures) -> tuple[float, ...]:
    """Return the features bent so that a straight line through them will do."""
    f = features
    turns = 1 + (f.n_utterances - f.talk_utterances)
    return (
        _logit(f.words_machine + f.words_carrier + f.words_screening, f.words_human),
        min(f.talk_s, 6.0),
        min(max(f.talk_s - 1.0, 0.0), 1.5),
        min(max(f.talk_s - 2.0, 0.0), 1.5),
        min(max(f.talk_s - 3.0, 0.0), 3.0),
        min(max(f.longest_s - 1.0, 0.0), 1.5),
        min(max(f.longest_s - 2.0, 0.0), 2.0),
        float(min(turns, 4)),
        max(SHORT_TALK_S - f.talk_s, 0.0),
    )


def basis_with_text_of(features: AnswerFeatures) -> tuple[float, ...]:
    """Return the same with the words that were written down before it."""
    f = features
    said = _logit(f.said_machine + f.said_carrier + f.said_screening, f.said_human)
    known = min(1.0, f.said_confidence / KNOWN_AT)
    words, *timing = basis_of(f)
    talk_unknown = (1.0 - known) * min(max(f.talk_s - SHORT_TALK_S, 0.0), 1.5)
    return (said * known, said * f.said_confidence, words * known, *timing, talk_unknown)


def has_text(features: AnswerFeatures) -> bool:
    """Say whether words that are known were written down."""
    return features.said_human + features.said_machine + features.said_carrier + features.said_screening > 0


def probability_of_recording(features: AnswerFeatures) -> float:
    """Return how likely no person speaks: a machine, a network's announcement or an assistant."""
    if has_text(features):
        score = BIAS_WITH_TEXT + sum(map(operator.mul, WEIGHTS_WITH_TEXT, basis_with_text_of(features)))
    else:
        score = BIAS + sum(map(operator.mul, WEIGHTS, basis_of(features)))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))


def _logit(recorded: float, human: float) -> float:
    """Return how much more the words speak for a recording than for a person; 0 where there are none."""
    if recorded + human <= 0.0:
        return 0.0
    return max(-MAX_CONTENT_LOGIT, min(MAX_CONTENT_LOGIT, math.log((recorded + 1e-4) / (human + 1e-4))))
