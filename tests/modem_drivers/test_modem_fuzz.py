"""Whatever comes out of a port, nothing crashes and memory stays bounded.

BRANCHLINE_FUZZ_BYTES sets how much is fed to each of tokenizer, PDU decoders and URC readers; the usual run takes a
few seconds, 10000000 is the full one.
"""

import os
import random
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.at.pdu_lines import belongs
from modem_drivers.at.tokenizer import MAX_LINE_BYTES, AtTokenizer, Final, Line, Prompt
from modem_drivers.at.urcs import looks_like_urc, read_urc
from modem_drivers.dialects.catalogue import DIALECTS
from modem_drivers.errors import MalformedPduError
from modem_drivers.pdu.deliver import decode_deliver
from modem_drivers.pdu.reassembly import Reassembly
from modem_drivers.pdu.status_report import decode_status_report
from modem_drivers.pdu.submit import decode_submit
from modem_drivers.pdu.ussd_text import decode_ussd
from modem_drivers.sms_store import decode_received, read_capacity, read_list, read_memory

N_BYTES = int(os.environ.get("BRANCHLINE_FUZZ_BYTES", "100000"))
CHUNK_BYTES = 4096
MAX_GROWTH_BYTES = 2_000_000
SCRAPS = [
    b"\r\n", b"\r", b"\n", b"OK\r\n", b"> ", b"\x1a", b"\x1b", b"\x00", b"\xff", b'"', b",", b":", b"+CLCC: 1,0,2,0,0,\"1\",129",
    b"+CMT: ,24\r\n", b"+CMTI: \"SM\",3\r\n", b"+CDS: 25\r\n", b"+CMGL: 1,0,,24\r\n", b"+CUSD: 0,\"", b"NO CARRIER", b"BUSY",
    b"VOICE CALL: END: 000012", b"^CEND:1,0,104,31", b"^DSCI: 1,0,6,0,", b"+QIND: \"ccinfo\",1,0,-1,0", b"#ECAM: 0,1,1",
    b"+CME ERROR: 14", b"+CMS ERROR: 322", b"+WIND: 5,1", b"+CPIN: READY", b"+CREG: 1,\"1A\"", b"RING", b"+QTONEDET: 49",
    b"00040B917238010010F5000099309251619580", b"0791", b"+UCALLSTAT: 1,7", b"HANGUP: 1", b"*PSUTTZ: ", b"-1", b"99999999999999",
]  # fmt: skip
PDUS = [
    "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37",
    "0071000D91683108000000F10000A74F050003000202F02075BD0D9F83DEF6B21C44479741ECB03E0F22BFCF2E10155D06",
    "0891683108200505F0062A0D91683108000000F1621161310250236211613112502300",
]


def chunks(seed: int) -> Iterator[bytes]:
    """Noise, and noise with scraps of AT traffic in it, until N_BYTES have been made."""
    made, rng = 0, random.Random(seed)
    while made < N_BYTES:
        if rng.random() < 0.3:
            data = rng.randbytes(CHUNK_BYTES)
        else:
            data = b"".join(
                rng.choice(SCRAPS) if rng.random() < 0.8 else rng.randbytes(rng.randrange(6))
                for _ in range(400)
            )
        made += len(data)
        yield data


def pdus(seed: int) -> Iterator[bytes]:
    """Random octets, and true PDUs with some octets changed, lost or added."""
    made, rng = 0, random.Random(seed)
    while made < N_BYTES:
        if rng.random() < 0.3:
            data = rng.randbytes(rng.randrange(180))
        else:
            octets = bytearray.fromhex(rng.choice(PDUS))
            for _ in range(rng.randrange(1, 6)):
                at = rng.randrange(len(octets))
                octets[at : at + rng.randrange(2)] = rng.randbytes(rng.randrange(3))
            data = bytes(octets)
        made += len(data)
        yield data


def growth_bytes(work: Callable[[], None]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def feed_tokenizer() -> None:
    tokenizer = AtTokenizer()
    for n, data in enumerate(chunks(1)):
        if n % 3 == 0:
            tokenizer.expect_prompt()
        for token in tokenizer.feed(data):
            if isinstance(token, Line | Final):
                assert len(token.text) <= MAX_LINE_BYTES
        assert len(tokenizer._pending) <= MAX_LINE_BYTES


def feed_urcs() -> None:
    tokenizer = AtTokenizer()
    plans = [dialect.dsci for dialect in DIALECTS]
    for n, data in enumerate(chunks(2)):
        lines = [token.text for token in tokenizer.feed(data) if isinstance(token, Line)]
        for before, line in zip(["", *lines], lines, strict=False):
            read_urc(line, plans[n % len(plans)])
            looks_like_urc(line, "AT+CGMI")
            belongs(before, line)
            read_memory(line)
            if line.startswith("+CUSD"):
                decode_ussd(line, n % 256)
        read_list(lines, "SM")
        read_capacity(lines)


def feed_decoders() -> None:
    reassembly: Reassembly[int] = Reassembly()
    for n, octets in enumerate(pdus(3)):
        text = octets.hex()
        decode_received(text)
        for decode in (decode_deliver, decode_submit, decode_status_report):
            try:
                decoded = decode(text)
            except MalformedPduError:
                continue
            if decode is decode_deliver:
                reassembly.add(decoded, n, float(n))  # type: ignore[arg-type]
        decode_ussd(text, octets[0] if octets else None)


@pytest.mark.parametrize("work", [feed_tokenizer, feed_urcs, feed_decoders])
def test_bytes_without_end(work: Callable[[], None]) -> None:
    assert growth_bytes(work) < MAX_GROWTH_BYTES


@given(octets=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_octets_are_a_pdu_or_malformed(octets: bytes) -> None:
    decode_received(octets.hex())
    for decode in (decode_deliver, decode_submit, decode_status_report):
        try:
            decode(octets.hex())
        except MalformedPduError:
            continue


@given(text=st.text(max_size=100))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_pdu_or_malformed(text: str) -> None:
    decode_received(text)


@given(
    stream=st.lists(st.sampled_from([*SCRAPS, b"> 0011\x1a\r\n", b"\r\n> "]), max_size=20),
    cut=st.integers(0, 200),
)
@settings(max_examples=100, deadline=None)
def test_a_prompt_is_found_whatever_the_slicing(stream: list[bytes], cut: int) -> None:
    data = b"".join(stream)
    whole, sliced = AtTokenizer(), AtTokenizer()
    whole.expect_prompt()
    sliced.expect_prompt()
    tokens = whole.feed(data)
    assert sliced.feed(data[:cut]) + sliced.feed(data[cut:]) == tokens
    assert sum(isinstance(token, Prompt) for token in tokens) <= 1


@pytest.mark.parametrize(
    "stream",
    [b"\r\n> ", b"AT+CMGS=23\r\r\n> ", b">", b"\r\n+CREG: 1\r\n\r\n>", b"\x00> "],
)
def test_prompts(stream: bytes) -> None:
    tokenizer = AtTokenizer()
    assert Prompt() not in tokenizer.feed(stream), "nobody expects one"
    tokenizer = AtTokenizer()
    tokenizer.expect_prompt()
    assert tokenizer.feed(stream)[-1] == Prompt()
    assert tokenizer.feed(b"\r\n+CMGS: 5\r\n\r\nOK\r\n") == [Line("+CMGS: 5"), Final("OK")]
