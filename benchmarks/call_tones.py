"""How call-progress detection holds up: level, noise, pitch, cadence, codecs, and speech that must not ring.

Run: python benchmarks/call_tones.py [--sounds FOLDER]... [--json FILE]. The tones are made here from the table; the
speech is espeak-ng's, and every sound file under the folders named (human voices: Debian's asterisk-core-sounds-*-wav).
"""

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import soundfile
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from audio.command import heard_by_a_call
from audio.dsp.progress import ProgressDetector
from audio.dsp.progress_generator import indication_sound, with_noise
from audio.dsp.progress_tones import COUNTRIES, ProgressTone, indications_of
from audio.errors import AudioError
from audio.events import BeepHeard, DigitHeard, FaxHeard, ProgressHeard, SitHeard
from audio.sound_file import load_sound
from audio.speech.espeak import EspeakSynthesizer
from benchmarks.dtmf_sweep import coded

Sound = NDArray[np.int16]
PHRASES = {
    "zh-CN": (
        "您好，您拨打的用户正忙，请稍后再拨。对不起，您拨打的号码是空号，请查证后再拨。",
        "喂，你好，请问是哪一位？我现在在开会，不太方便说话，麻烦您晚一点再打过来好吗？",
        "嗯，嗯，好，好，对，对，对，行，行，知道了，啊，哦，嗯，嗯，嗯。",
        "一，二，三，四，五，六，七，八，九，零。妈，妈，妈，麻，马，骂。东，东，东，通，通，通。",
        "我就是本人，您请讲。这笔款我上个星期已经还过了，用手机银行转的，一共一千二百三十四元五角。",
        "你们怎么知道我的电话？我要投诉，请转人工服务。不好意思，打错了，这个号码是我刚换的。",
    ),
    "en": (
        "Hi, you have reached the voicemail of Mary Johnson. Please leave a message after the tone.",
        "No, no, no, no. Yes, yes, yes, yes. Mmm, mmm, mmm. Oh, oh, oh, oh. You, you, you, you.",
        "We were moving through rooms full of beautiful blue balloons, and nobody knew who blew them.",
        "I lost my job in March and I really cannot pay the whole amount, maybe fifty a month.",
        "One, two, three, four, five, six, seven, eight, nine, zero. Two, two, two, two, two.",
    ),
}


def mu_law(sound: Sound) -> Sound:
    return through_g711(sound, "ULAW")


def a_law(sound: Sound) -> Sound:
    return through_g711(sound, "ALAW")


def through_g711(sound: Sound, law: str) -> Sound:
    file = io.BytesIO()
    soundfile.write(file, sound, 8000, format="RAW", subtype=law)
    file.seek(0)
    back, _ = soundfile.read(file, dtype="int16", samplerate=8000, channels=1, format="RAW", subtype=law)
    return np.asarray(back, dtype=np.int16)


def gsm_full_rate(sound: Sound) -> Sound:
    """Return the sound after GSM 06.10, by sox."""
    with tempfile.TemporaryDirectory() as folder:
        wav, gsm = Path(folder, "a.wav"), Path(folder, "a.gsm")
        soundfile.write(wav, sound, 8000)
        subprocess.run(["sox", wav, gsm], check=True)
        subprocess.run(["sox", gsm, "-e", "signed", "-b", "16", wav], check=True)
        return load_sound(wav)


def amr(sound: Sound) -> Sound:
    return coded(sound, "amr-12.2")


def amr_low(sound: Sound) -> Sound:
    return coded(sound, "amr-4.75")


