"""The HTTP door: only read, only by neighbours, bounded in everything, and the page as a browser without a network sees it."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

from firmware.local import web
from firmware.local.facts import BoxFacts
from firmware.local.web import StatusDoor, is_neighbour, is_own_name, open_page, wanted_language
from firmware.store.errors import StoreFailedError
from tests.firmware.local.made_facts import TROUBLED, WAITING, WORKING

CHROMIUM = "/usr/bin/chromium"
LOOKS = {"working": WORKING, "troubled": TROUBLED, "waiting": WAITING}


class Served:
    """A door on a port of its own, in a thread; `facts` may be changed."""

    def __init__(self) -> None:
        self.facts: BoxFacts | None = WORKING
        self.port = 0

    async def look(self) -> BoxFacts:
        if self.facts is None:
            raise StoreFailedError("disk I/O error")
        return self.facts

    def say(self, sent: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send bytes, read one answer until the door closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=15) as peer:
            peer.sendall(sent)
            peer.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: peer.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head:
            return 0, {}, b""
        first, *fields = head.decode().split("\r\n")
        return int(first.split()[1]), {k.lower(): v for k, _, v in (f.partition(": ") for f in fields)}, body

    def get(
        self, target: str, *, host: str = "127.0.0.1", **fields: str
    ) -> tuple[int, dict[str, str], bytes]:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        return self.say(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())


@contextlib.contextmanager
def serving() -> Iterator[Served]:
    served = Served()
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    done = asyncio.Event()

    async def story() -> None:
        door = StatusDoor(served.look, box="branch-7", language="en")
        async with open_page(door, host="127.0.0.1", port=0) as served.port:
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(story()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield served
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def door() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture(autouse=True)
def working(door: Served) -> None:
    door.facts = WORKING


def test_the_page_and_its_headers(door: Served) -> None:
    status, headers, body = door.get("/")
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "refresh" not in headers
    assert b"The box is working" in body
    assert door.get("/?every=60")[1]["refresh"] == "60"
    assert "refresh" not in door.get("/?every=1")[1]


@pytest.mark.parametrize(
    ("target", "accepted", "tag"),
    [
        ("/", "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("/", "en-GB,zh;q=0.5", "en"),
        ("/", "fr,zh;q=0.2", "zh-CN"),
        ("/", "fr", "en"),
        ("/", ";q=,,zh;q=x", "en"),
        ("/?lang=zh", "en", "zh-CN"),
        ("/?lang=en", "zh", "en"),
        ("/?lang=%00", "zh", "zh-CN"),
    ],
)
def test_the_language(target: str, accepted: str, tag: str, door: Served) -> None:
    status, headers, body = door.get(target, Accept_Language=accepted)
    assert (status, headers["content-language"]) == (200, tag)
    assert f'<html lang="{tag}">'.encode() in body


def test_metrics_and_what_is_not_there(door: Served) -> None:
    status, headers, body = door.get("/metrics")
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/plain")
    assert b"branchline_outbox_messages 3.0" in body
    assert door.get("/healthz")[0] == 200
    for target in ("/etc/passwd", "/../box.toml", "//x", "/metrics/"):
        assert door.get(target)[0] == 404


def test_only_reading_is_answered(door: Served) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        sent = f"{method} / HTTP/1.1\r\nHost: box\r\nContent-Length: 5\r\n\r\nhello".encode()
        assert door.say(sent)[0] == 405
    status, headers, body = door.say(b"HEAD / HTTP/1.1\r\nHost: box\r\n\r\n")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 1000


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: evil.example.com\r\n\r\n", 421, id="rebinding"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: box\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431, id="a long head"),
        pytest.param(b"GET /" + b"a" * 20_000, 431, id="an endless target"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, id="TLS"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: box\r\nContent-Length: 9\r\nContent-Length: 1\r\n\r\n", 400, id="smuggling"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: box\r\n", 400, id="half a head"),
    ],
)  # fmt: skip
def test_nonsense_gets_a_short_answer(sent: bytes, status: int, door: Served) -> None:
    assert door.say(sent)[0] == status
    assert door.get("/healthz")[0] == 200


def test_two_requests_on_one_connection(door: Served) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: box\r\n\r\n"
    with socket.create_connection(("127.0.0.1", door.port), timeout=15) as peer:
        peer.sendall(one + one)
        peer.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: peer.recv(65536), b""))
    assert answer.count(b"HTTP/1.1 200 OK") == 2


def test_a_box_that_cannot_be_looked_at_says_so(door: Served) -> None:
    door.facts = None
    status, _, body = door.get("/")
    assert (status, b"The box cannot say how it is" in body) == (503, True)
    assert door.get("/metrics")[0] == 503


def test_a_silent_peer_is_let_go(door: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "HEAD_S", 0.1)
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as peer:
        peer.sendall(b"GET / HT")
        assert peer.recv(100) == b""


def test_many_connections_are_bounded(door: Served) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(web.MAX_CONNECTIONS):
            peer = held.enter_context(socket.create_connection(("127.0.0.1", door.port), timeout=10))
            peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: box\r\n\r\n")
            assert peer.recv(12) == b"HTTP/1.1 200"
        # Shut before we had sent all, or before we had an answer.
        with pytest.raises((OSError, AssertionError)):
            assert door.get("/healthz")[0] == 200


@pytest.mark.parametrize(
    ("host", "own"),
    [("192.168.1.20:8480", True), ("[fd00::1]:80", True), ("[fd00::1]", True), ("box", True), ("box.local", True),
     ("box.lan:8480", True), ("", False), ("example.com", False), ("local.example.com:80", False)],
)  # fmt: skip
def test_a_name_that_may_be_ours(host: str, own: bool) -> None:
    assert is_own_name(host) is own


@pytest.mark.parametrize(
    ("address", "near"),
    [("192.168.1.5", True), ("10.1.2.3", True), ("127.0.0.1", True), ("fe80::1%eth0", True), ("fd00::5", True),
     ("::ffff:192.168.1.5", True), ("8.8.8.8", False), ("::ffff:8.8.8.8", False), ("2a00:1450::1", False), ("", False)],
)  # fmt: skip
def test_who_is_a_neighbour(address: str, near: bool) -> None:
    assert is_neighbour(address) is near


def test_a_browser_without_wishes_gets_the_boxs_own_language() -> None:
    assert wanted_language("", "", "zh") == "zh"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def test_in_a_browser_on_desk_and_telephone(door: Served, browser: Browser) -> None:
    """Nothing is fetched from elsewhere, the style applies, nothing runs over the edge, axe finds nothing to mend."""
    shots = os.environ.get("BRANCHLINE_SCREENSHOTS")
    page = browser.new_page(locale="zh-CN")
    asked: list[str] = []
    told: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: told.append(message.text))
    own = f"http://127.0.0.1:{door.port}/"
    for name, facts in LOOKS.items():
        door.facts = facts
        for language, width, scheme in (("zh", 390, "light"), ("en", 1200, "light"), ("en", 390, "dark")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.goto(f"{own}?lang={language}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, language, width)
            radius = page.evaluate("getComputedStyle(document.querySelector('section')).borderTopLeftRadius")
            assert radius == "10px", "the policy lets the style sheet through"
            if shots:
                page.screenshot(path=Path(shots) / f"{name}-{language}-{width}-{scheme}.png", full_page=True)
    # Once a colour scheme and a page with everything on it: each run costs a second.
    for scheme, facts in (("light", TROUBLED), ("dark", WORKING)):
        door.facts = facts
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(own)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.goto(own)
    assert page.locator("html").get_attribute("lang") == "zh-CN", "as the browser asked"
    page.get_by_role("link", name="English").click()
    assert page.get_by_role("heading", level=1).inner_text().endswith("The box is working")
    assert all(url.startswith((own, "data:")) for url in asked), asked
    assert [text for text in told if "favicon" not in text] == []
    page.close()
