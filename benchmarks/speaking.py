"""What it costs to render prompts: seconds of processor and memory for each engine that is installed.

    python benchmarks/speaking.py [--models DIR] [--json]

Reads the models that `branchline models fetch` brought. The processor seconds are the speech process's own, so
they hold on a busy machine; the wall clock does not.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from audio.dsp.level import active_level_dbfs
from audio.frame import Clip
from audio.models import ModelShelf, default_models_folder
from audio.speech.engine_process import EngineProcess
from audio.speech.espeak import EspeakSynthesizer

ENGLISH = (
    "Hello, this is the automated assistant of Harbour Bank. This call is recorded.",
    "one thousand two hundred and thirty-four dollars and fifty cents,",
    "Sorry, those digits did not match. Please try once more.",
    "Thank you for telling us. We will check our records. Sorry to have troubled you, and goodbye.",
    "Friday, the eleventh of December",
)
CHINESE = (
    "您好，我是恒安银行的智能语音助手，通话会录音。",
    "一千二百三十四元五角，",
    "抱歉，这几位数字没有对上，请您再输入一次。",
    "好的，谢谢您告诉我们，我们这就去核对。打扰您了，再见。",
    "十二月十一号星期五",
)
ENGINES = (
    ("kokoro", "kokoro-82m-int8", "en=af_heart,zh=zf_xiaoxiao", ("zh-CN", "en")),
    ("piper", "piper-joe", "voice", ("en",)),
)
PHRASES = {"zh-CN": CHINESE, "en": ENGLISH}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, default=default_models_folder())
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    shelf = ModelShelf(given.models)
    rows = [
        row
        for engine, model, voices, languages in ENGINES
        if shelf.find(model) is not None
        for row in measured(engine, shelf.path(model), voices, languages)
    ]
    rows += espeak_rows()
    if given.json:
        print(json.dumps(rows, indent=1))
        return
    print(
        f"{'engine':<10}{'language':<10}{'cpu s / s':>10}{'wall s / s':>12}{'memory MB':>11}{'load cpu s':>12}{'dBFS':>16}"
    )
    for row in rows:
        level = f"{row['lowest_dbfs']:.1f} … {row['highest_dbfs']:.1f}"
        print(
            f"{row['engine']:<10}{row['language']:<10}{row['cpu']:>10.3f}{row['wall']:>12.3f}"
            f"{row['memory_mb']:>11.0f}{row['load_cpu_s']:>12.1f}{level:>16}"
        )


def measured(engine: str, folder: Path, voices: str, languages: tuple[str, ...]) -> list[dict[str, Any]]:
    process = EngineProcess([engine, str(folder), voices], name=engine)
    rows = []
    try:
        for language in languages:
            process.render(PHRASES[language][0], language)  # loads the model and the words
            assert process.pid is not None
            load_cpu_s = cpu_s(process.pid)
            began_s = time.monotonic()
            clips = [process.render(phrase, language) for phrase in PHRASES[language]]
            wall_s, used_s = time.monotonic() - began_s, cpu_s(process.pid) - load_cpu_s
            rows.append(row_of(engine, language, clips, wall_s, used_s, peak_mb(process.pid), load_cpu_s))
            process.close()
            process = EngineProcess([engine, str(folder), voices], name=engine)
    finally:
        process.close()
    return rows


def espeak_rows() -> list[dict[str, Any]]:
    rows = []
    voice = EspeakSynthesizer()
    for language, phrases in PHRASES.items():
        before, began_s = os.times(), time.monotonic()
        clips = [voice.render(phrase, language) for phrase in phrases]
        after, wall_s = os.times(), time.monotonic() - began_s
        used_s = sum(after[2:4]) - sum(before[2:4])
        rows.append(row_of("espeak", language, clips, wall_s, used_s, 0.0, 0.0))
    return rows


def row_of(
    engine: str,
    language: str,
    clips: list[Clip],
    wall_s: float,
    used_s: float,
    memory_mb: float,
    load_s: float,
) -> dict[str, Any]:
    seconds = sum(map(len, clips)) / 8000
    levels = [active_level_dbfs(clip) for clip in clips]
    assert max(int(np.abs(clip.astype(int)).max()) for clip in clips) < 32767, "nothing is clipped"
    return {
        "engine": engine,
        "language": language,
        "seconds": round(seconds, 2),
        "cpu": round(used_s / seconds, 4),
        "wall": round(wall_s / seconds, 4),
        "memory_mb": round(memory_mb, 1),
        "load_cpu_s": round(load_s, 2),
        "lowest_dbfs": round(min(levels), 2),
        "highest_dbfs": round(max(levels), 2),
    }


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    main()
