"""The far ends of the SIP tests: Debian's baresip, which speaks and records, and sipp with a scenario of ours."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

MODULES = ("g711", "g722", "opus", "aufile", "sndfile", "srtp", "account", "menu", "ctrl_tcp")


def free_port(kind: int = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def until(is_so: Callable[[], bool], *, limit_s: float = 20.0) -> None:
    """Return once something is so; another process has no event to wait for."""
    async with asyncio.timeout(limit_s):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.03)


def tone(hz: float, seconds: float, level: float = 0.3, *, rate_hz: int = 8000) -> NDArray[np.int16]:
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    return (level * 32767 * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def strongest_hz(pcm: NDArray[np.int16]) -> float:
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    return float(np.argmax(spectrum) * 8000 / len(pcm))


def heard_in(chunks: list[bytes]) -> NDArray[np.int16]:
    """Return a recording's samples: what came in, and what went out."""
    return np.frombuffer(b"".join(chunks), dtype="<i2").reshape(-1, 2)


@dataclass(slots=True)
class FarBaresip:
    """A running Debian baresip that answers every call, says a tone and records what it hears."""

    port: int
    folder: Path
    control: int
    events: list[dict[str, object]] = field(default_factory=list)

    async def command(self, name: str, params: str = "") -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.control)
        text = json.dumps({"command": name, "params": params}).encode()
        writer.write(b"%d:%s," % (len(text), text))
        async with asyncio.timeout(5):
            await writer.drain()
            await reader.read(64)
        writer.close()

    def heard(self) -> NDArray[np.int16]:
        return self.recordings()[-1]

    def recordings(self) -> list[NDArray[np.int16]]:
        """Return what was heard in each call."""
        found = sorted(self.folder.glob("dump-*-dec.wav"))
        return [np.asarray(soundfile.read(path, dtype="int16")[0], dtype=np.int16) for path in found]


@asynccontextmanager
async def far_baresip(
    folder: Path,
    said: NDArray[np.int16],
    *,
    account: str = "regint=0;answermode=auto",
    codecs: str = "PCMA/8000/1,PCMU/8000/1",
    rate_hz: int = 8000,
) -> AsyncIterator[FarBaresip]:
    """Run one that says `said`, which is at the rate of its codecs."""
    port, control = free_port(), free_port(socket.SOCK_STREAM)
    sound = folder / "said.wav"
    soundfile.write(sound, said, rate_hz)
    modules = "\n".join(f"module {name}.so" for name in MODULES)
    (folder / "config").write_text(
        f"sip_listen 127.0.0.1:{port}\nnet_interface 127.0.0.1\nmodule_path /usr/lib/baresip/modules\n{modules}\n"
        f"audio_source aufile,{sound}\naudio_player aufile,{folder / 'played.wav'}\nsnd_path {folder}\n"
        f"ctrl_tcp_listen 127.0.0.1:{control}\naudio_srate {rate_hz}\n"
        "call_hold_other_calls no\n",
        encoding="utf-8",
    )
    (folder / "accounts").write_text(
        f"<sip:+8613912345678@127.0.0.1>;{account};audio_codecs={codecs};dtmfmode=rtpevent\n",
        encoding="utf-8",
    )
    process = await asyncio.create_subprocess_exec(
        "baresip", "-f", str(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=(folder / "out.txt").open("wb"),
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    far = FarBaresip(port=port, folder=folder, control=control)
    try:
        await until(lambda: "baresip is ready" in (folder / "out.txt").read_text(errors="replace"))
        yield far
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(3):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


RESPONSE = """SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
{more}"""
SDP = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=u 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio {rtp} RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
"""
EMPTY = "Content-Length: 0\n\n"


def send(status: str, more: str = EMPTY) -> str:
    return f"<send><![CDATA[\n{RESPONSE.format(status=status, more=more)}\n]]></send>\n"


def in_dialogue(method: str, cseq: int, more: str = EMPTY) -> str:
    """A request of the far end inside the call that the INVITE began."""
    return f"""<send retrans="500"><![CDATA[
{method} [$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: [$callee];tag=[call_number]
To: [$caller]
[last_Call-ID:]
CSeq: {cseq} {method}
Max-Forwards: 70
Contact: <sip:[local_ip]:[local_port]>
{more}
]]></send>
"""


RECV_INVITE = """<recv request="INVITE"><action>
<ereg regexp="[^:]*$" search_in="hdr" header="To:" assign_to="dummy"/>
<ereg regexp="sip:[^>]+" search_in="hdr" header="Contact:" assign_to="contact"/>
<ereg regexp="&lt;.*" search_in="hdr" header="From:" assign_to="caller"/>
<ereg regexp="&lt;.*" search_in="hdr" header="To:" assign_to="callee"/>
</action></recv>
<Reference variables="dummy,contact,caller,callee"/>
"""


def scenario(*steps: str) -> str:
    # `Reference` keeps sipp from refusing variables that a scenario does not use.
    return (
        '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="far end">\n'
        + "".join(steps)
        + "</scenario>\n"
    )


@dataclass(slots=True)
class FarSipp:
    port: int
    messages: Path

    def text(self) -> str:
        return self.messages.read_text(encoding="utf-8", errors="replace") if self.messages.exists() else ""


@asynccontextmanager
async def far_sipp(folder: Path, text: str, *, port: int = 0, echo_at: int = 0) -> AsyncIterator[FarSipp]:
    """Run sipp with a scenario for one call; what comes to the port `echo_at` is sent back, whatever was agreed."""
    path, port = folder / "scenario.xml", port or free_port()
    path.write_text(text, encoding="iso-8859-1")
    messages = folder / "messages.txt"
    process = await asyncio.create_subprocess_exec(
        "sipp", "-i", "127.0.0.1", "-p", str(port), "-sf", str(path), "-nostdin", "-trace_msg",
        "-message_file", str(messages), "-m", "1", "-timeout", "20",
        *(("-rtp_echo", "-mp", str(echo_at)) if echo_at else ()),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=(folder / "out.txt").open("wb"),
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(10):
            while not _is_bound(port):
                assert process.returncode is None, (folder / "out.txt").read_text(errors="replace")[-2000:]
                await asyncio.sleep(0.03)
        yield FarSipp(port=port, messages=messages)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _is_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
