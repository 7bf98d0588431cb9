"""Read a recorded prompt."""

from pathlib import Path

import numpy as np
import soundfile

from audio.errors import PromptFileError
from audio.frame import Clip
from audio.sound_file import MAX_RATE_HZ, MIN_RATE_HZ
from audio.speech.synthesis import to_prompt

MAX_PROMPT_S = 120.0


def load_wav_prompt(path: Path) -> Clip:
    """Return the file's sound as a prompt, whatever its rate and channels. Raises PromptFileError."""
    try:
        with soundfile.SoundFile(path) as file:
            rate_hz = file.samplerate
            if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
                raise PromptFileError(f"{path.name}: {rate_hz} samples a second are no rate of a sound")
            # Some kinds, GSM among them, cannot tell how long they are.
            n_most = round(MAX_PROMPT_S * rate_hz)
            samples = file.read(n_most + 1, dtype="float32", always_2d=True)
            if not 0 < len(samples) <= n_most:
                raise PromptFileError(
                    f"{path.name}: a prompt lasts up to {MAX_PROMPT_S:.0f} s and is not empty"
                )
    except (soundfile.LibsndfileError, OSError) as error:
        raise PromptFileError(f"{path.name}: not a sound file that can be read ({error})") from error
    return to_prompt(np.nan_to_num(samples.mean(axis=1), nan=0.0, posinf=1.0, neginf=-1.0), rate_hz)
