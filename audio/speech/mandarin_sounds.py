"""Pinyin syllables as the phonetic letters that Kokoro-82M was trained on."""

import re

_INITIALS = {
    "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ",
    "h": "x", "j": "ʨ", "q": "ʨʰ", "x": "ɕ", "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "r": "ɻ", "z": "ʦ", "c": "ʦʰ",
    "s": "s", "": "",
}  # fmt: skip
_FINALS = {
    # Before and after the tone, which stands behind the vowel. ü is written v.
    "a": ("a", ""), "o": ("wo", ""), "e": ("ɤ", ""), "ai": ("ai", ""), "ei": ("ei", ""), "ao": ("au", ""),
    "ou": ("ou", ""), "an": ("a", "n"), "en": ("ə", "n"), "ang": ("a", "ŋ"), "eng": ("ə", "ŋ"),
    "ong": ("ʊ", "ŋ"), "i": ("i", ""), "ia": ("ja", ""), "ie": ("je", ""), "iao": ("jau", ""),
    "iu": ("jou", ""), "ian": ("jɛ", "n"), "in": ("i", "n"), "iang": ("ja", "ŋ"), "ing": ("i", "ŋ"),
    "iong": ("jʊ", "ŋ"), "u": ("u", ""), "ua": ("wa", ""), "uo": ("wo", ""), "uai": ("wai", ""),
    "ui": ("wei", ""), "uan": ("wa", "n"), "un": ("wə", "n"), "uang": ("wa", "ŋ"), "v": ("y", ""),
    "ve": ("ɥe", ""), "van": ("ɥɛ", "n"), "vn": ("y", "n"),
}  # fmt: skip
_WHOLE = {
    "yi": ("i", ""), "ya": ("ja", ""), "ye": ("je", ""), "yao": ("jau", ""), "you": ("jou", ""), "yan": ("jɛ", "n"),
    "yin": ("i", "n"), "yang": ("ja", "ŋ"), "ying": ("i", "ŋ"), "yong": ("jʊ", "ŋ"), "yo": ("wo", ""),
    "yu": ("y", ""), "yue": ("ɥe", ""), "yuan": ("ɥɛ", "n"), "yun": ("y", "n"), "wu": ("u", ""), "wa": ("wa", ""),
    "wo": ("wo", ""), "wai": ("wai", ""), "wei": ("wei", ""), "wan": ("wa", "n"), "wen": ("wə", "n"),
    "wang": ("wa", "ŋ"), "weng": ("wə", "ŋ"), "er": ("ɚ", ""), "o": ("ɔ", ""),
}  # fmt: skip
_TONES = ("", "→", "↗", "↓", "↘", "")
_SYLLABLE = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcs]?)([aeiouvêng]+)([1-5])")


def sounds_of(syllable: str) -> str:
    """Return a syllable with its tone number, as in huan2 or lv4. Raises ValueError when it is no Mandarin syllable."""
    plain = syllable.lower().replace("ü", "v").replace("u:", "v")
    tone = _TONES[int(plain[-1])] if plain[-1:] in {"1", "2", "3", "4", "5"} else None
    parts = _WHOLE.get(plain[:-1])
    if parts is not None and tone is not None:
        return parts[0] + tone + parts[1]
    match = _SYLLABLE.fullmatch(plain)
    if match is None or tone is None:
        raise ValueError(f"{syllable!r} is no syllable of Mandarin with its tone")
    initial, final = match[1], match[2]
    if final.startswith("v") and initial not in {"j", "q", "x", "n", "l"}:
        raise ValueError(f"{syllable!r} is no syllable of Mandarin with its tone")
    if initial in {"j", "q", "x"} and final.startswith("u"):
        final = "v" + final[1:]
    if initial in {"n", "l"} and final == "ue":
        final = "ve"
    if final == "i" and initial in {"zh", "ch", "sh", "r", "z", "c", "s"}:
        return _INITIALS[initial] + "ɨ" + tone
    if final not in _FINALS:
        raise ValueError(f"{syllable!r} is no syllable of Mandarin with its tone")
    vowel, coda = _FINALS[final]
    return _INITIALS[initial] + vowel + tone + coda
