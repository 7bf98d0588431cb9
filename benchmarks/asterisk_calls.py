"""What the same calls cost Asterisk, measured in the same run: it answers, records both directions, tells who answered, plays.

It is run by chroot (as root) in a folder that holds a system's files with Asterisk among them, as `mmdebstrap
--include=asterisk SUITE FOLDER` makes it; `/` is this system itself. The far end is sipp, which sends each call the same
person's speech by RTP; beside it stand calls without RTP, between two ends in Asterisk itself (Local channels), of which
the far end plays that speech. Only what the calls need is loaded, and keys come as RTP events, Asterisk's own way (to look
for them in the sound hardly costs it more).
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, socket

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio import Clip

AMD_S = (0.5, 4.0)
"""After all calls were begun: Asterisk listens to who answered, for 5 s at most."""
AFTER_S = (7.0, 15.0)
CALLS_A_SECOND = 64
START_TIMEOUT_S = 30.0
MODULES = [
    *["res_timing_timerfd", "res_sorcery_config", "res_sorcery_memory", "res_sorcery_astdb", "res_pjproject"],
    *["res_pjsip", "res_pjsip_pubsub", "res_pjsip_session", "res_pjsip_sdp_rtp", "res_rtp_asterisk"],
    *["res_pjsip_endpoint_identifier_anonymous", "chan_pjsip", "bridge_simple", "codec_ulaw", "format_wav"],
    *["format_pcm", "pbx_config", "app_playback", "app_mixmonitor", "app_amd", "res_clioriginate"],
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerCost:
    """What `n_calls` of Asterisk's cost each."""

    percent_undecided: float
    """Of a core, while it is open who answered."""
    percent_decided: float
    megabytes: float