def lossy(sound: Sound, share: float) -> Sound:
    """Return the sound with this share of its packets of 20 ms lost, replaced by silence."""
    packets = sound[: len(sound) // 160 * 160].reshape(-1, 160).copy()
    packets[np.random.default_rng(len(sound)).random(len(packets)) < share] = 0
    return packets.reshape(-1)


def plain(sound: Sound) -> Sound:
    return sound


def is_heard(country: str, tone: ProgressTone, sound: Sound, *, alone: bool) -> bool:
    """Say whether one tone is told that means this, to a detector of its country or of all."""
    told = ProgressDetector((country,) if alone else COUNTRIES).feed(sound)
    return len(told) == 1 and tone in (told[0].tone, *told[0].others)


def rows_of_table() -> Iterator[tuple[str, ProgressTone, str]]:
    for country in COUNTRIES:
        for tone, indication in indications_of(country).items():
            yield country, tone, indication


def sweep(make: Callable[[str, int], Sound], n_trials: int, *, every: int = 1) -> dict[str, Any]:
    """Return how many of the table's tones (every so-manieth of them) are heard, alone and among all countries, and which are missed."""
    n_all = alone = among = 0
    missed: dict[str, int] = {}
    for country, tone, indication in islice(rows_of_table(), 0, None, every):
        for trial in range(n_trials):
            sound = make(indication, trial)
            n_all += 1
            found = is_heard(country, tone, sound, alone=True)
            alone += found
            among += is_heard(country, tone, sound, alone=False)
            if not found:
                missed[f"{country} {tone}"] = missed.get(f"{country} {tone}", 0) + 1
    return {"tones": n_all, "own_country": alone, "all_countries": among, "missed": missed}


def maker(
    *,
    dbfs: float = -15.0,
    snr_db: float = 40.0,
    pitch: float = 1.0,
    tempo: float = 1.0,
    codec: Callable[[Sound], Sound] = plain,
) -> Callable[[str, int], Sound]:
    def make(indication: str, trial: int) -> Sound:
        n_cycles = 5 if "/" in indication else 1
        sound = indication_sound(
            indication, n_cycles=n_cycles, dbfs=dbfs, pitch=pitch, tempo=tempo, seed=trial
        )
        lead = np.zeros(2000 + 37 * trial)
        return codec(with_noise(np.concatenate([lead, sound]), dbfs - snr_db, seed=trial))

    return make


def sweeps() -> list[tuple[str, Callable[[str, int], Sound]]]:
    return [
        *((f"level {dbfs} dBFS", maker(dbfs=dbfs)) for dbfs in (-6, -20, -30, -36, -40)),
        *((f"SNR {snr_db} dB", maker(snr_db=snr_db)) for snr_db in (20, 15, 12, 10, 8, 6)),
        *((f"pitch {100 * (p - 1):+.1f} %", maker(pitch=p)) for p in (0.97, 0.98, 1.02, 1.03, 1.08)),
        *((f"cadence {100 * (t - 1):+.0f} %", maker(tempo=t)) for t in (0.9, 0.95, 1.05, 1.1, 1.35)),
        ("A-law", maker(codec=a_law)),
        ("mu-law", maker(codec=mu_law)),
        ("GSM full rate", maker(codec=gsm_full_rate)),
        ("A-law, SNR 15 dB", maker(snr_db=15, codec=a_law)),
        ("AMR 12.2 kbit/s", maker(codec=amr)),
        ("AMR 4.75 kbit/s", maker(codec=amr_low)),
        ("1 % of packets lost", maker(codec=partial(lossy, share=0.01))),
        ("3 % of packets lost", maker(codec=partial(lossy, share=0.03))),
    ]


def speech(folders: list[Path]) -> Iterator[tuple[str, Sound]]:
    """Yield speech by kind: espeak-ng's in two languages at eight speeds, and the files of the folders."""
    for language, phrases in PHRASES.items():
        for speed in (90, 110, 130, 150, 170, 190, 210, 230):
            voice = EspeakSynthesizer(words_per_minute=speed)
            for phrase in phrases:
                yield f"espeak-ng {language}", voice.render(phrase, language)
    for folder in folders:
        for path in sorted(folder.rglob("*.wav")):
            try:
                yield str(folder), load_sound(path)
            except AudioError:
                continue


def talk_off(folders: list[Path]) -> dict[str, dict[str, Any]]:
    """Return minutes and false tones by kind of speech, as a call would tell them."""
    result: dict[str, dict[str, Any]] = {}
    for kind, sound in speech(folders):
        row = result.setdefault(
            kind, {"minutes": 0.0, "progress": 0, "sit": 0, "fax": 0, "beep": 0, "keys": 0}
        )
        row["minutes"] += len(sound) / 8000 / 60
        for _, event in heard_by_a_call(np.concatenate([sound, np.zeros(6000, dtype=np.int16)])):
            match event:
                case ProgressHeard():
                    row["progress"] += 1
                case SitHeard():
                    row["sit"] += 1
                case FaxHeard():
                    row["fax"] += 1
                case BeepHeard():
                    row["beep"] += 1
                case DigitHeard():
                    row["keys"] += 1
                case _:
                    pass
    return result


def main(
    sounds: Annotated[list[Path] | None, typer.Option(help="A folder of speech, in WAV files.")] = None,
    trials: Annotated[int, typer.Option(help="Phases and offsets per tone and condition.")] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Print what share of the table's tones is heard under each condition, and the false ones in speech."""
    console = Console()
    figures: dict[str, Any] = {"sweeps": {}}
    table = Table("condition", "tones", "own country", "all countries", "missed (own country)")
    for name, make in sweeps():
        row = figures["sweeps"][name] = sweep(make, trials)
        missed = ", ".join(row["missed"]) if len(row["missed"]) <= 8 else f"{len(row['missed'])} kinds"
        table.add_row(name, str(row["tones"]), str(row["own_country"]), str(row["all_countries"]), missed)
    console.print(table)
    figures["talk_off"] = talk_off(sounds or [])
    table = Table("speech", "minutes", "progress", "SIT", "fax", "beep", "keys", title="False tones")
    for kind, row in figures["talk_off"].items():
        table.add_row(kind, f"{row['minutes']:.1f}", *(str(row[k]) for k in list(row)[1:]))
    console.print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
