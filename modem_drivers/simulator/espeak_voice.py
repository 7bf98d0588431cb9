"""The people's voices by espeak-ng, for demonstrations in which one wants to hear them."""

import io
import subprocess
import wave

import numpy as np
import soxr

from modem_drivers.simulator.errors import SimulatorError
from modem_drivers.simulator.tones import RATE_HZ, rms_dbfs, to_pcm

LEVEL_DBFS = -20.0
_DEADLINE_S = 20.0


def espeak_voice(text: str, language: str) -> bytes:
    """Return `text` spoken, s16 little endian 8 kHz mono. Raises SimulatorError saying what to install."""
    voice = "cmn+f3" if language.startswith("zh") else f"{language}+f3"
    try:
        spoken = subprocess.run(
            ["espeak-ng", "-v", voice, "--stdin", "--stdout"],
            input=text.encode(),
            capture_output=True,
            timeout=_DEADLINE_S,
            check=True,
        )
    except FileNotFoundError:
        raise SimulatorError("espeak-ng is not installed: apt-get install espeak-ng") from None
    except (subprocess.SubprocessError, OSError) as problem:
        raise SimulatorError(f"espeak-ng cannot speak {language}: {problem}") from problem
    with wave.open(io.BytesIO(spoken.stdout)) as sound:
        # espeak-ng writes to a pipe and leaves the length in the header open: read what is there.
        pcm = np.frombuffer(sound.readframes(len(spoken.stdout)), dtype="<i2").astype(np.float64)
        pcm = soxr.resample(pcm, sound.getframerate(), RATE_HZ)
    gain = 10 ** ((LEVEL_DBFS - rms_dbfs(to_pcm(pcm))) / 20)
    peak = float(np.max(np.abs(pcm), initial=1.0))
    return to_pcm(pcm * min(gain, 32000 / peak)).astype("<i2").tobytes()