class Asterisk:
    """One Asterisk with its own configuration in a folder of its own, started for one measurement."""

    def __init__(self, root: Path, heard: NDArray[np.int16], prompt: Clip) -> None:
        self._root = root.resolve()
        self._sounds = (heard, prompt)
        (self._root / "tmp").mkdir(exist_ok=True)

    def version(self) -> str:
        """Return what it calls itself. Raises OSError or CalledProcessError where it does not run."""
        told = subprocess.run(
            [*self._command(), "-V"], check=True, capture_output=True, text=True, timeout=20
        )
        return told.stdout.strip()

    def calls_by_rtp(self, n_calls: int) -> PeerCost:
        """Have sipp call so many times, and return what a call costs Asterisk."""
        with self._running() as (folder, pid, port):
            begin = [
                *("sipp", f"127.0.0.1:{port}", "-sf", str(folder / "far.xml"), "-i", "127.0.0.1"),
                *("-p", str(_free_port()), "-m", str(n_calls), "-l", str(n_calls), "-r", str(CALLS_A_SECOND)),
                *("-mp", str(_free_port()), "-nostdin", "-timeout", "60"),
            ]

            def call() -> None:
                self._far_end = subprocess.Popen(
                    begin,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )

            try:
                return self._cost(n_calls, pid, folder, call)
            finally:
                self._far_end.kill()
                self._far_end.wait()

    def calls_within(self, n_calls: int) -> PeerCost:
        """Have it call itself so many times, both ends of every call within it."""
        with self._running() as (folder, pid, _):

            def call() -> None:
                for _ in range(n_calls):
                    self._ask(folder, "channel originate Local/box@calls extension far@calls")

            return self._cost(n_calls, pid, folder, call)

    def _cost(self, n_calls: int, pid: int, folder: Path, call: Callable[[], None]) -> PeerCost:
        before_mb = memory_mb(pid)
        recordings = folder / "spool" / "monitor"
        call()
        give_up_s = time.monotonic() + START_TIMEOUT_S
        while len(list(recordings.glob("*.wav"))) < n_calls:
            if time.monotonic() > give_up_s:
                raise RuntimeError(
                    f"not all of {n_calls} calls began: {self._ask(folder, 'core show channels')}"
                )
            time.sleep(0.1)
        begin_s = time.monotonic()
        undecided = cpu_percent(pid, begin_s + AMD_S[0], begin_s + AMD_S[1])
        decided = cpu_percent(pid, begin_s + AFTER_S[0], begin_s + AFTER_S[1])
        megabytes = memory_mb(pid) - before_mb
        n_whole = sum(one.stat().st_size > AFTER_S[0] * 16_000 for one in recordings.glob("*.wav"))
        if n_whole != n_calls:
            raise RuntimeError(f"of {n_calls} calls {n_whole} were recorded")
        return PeerCost(
            percent_undecided=undecided / n_calls,
            percent_decided=decided / n_calls,
            megabytes=megabytes / n_calls,
        )

    def _command(self) -> list[str]:
        return ["chroot", str(self._root), "/usr/sbin/asterisk"]

    def _ask(self, folder: Path, command: str) -> str:
        configuration = str(self._inside(folder) / "asterisk.conf")
        asked = [*self._command(), "-C", configuration, "-rx", command]
        return subprocess.run(asked, check=False, capture_output=True, text=True, timeout=20).stdout

    def _inside(self, folder: Path) -> Path:
        """Return the name of a folder as Asterisk sees it."""
        return Path("/") / folder.relative_to(self._root)

    @contextmanager
    def _running(self) -> Iterator[tuple[Path, int, int]]:
        """Run it with nothing but what the calls need; yield its folder, its process and its SIP port."""
        port = _free_port()
        folder = Path(tempfile.mkdtemp(prefix="asterisk-", dir=self._root / "tmp"))
        try:
            self._configure(folder, port)
            process = subprocess.Popen(
                [*self._command(), "-f", "-C", str(self._inside(folder) / "asterisk.conf")],
                stdin=subprocess.DEVNULL,
                stdout=(folder / "said.txt").open("wb"),
                stderr=subprocess.STDOUT,
            )
            try:
                self._wait_until_up(folder, process)
                yield folder, process.pid, port
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _wait_until_up(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        give_up_s = time.monotonic() + START_TIMEOUT_S
        while "fully booted" not in self._ask(folder, "core waitfullybooted"):
            if process.poll() is not None or time.monotonic() > give_up_s:
                said = (folder / "said.txt").read_text(errors="replace")
                raise RuntimeError(f"Asterisk did not start: {said[-2000:]}")
            time.sleep(0.2)
        time.sleep(2.0)

    def _configure(self, folder: Path, port: int) -> None:
        inside = self._inside(folder)
        for name in ("spool/monitor", "run", "log", "varlib"):
            (folder / name).mkdir(parents=True)
        heard, prompt = self._sounds
        soundfile.write(folder / "prompt.wav", prompt, 8000)
        soundfile.write(folder / "person.wav", heard, 8000)
        soundfile.write(folder / "person.ulaw", heard, 8000, format="RAW", subtype="ULAW")
        modules = next(self._root.glob("usr/lib/*/asterisk/modules"), None)
        if modules is None:
            raise RuntimeError(f"no modules of Asterisk's below {self._root}/usr/lib: is it installed there?")
        where = {
            "astetcdir": inside,
            "astmoddir": Path("/") / modules.relative_to(self._root),
            "astvarlibdir": inside / "varlib",
            "astdbdir": inside / "varlib",
            "astdatadir": "/usr/share/asterisk",
            "astspooldir": inside / "spool",
            "astrundir": inside / "run",
            "astlogdir": inside / "log",
        }
        files = {
            "asterisk.conf": "[directories]\n"
            + "".join(f"{key} => {value}\n" for key, value in where.items()),
            "modules.conf": "[modules]\nautoload=no\n" + "".join(f"load => {name}.so\n" for name in MODULES),
            "logger.conf": "[general]\n[logfiles]\nconsole => warning,error\n",
            "amd.conf": "[general]\n",
            "rtp.conf": "[general]\nrtpstart=25000\nrtpend=28000\n",
            "pjsip.conf": (
                f"[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{port}\n"
                f"[anonymous]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\n"
            ),
            "extensions.conf": (
                "[calls]\n"
                "exten => box,1,Answer()\n"
                " same => n,MixMonitor(${UNIQUEID}.wav)\n"
                " same => n,AMD()\n"
                f" same => n(again),Playback({inside}/prompt)\n"
                " same => n,Goto(again)\n"
                "exten => far,1,Answer()\n"
                f" same => n(again),Playback({inside}/person)\n"
                " same => n,Goto(again)\n"
            ),
            "far.xml": SCENARIO.replace("SOUND", str(folder / "person.ulaw")),
        }
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")


SCENARIO = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="far">
<send retrans="500"><![CDATA[
INVITE sip:box@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:far@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:box@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:far@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=far 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
]]></send>
<recv response="100" optional="true"></recv>
<recv response="180" optional="true"></recv>
<recv response="200" rrs="true"></recv>
<send><![CDATA[
ACK sip:box@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:far@[local_ip]:[local_port]>;tag=[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
<nop><action><exec rtp_stream="SOUND,-1,0,PCMU/8000"/></action></nop>
<pause milliseconds="60000"/>
</scenario>
"""


def cpu_percent(pid: int, begin_s: float, end_s: float) -> float:
    """Return how much of a core a process takes between two moments to come, user and system."""
    time.sleep(max(0.0, begin_s - time.monotonic()))
    cpu_s, began_s = cpu_seconds(pid), time.monotonic()
    time.sleep(max(0.0, end_s - time.monotonic()))
    return 100 * (cpu_seconds(pid) - cpu_s) / (time.monotonic() - began_s)


def cpu_seconds(pid: int) -> float:
    """Return what a process has used so far, threads that ended included, to the nanosecond (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def memory_mb(pid: int) -> float:
    """Return a process's resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _free_port() -> int:
    with socket(AF_INET, SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
