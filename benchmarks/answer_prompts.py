"""Calls staged from Asterisk's recorded prompts (asterisk-core-sounds-en-wav and kin): human voices never trained on.

English by one speaker; French, Italian, Russian and Spanish by three more and the same, in languages that the words
model does not know, so that only timing and the sound of speech can tell. The labels are ours: what a voicemail would
play is a machine, what an exchange would say an announcement, and `hello` and short words that a person might say
stand for people.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.answer_channels import RATE_HZ, Sound, level_to, to_pcm, varied_channel, with_noise
from benchmarks.answer_set import StagedCall
from benchmarks.answer_voices import trimmed

FOLDER = Path("/usr/share/asterisk/sounds")
SPEAKERS = {
    "en": "en_US_f_Allison",
    "es": "es_MX_f_Allison",
    "fr": "fr_CA_f_June",
    "it": "it_IT_m_Carlo",
    "ru": "ru_RU_f_IvrvoiceRU",
}
FOREIGN = ("es", "fr", "it", "ru")
MACHINES = (
    ("vm-theperson", "digits/5", "digits/2", "digits/7", "vm-isunavail", "vm-intro"),
    ("vm-nobodyavail", "vm-intro"),
    ("vm-theperson", "digits/3", "digits/1", "vm-isonphone", "vm-intro"),
    ("vm-intro",),
    ("vm-nobodyavail",),
    ("vm-leavemsg", "vm-then-pound"),
    ("vm-rec-unv",),
    ("demo-congrats",),
    ("demo-instruct",),
    ("queue-thankyou",),
    ("queue-periodic-announce",),
    ("queue-youarenext",),
    ("basic-pbx-ivr-main",),
    ("demo-abouttotry",),
    ("dir-welcome",),
    ("vm-options",),
    ("vm-mailboxfull",),
    ("priv-callpending",),
    ("vm-login", "vm-password"),
    ("pls-hold-while-try",),
    ("followme/pls-hold-while-try",),
    ("vm-review",),
    ("vm-msginstruct",),
)
ANNOUNCEMENTS = (
    (("ss-noservice",), "vacant"),
    (("tt-allbusy",), "congested"),
    (("all-circuits-busy-now",), "congested"),
    (("all-circuits-busy-now", "please-try-call-later"), "congested"),
    (("cannot-complete-as-dialed", "check-number-dial-again"), "vacant"),
    (("cannot-complete-as-dialed",), "vacant"),
    (("number-not-answering", "please-try-call-later"), "no_answer"),
    (("simul-call-limit-reached",), "congested"),
    (("im-sorry", "number-not-answering"), "no_answer"),
    (("pbx-invalid",), "vacant"),
)
ASSISTANTS = (("privacy-unident", "priv-recordintro"), ("priv-recordintro",), ("followme/no-recording",))
PEOPLE = (
    ("hello",),
    ("hello", "hello"),
    ("hello-world",),
    ("hello", "vm-goodbye"),
    ("one-moment-please",),
    ("im-sorry",),
    ("sorry",),
    ("goodbye",),
    ("demo-thanks",),
    ("auth-thankyou",),
    ("hello", "one-moment-please"),
    ("hello", "vm-extension"),
    ("digits/5",),
    ("digits/yes-en",),
    ("hello", "im-sorry"),
)


def foreign_calls(noise_dbfs: float | None, seed: int) -> Iterator[StagedCall]:
    """Yield the calls of the languages that nothing was trained on."""
    for language in FOREIGN:
        yield from prompt_calls(noise_dbfs, seed, language)


def prompt_calls(noise_dbfs: float | None, seed: int, language: str = "en") -> Iterator[StagedCall]:
    """Yield the calls, none where the prompts are not installed; `noise_dbfs` as for `answer_set.calls`."""
    rng = np.random.default_rng(seed)
    wanted = [
        *(("machine", "", names) for names in MACHINES),
        *(("carrier_announcement", subject, names) for names, subject in ANNOUNCEMENTS),
        *(("screening_assistant", "", names) for names in ASSISTANTS),
        *(("human", "", names) for names in PEOPLE),
    ]
    for answer, subject, names in wanted:
        paths = [FOLDER / SPEAKERS[language] / f"{name}.wav" for name in names]
        if not all(path.is_file() for path in paths):
            continue
        parts: list[Sound] = [np.zeros(int(rng.uniform(0.05, 1.2) * RATE_HZ))]
        begin = len(parts[0])
        for path in paths:
            parts += [_load(path), np.zeros(int(rng.uniform(0.1, 0.5) * RATE_HZ))]
        first_end, end = begin + len(parts[1]), sum(map(len, parts[:-1]))
        sound = np.concatenate([*parts, np.zeros(int(2.0 * RATE_HZ))])
        shift = 0
        if noise_dbfs is None:
            sound, shift = varied_channel(sound, rng, babble=None)
        else:
            sound = with_noise(level_to(sound, -20.0), noise_dbfs, rng)
        yield StagedCall(
            name="+".join(names),
            answer=answer,
            subject=subject,
            source="asterisk",
            language=language,
            pcm=to_pcm(sound),
            first_begin_s=(begin + shift) / RATE_HZ,
            first_end_s=(first_end + shift) / RATE_HZ if answer == "human" else 0.0,
            spoken_end_s=(end + shift) / RATE_HZ,
        )


def _load(path: Path) -> Sound:
    samples, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    return trimmed(np.asarray(soxr.resample(samples[:, 0], rate_hz, RATE_HZ), dtype=np.float64))
