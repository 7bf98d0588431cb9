"""Read a recorded prompt."""

from pathlib import Path

import soundfile

from audio.errors import PromptFileError
from audio.frame import Clip
from audio.speech.synthesis import to_prompt

MAX_PROMPT_S = 120.0


def load_wav_prompt(path: Path) -> Clip:
    """Return the file's sound as a prompt, whatever its rate and channels. Raises PromptFileError."""
    try:
        with soundfile.SoundFile(path) as file:
            if not 0 < file.frames <= MAX_PROMPT_S * file.samplerate:
                raise PromptFileError(
                    f"{path.name}: a prompt lasts up to {MAX_PROMPT_S:.0f} s and is not empty"
                )
            samples = file.read(dtype="float32", always_2d=True)
            rate_hz = file.samplerate
    except (soundfile.LibsndfileError, OSError) as error:
        raise PromptFileError(f"{path.name}: not a sound file that can be read ({error})") from error
    return to_prompt(samples.mean(axis=1), rate_hz)
