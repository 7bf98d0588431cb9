"""The synthetic speakers that answer classification is trained or judged with: espeak-ng, flite, piper, Kokoro, festival.

Each function draws one speaker (voice, pitch, speed) of a split and language and returns its name and how it says a
text, as 8 kHz sound. No speaker of one split is ever drawn for another.
"""

import io
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from audio.speech.kokoro import breaths, places_of
from audio.speech.phonemes import english_phonemes, mandarin_phonemes

RATE_HZ = 8000
Sound = NDArray[np.float64]
Say = Callable[[str], Sound]
ESPEAK_VARIANTS = {
    "train": "m1|m3|m5|m7|m8|f1|f3|Andy|Alicia|Andrea|Michael|Mike|Diogo|Hugo|adam|anika|antonio|belinda|benjamin|"
    "caleb|david|edward|gustave|linda|max|michel|norbert|pablo|paul|rob|robert|sandro|steph|travis|victor",
    "held_out": "m2|m4|m6|f2|f4|f5|Annie|Marco|Gene|Lee|Jacky|boris|ed|kaukovalta|miguel|quincy|shelby|zac",
}
ESPEAK_LANGUAGES = {
    "train": {"zh": ("cmn",), "en": ("en-us", "en-gb", "en-gb-x-gbclan")},
    "held_out": {"zh": ("cmn",), "en": ("en-gb-scotland", "en-029", "en-gb-x-rp")},
}
FLITE_VOICES = {"train": ("rms", "awb", "kal16"), "held_out": ("slt",)}
FESTIVAL_VOICES = ("ked_diphone", "cmu_us_slt_arctic_hts")
"""Debian's festvox-kdlpc16k and festvox-us-slt-hts: never trained on."""
KOKORO_VOICES = {
    "train": {
        "en": "af_alloy af_aoede af_bella af_jessica af_nicole af_nova af_sarah am_adam am_eric am_liam am_michael "
        "am_onyx am_puck am_santa bf_alice bf_emma bm_daniel bm_george",
        "zh": "zf_xiaobei zf_xiaoni zf_xiaoxiao zm_yunjian zm_yunyang",
        "blend": "ef_dora em_alex ff_siwis hf_alpha hm_omega if_sara im_nicola jf_alpha jf_gongitsune jm_kumo pf_dora "
        "pm_alex",
    },
    "dev": {
        "en": "af_heart am_echo bf_lily bm_fable",
        "zh": "zm_yunxia",
        "blend": "hf_beta hm_psi jf_nezumi",
    },
    "held_out": {
        "en": "af_kore af_river af_sky am_fenrir bf_isabella bm_lewis",
        "zh": "zf_xiaoyi zm_yunxi",
        "blend": "em_santa jf_tebukuro pm_santa",
    },
}
"""`blend` are voices of other languages: only mixed in."""
STYLE_SHAPE = (510, 256)


def espeak(voice: str, pitch: int, words_per_minute: int, text: str) -> Sound:
    """Return `text` spoken by espeak-ng."""
    arguments = ["-v", voice, "-p", str(pitch), "-s", str(words_per_minute), "-b", "1", "--stdin", "--stdout"]
    done = subprocess.run(
        ["espeak-ng", *arguments], input=text.encode(), capture_output=True, timeout=30, check=True
    )
    return _read(done.stdout)


def espeak_voice(split: str, language: str, rng: np.random.Generator) -> tuple[str, Say]:
    """Return one espeak-ng speaker."""
    accent = str(rng.choice(ESPEAK_LANGUAGES[split][language]))
    variant = str(rng.choice(ESPEAK_VARIANTS[split].split("|")))
    pitch, speed = (
        int(rng.integers(15, 85)),
        int(rng.integers(*{"zh": (190, 310), "en": (145, 225)}[language])),
    )

    def say(text: str) -> Sound:
        return espeak(f"{accent}+{variant}", pitch, speed + int(rng.integers(-10, 20)), text)

    return f"{accent}+{variant}-{pitch}", say


def flite_voice(split: str, rng: np.random.Generator) -> tuple[str, Say]:
    """Return one flite speaker (English only), at some speed and pitch."""
    voice, stretch = str(rng.choice(FLITE_VOICES[split])), float(rng.uniform(0.75, 1.15))

    def say(text: str) -> Sound:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch:.2f}"]
            subprocess.run([*command, "-t", text, file.name], check=True, capture_output=True, timeout=60)
            return _read(Path(file.name).read_bytes())

    return f"{voice}-{stretch:.2f}", say


