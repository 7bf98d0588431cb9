"""The alphabets of short messages: every table, both ways, and the octets they are packed into."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.errors import LocalProtocolError
from modem_drivers.pdu.alphabet import (
    Alphabet,
    CodingScheme,
    decode_septets,
    decode_ucs2,
    encode_septets,
    encode_ucs2,
    mend_halves,
    pack,
    read_coding_scheme,
    unpack,
)
from modem_drivers.pdu.national import ESCAPE, LOCKING, SINGLE_RUNS

LANGUAGES = [(locking, single) for locking in LOCKING for single in SINGLE_RUNS]
SEPTETS = st.binary(max_size=200).map(lambda data: bytes(octet & 0x7F for octet in data))


@pytest.mark.parametrize(
    ("text", "packed"),
    [
        pytest.param("hellohello", "E8329BFD4697D9EC37", id="the example every tutorial has"),
        pytest.param("{[€]} ~|^\\ @£$", "1BD486B7296F7C9B1468D3DB003794CD0B04080800", id="extension"),
        pytest.param("Ä ö ñ ü à Ω", "5B101FD407F9417F5005", id="national characters of the default alphabet"),
    ],
)
def test_packed_as_python_gsmmodem_packs_it(text: str, packed: str) -> None:
    septets = encode_septets(text)
    assert septets is not None
    assert pack(septets).hex().upper() == packed
    assert decode_septets(unpack(bytes.fromhex(packed), len(septets))) == text


@pytest.mark.parametrize("language", LOCKING)
def test_a_locking_table_is_whole(language: int) -> None:
    table = LOCKING[language]
    assert len(table) == 128
    assert table[ESCAPE] == "\x1b"
    assert (table[0x0A], table[0x0D], table[0x20]) == ("\n", "\r", " ")
    assert table[0x30:0x3A] == "0123456789"
    assert table[0x61:0x7B] == "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("language", SINGLE_RUNS)
def test_a_single_shift_table_holds_the_default_extension(language: int) -> None:
    shifted = {
        code: decode_septets(bytes((ESCAPE, code)), single=language)
        for code in (0x0A, 0x14, 0x28, 0x29, 0x2F, 0x3C, 0x3D, 0x3E, 0x40, 0x65)
    }
    if language in {0, 1, 2, 3}:
        assert shifted == dict(zip(shifted, "\f^{}\\[~]|€", strict=True))
    else:  # the Indic tables move what the default extension has, but for its form feed
        assert shifted[0x0A] == "\f"
        assert set("^{}[~]|") <= set("".join(SINGLE_RUNS[language].values()))


@pytest.mark.parametrize(
    ("locking", "single", "septets", "text"),
    [
        pytest.param(1, 0, b"\x0b\x0c\x1c\x1d\x40\x07", "ĞğŞşİı", id="Turkish, locked"),
        pytest.param(
            0, 1, b"\x1b\x47\x1b\x67\x1b\x53\x1b\x73\x1b\x49\x1b\x69", "ĞğŞşİı", id="Turkish, shifted"
        ),
        pytest.param(0, 2, b"\x1b\x09\x1b\x41\x1b\x49\x1b\x55\x1b\x61", "çÁÍÚá", id="Spanish"),
        pytest.param(3, 3, b"\x5b\x5c\x7b\x7c\x1b\x5b\x1b\x61", "ÃÕãõÃÂ", id="Portuguese"),
        pytest.param(6, 6, b"\x28\x1b\x19", ")\u0964", id="Hindi"),
        pytest.param(13, 13, b"\x00\x01\x1b\x19", "\u0627\u0622\u0600", id="Urdu"),
    ],
)
def test_national_tables(locking: int, single: int, septets: bytes, text: str) -> None:
    assert decode_septets(septets, locking=locking, single=single) == text


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        pytest.param(b"\x1b\x41", "A", id="a shifted code without a character shows the plain one"),
        pytest.param(b"\x1b\x1b\x41", " A", id="two escapes are a space"),
        pytest.param(b"\x41\x1b", "A", id="an escape at the end shows nothing"),
    ],
)
def test_what_telephones_do_with_codes_nobody_sends(septets: bytes, text: str) -> None:
    assert decode_septets(septets) == text


@given(data=st.data(), languages=st.sampled_from(LANGUAGES))
@settings(max_examples=100, deadline=None)
def test_every_table_both_ways(data: st.DataObject, languages: tuple[int, int]) -> None:
    locking, single = languages
    shifted = "".join(SINGLE_RUNS[single].values())
    chars = (LOCKING[locking] + shifted).replace("\x1b", "")
    text = data.draw(st.text(st.sampled_from(chars), max_size=80))
    septets = encode_septets(text, locking=locking, single=single)
    assert septets is not None
    assert decode_septets(septets, locking=locking, single=single) == text


@given(septets=SEPTETS, fill_bits=st.integers(0, 6))
@settings(max_examples=100, deadline=None)
def test_packing_both_ways(septets: bytes, fill_bits: int) -> None:
    packed = pack(septets, fill_bits=fill_bits)
    assert len(packed) == (7 * len(septets) + fill_bits + 7) // 8
    assert unpack(packed, len(septets), fill_bits=fill_bits) == septets


@given(text=st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_ucs2_both_ways_emoji_included(text: str) -> None:
    assert decode_ucs2(encode_ucs2(text)) == text


def test_halves_of_a_character() -> None:
    high, low = "👍".encode("utf-16-be")[:2], "👍".encode("utf-16-be")[2:]
    assert decode_ucs2(high) == "\ufffd"
    assert decode_ucs2(b"\x00A\x00") == "A"
    halves = decode_ucs2(high, keep_halves=True), decode_ucs2(low, keep_halves=True)
    assert mend_halves("".join(halves)) == "👍"
    assert mend_halves(halves[1] + halves[0]) == "\ufffd\ufffd"
    with pytest.raises(LocalProtocolError):
        encode_ucs2("\ud83d")


@pytest.mark.parametrize(
    ("dcs", "scheme"),
    [
        (0x00, CodingScheme(Alphabet.GSM7)),
        (0x08, CodingScheme(Alphabet.UCS2)),
        (0x04, CodingScheme(Alphabet.DATA)),
        (0x10, CodingScheme(Alphabet.GSM7, 0)),
        (0x19, CodingScheme(Alphabet.UCS2, 1)),
        (0x20, CodingScheme(Alphabet.DATA)),
        (0x48, CodingScheme(Alphabet.UCS2)),
        (0xC8, CodingScheme(Alphabet.GSM7)),
        (0xE0, CodingScheme(Alphabet.UCS2)),
        (0xF0, CodingScheme(Alphabet.GSM7, 0)),
        (0xF6, CodingScheme(Alphabet.DATA, 2)),
        (0x90, CodingScheme(Alphabet.GSM7)),
    ],
)
def test_coding_schemes(dcs: int, scheme: CodingScheme) -> None:
    assert read_coding_scheme(dcs) == scheme
