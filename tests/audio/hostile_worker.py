"""A recogniser process that misbehaves as its sound says. Shares nothing with the real one but the format on the pipe.

Run as a program: `python hostile_worker.py BEHAVIOUR_AT_START`. The first bytes of an utterance name what to do with it.
"""

import os
import signal
import struct
import sys
import time

import msgspec


def send(message: dict[str, object]) -> None:
    body = msgspec.msgpack.encode(message)
    os.write(1, struct.pack(">I", len(body)) + body)


def reply(id_: int, text: str = "yes", confidence: float = 0.9) -> None:
    send({"type": "reply", "id": id_, "text": text, "confidence": confidence, "engine": "hostile"})


def main() -> None:
    at_start = sys.argv[1]
    if at_start == "die":
        sys.exit(3)
    if at_start == "hang":
        time.sleep(600)
    if at_start == "chatter":
        os.write(1, b"Loading model...\n")
    if at_start == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    send({"type": "ready", "engines": [{"name": "hostile", "languages": ["en"]}], "missing": []})
    while header := sys.stdin.buffer.read(4):
        request = msgspec.msgpack.decode(sys.stdin.buffer.read(struct.unpack(">I", header)[0]))
        id_, what = request["id"], bytes(request["pcm"]).rstrip(b"\0").decode()
        match what:
            case "hang":
                time.sleep(600)
            case "die":
                os.abort()
            case "flood":
                while True:
                    os.write(1, b"\xff" * 65536)
            case "garbage":
                os.write(1, struct.pack(">I", 5) + b"hello")
            case "half":
                os.write(1, struct.pack(">I", 1000) + b"x")
                sys.exit(0)
            case "wrong id":
                reply(id_ + 7)
            case "twice":
                reply(id_)
                reply(id_)
            case "too sure":
                reply(id_, confidence=7.0)
            case "too long":
                reply(id_, text="y" * 100_000)
            case "refuse":
                send({"type": "failed", "id": id_, "reason": "not today"})
            case "eat":
                hoard = []
                while True:
                    hoard.append(bytearray(1 << 24))
            case slow if slow.startswith("slow"):
                time.sleep(float(slow.removeprefix("slow ")))
                reply(id_)
            case _:
                reply(id_, text=what)


main()