def festival_voice(rng: np.random.Generator) -> tuple[str, Say]:
    """Return one speaker of festival (English only), at some speed."""
    voice, stretch = str(rng.choice(FESTIVAL_VOICES)), float(rng.uniform(0.85, 1.2))

    def say(text: str) -> Sound:
        # Into a pipe it writes a header that promises no samples.
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            command = ["text2wave", "-eval", f"(voice_{voice})", "-o", file.name]
            command += ["-eval", f"(Parameter.set 'Duration_Stretch {stretch:.2f})"]
            subprocess.run(
                command, input=text.encode("ascii", "ignore"), check=True, capture_output=True, timeout=60
            )
            return _read(Path(file.name).read_bytes())

    return f"{voice}-{stretch:.2f}", say


def piper_voice(model: Any, rng: np.random.Generator) -> tuple[str, Say]:
    """Return the speaker of a loaded piper voice, at some speed."""
    import wave  # noqa: PLC0415  only here

    from piper import SynthesisConfig  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  optional

    scale = float(rng.uniform(0.8, 1.2))

    def say(text: str) -> Sound:
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            model.synthesize_wav(text, file, syn_config=SynthesisConfig(length_scale=scale))
        return _read(buffer.getvalue())

    return f"piper-{scale:.2f}", say


class KokoroVoices:
    """Kokoro's voices and mixtures of two of them; `voices` is the folder of style tables of the package kokoro-js."""

    def __init__(self, model: Path, voices: Path) -> None:
        import onnxruntime  # noqa: PLC0415  optional

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._voices = voices

    def voice(self, split: str, language: str, rng: np.random.Generator) -> tuple[str, Say]:
        """Return one speaker: two of three are a mixture, so that there are more than Kokoro's own."""
        own = KOKORO_VOICES[split][language].split()
        others = [name for names in KOKORO_VOICES[split].values() for name in names.split()]
        first, second, share = str(rng.choice(own)), str(rng.choice(others)), 1.0
        if rng.random() < 2 / 3:
            share = float(rng.uniform(0.4, 0.8))
        styles = share * self._styles(first) + (1 - share) * self._styles(second)
        speed = float(np.clip(np.exp(rng.normal(0.08, 0.13)), 0.8, 1.4))

        def say(text: str) -> Sound:
            if language == "zh":
                phonemes = mandarin_phonemes(text, english=english_phonemes)
            else:
                phonemes = english_phonemes(text, british=first.startswith("b"))
            parts: list[Sound] = []
            for breath in breaths(phonemes):
                parts += [
                    trimmed(self._render(breath, styles, speed)),
                    _pause(float(rng.uniform(0.12, 0.45))),
                ]
            return np.concatenate(parts[:-1]) if parts else np.zeros(0)

        name = first if share == 1.0 else f"{share:.2f}*{first}+{second}"
        return f"{name}-{speed:.2f}", say

    def _styles(self, name: str) -> NDArray[np.float32]:
        return np.fromfile(self._voices / f"{name}.bin", dtype="<f4").reshape(STYLE_SHAPE)

    def _render(self, phonemes: str, styles: NDArray[np.floating], speed: float) -> Sound:
        places = places_of(phonemes)
        given = {
            "tokens": np.array([[0, *places, 0]], dtype=np.int64),
            "style": styles[min(len(places), STYLE_SHAPE[0]) - 1][np.newaxis].astype(np.float32),
            "speed": np.array([speed], dtype=np.float32),
        }
        sound = np.asarray(self._session.run(None, given)[0], dtype=np.float64).reshape(-1)
        return np.asarray(soxr.resample(sound, 24_000, RATE_HZ), dtype=np.float64)


def trimmed(sound: Sound) -> Sound:
    """Return the sound without the silence around it, at its own loudest of one half."""
    peak = float(np.abs(sound).max(initial=0.0))
    loud = np.flatnonzero(np.abs(sound) > 0.02 * peak)
    if not len(loud):
        return np.zeros(1)
    return np.asarray(0.5 / peak * sound[loud[0] : loud[-1] + 1], dtype=np.float64)


def _pause(duration_s: float) -> Sound:
    return np.zeros(round(duration_s * RATE_HZ))


def _read(data: bytes) -> Sound:
    samples, rate_hz = soundfile.read(io.BytesIO(data), dtype="float64")
    return np.asarray(soxr.resample(samples, rate_hz, RATE_HZ), dtype=np.float64)
