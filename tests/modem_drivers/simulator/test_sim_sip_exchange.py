"""The simulated people's SIP exchange: its G.711 against libsndfile's, its messages, and one call by hand over UDP."""

import asyncio
import io
import struct
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from modem_drivers.simulator.network import Network
from modem_drivers.simulator.people import HangUp, Pause, Person, Press, Reaction
from modem_drivers.simulator.rtp_sound import decoded, encoded
from modem_drivers.simulator.sip_exchange import ADDRESS, SipExchange, open_exchange
from modem_drivers.simulator.sip_messages import SipMessage, SipMessageError, offered_session, read_message

NUMBER = "+8613900000001"
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 96 8 0\r\n"


@pytest.mark.parametrize(("payload", "subtype"), [(0, "ULAW"), (8, "ALAW")])
def test_g711_is_as_others_have_it(payload: int, subtype: str) -> None:
    """Every code to its sample; every sample to the code that is nearest to it."""
    codes = bytes(range(256))
    reference, _rate = soundfile.read(
        io.BytesIO(codes), dtype="int16", format="RAW", subtype=subtype, samplerate=8000, channels=1
    )
    assert np.array_equal(decoded(payload, codes), reference)
    samples = np.arange(-32000, 32000, 7, dtype=np.int16)
    error = np.abs(decoded(payload, encoded(payload, samples)).astype(int) - samples)
    assert np.all(error <= np.maximum(np.abs(samples.astype(int)) // 16, 16))


@given(data=st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_what_is_no_message_is_said_to_be_none(data: bytes) -> None:
    for given_bytes in (data, b"INVITE sip:x@y SIP/2.0\r\n" + data, request("INVITE") + data):
        try:
            assert isinstance(read_message(given_bytes), SipMessage)
        except SipMessageError:
            continue


def test_an_offer_without_our_codecs_is_refused() -> None:
    with pytest.raises(SipMessageError):
        offered_session(SDP.format(port=4000).replace("96 8 0", "96 18"))
    assert offered_session(SDP.format(port=4000)).payload == 8, "the offerer's order, not ours"


def request(method: str, *, cseq: int = 1, number: str = NUMBER, body: str = "") -> bytes:
    return (
        f"{method} sip:{number}@{ADDRESS} SIP/2.0\r\nv: SIP/2.0/UDP {ADDRESS}:5060;branch=z9hG4bK{cseq}{method}\r\n"
        f"From: <sip:box@{ADDRESS}>;tag=a\r\nTo: <sip:{number}@{ADDRESS}>\r\nCall-ID: c1\r\nCSeq: {cseq} {method}\r\n"
        f"Contact: <sip:box@{ADDRESS}:5060>\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


class Caller(asyncio.DatagramProtocol):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        del addr
        self.told.put_nowait(data)

    async def until(self, start: str) -> SipMessage:
        async with asyncio.timeout(5):
            while True:
                message = read_message(await self.told.get())
                if message.start.startswith(start):
                    return message


def test_one_call_by_hand() -> None:
    """Rung, answered, a key's tones in RTP, hung up by the person with a cause; a busy one, a wrong codec, nonsense."""
    people = [
        Person(number=NUMBER, ring_s=0.02, steps=(Press(keys="5"), Pause(duration_s=0.1), HangUp())),
        Person(number="+8613900000002", reaction=Reaction.BUSY),
    ]

    async def go() -> None:
        loop = asyncio.get_running_loop()
        exchange: SipExchange = await open_exchange(Network(people, setup_s=0.01))
        peer = (ADDRESS, exchange.port)
        sip, caller = await loop.create_datagram_endpoint(Caller, (ADDRESS, 0))
        media, sound = await loop.create_datagram_endpoint(Caller, (ADDRESS, 0))
        body = SDP.format(port=media.get_extra_info("sockname")[1])
        try:
            sip.sendto(b"\0nonsense\r\n\r\n", peer)
            sip.sendto(request("OPTIONS"), peer)
            assert (await caller.until("SIP/2.0")).status == 200, "nonsense is not answered"
            sip.sendto(request("INVITE", body=body), peer)
            await caller.until("SIP/2.0 180")
            answer = await caller.until("SIP/2.0 200")
            assert ";tag=" in answer.get("to")
            assert offered_session(answer.body).payload == 8
            sip.sendto(request("ACK"), peer)
            for _ in range(15):
                exchange.tick()
            packets = [sound.told.get_nowait() for _ in range(10) if not sound.told.empty()] or [
                await asyncio.wait_for(sound.told.get(), 5)
            ]
            version, payload, first, _stamp, _source = struct.unpack("!BBHII", packets[0][:12])
            assert (version, payload & 0x7F, first, len(packets[0])) == (0x80, 8, 0, 172)
            for _ in range(40):
                exchange.tick()
            bye = await caller.until("BYE")
            assert bye.get("reason") == "Q.850;cause=16"
            sip.sendto(request("BYE").replace(b"BYE sip", b"SIP/2.0 200 OK\r\nX: sip", 1), peer)
            sip.sendto(request("INVITE", number="+8613900000002", body=body).replace(b"c1", b"c2"), peer)
            assert (await caller.until("SIP/2.0 486")).get("reason") == "Q.850;cause=17"
            sip.sendto(request("INVITE", body="").replace(b"c1", b"c3"), peer)
            await caller.until("SIP/2.0 488")
        finally:
            exchange.unplug()
            sip.close()
            media.close()

    asyncio.run(go())
