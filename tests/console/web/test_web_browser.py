"""The pages in a real browser, served by the real command: sign-in, cookies, live parts, accessibility, both languages."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from console.ledger import Arrival, Ledger
from console.office import Office
from firmware.sync.messages import BoxState
from tests.console.made_office import make_office
from tests.console.web.web_world import COMPLAINT, PASSWORD, RECORDED, fill

DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
PAGES = {
    "fleet": "/",
    "campaigns": "/campaigns",
    "campaign": "/campaigns/one?box=b1&campaign=nov",
    "order": "/campaigns/order?box=b1&campaign=nov&action=cancel",
    "outcomes": "/outcomes",
    "people": "/people",
    "person": "/people/one?person=p05",
    "stop": "/people/stop?person=p06&action=suppress",
    "recall": "/people/stop?person=p06&action=recall",
    "cases": "/cases",
    "case": f"/cases/one?box=b1&attempt={COMPLAINT}",
    "recording": f"/recordings/one?box=b1&attempt={RECORDED}",
    "measures": "/measures",
    "updates": "/updates",
    "claims": "/claims",
    "audit": "/audit",
    "access": "/access",
}
SHOTS = os.environ.get("BRANCHLINE_SCREENSHOTS")
"""A folder: then each page is also kept there as a picture, to be looked at."""


@dataclass(frozen=True)
class Served:
    """The command, running."""

    office: Office
    address: str
    tls_port: int
    process: subprocess.Popen[bytes]
    log: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The command twice, as a process each: in the clear for this computer, and with https."""
    folder = tmp_path_factory.mktemp("browser")
    office = make_office(folder / "office")
    ledger = Ledger(office.ledger)
    fill(office, ledger, datetime.now(UTC))
    ledger.close()
    plain, tls = free_port(), free_port()
    files = [
        "--tls-cert",
        office.broker_folder / "server.crt",
        "--tls-key",
        office.broker_folder / "server.key",
    ]
    commands = [["--listen", f"127.0.0.1:{tls}", *map(str, files)], ["--listen", f"127.0.0.1:{plain}"]]
    log = folder / "web.log"
    with running(office, commands, log) as process:
        wait_for(plain, process, log)
        yield Served(office, f"http://127.0.0.1:{plain}", tls, process, log)


RUNNER = """
import json, os, sys
from console.cli import main
first, *others = json.loads(sys.argv[1])
for words in others:
    if os.fork() == 0:
        first = words
        break
main(first)
"""
"""What takes long is loading the program: it is loaded once for both."""


@contextmanager
def running(office: Office, commands: list[list[str]], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `branchline-console web` with each of these options, in a group of processes that ends together."""
    words = [["web", "--office", str(office.folder), *options] for options in commands]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", RUNNER, json.dumps(words)], stdout=output, stderr=output,
            cwd=Path(__file__).parents[3], start_new_session=True,
        )  # fmt: skip
    try:
        yield process
        process.terminate()
        assert process.wait(30) == 0, (
            log.read_text()
        )  # nobody has a page of this one open, so it ends at once
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(15)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """A supervisor, signed in through the form."""
    context = browser.new_context(viewport=DESKTOP, locale="en-GB", base_url=served.address)  # type: ignore[arg-type]
    made = context.new_page()
    made.set_default_timeout(10_000)
    made.goto("/outcomes")
    assert "/sign-in" in made.url
    made.get_by_label("Name").fill("sup")
    made.get_by_label("Password").fill("wrong password")
    made.get_by_role("button", name="Sign in").click()
    made.get_by_role("alert").wait_for()
    assert violations(made) == []
    keep(made, "sign-in")
    made.get_by_label("Password").fill(PASSWORD)
    made.get_by_role("button", name="Sign in").click()
    made.wait_for_url("**/outcomes")
    yield made
    context.close()


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]


def keep(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def overflow(page: Page) -> int:
    """How many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_pages_are_for_everybody_to_read(page: Page) -> None:
    """No finding of axe, no error of the browser or of the policy, in the desktop's size and in English."""
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    for name, path in PAGES.items():
        page.goto(path)
        assert violations(page) == [], name
        keep(page, f"{name}-desktop-en")
        assert overflow(page) <= 0, name
    assert troubles == []


def test_pages_fit_a_phone_in_chinese(page: Page, browser: Browser, served: Served) -> None:
    state = page.context.storage_state()
    phone = browser.new_context(viewport=PHONE, base_url=served.address, storage_state=state)  # type: ignore[arg-type]
    page = phone.new_page()
    page.goto("/")
    page.get_by_role("button", name="中文").click()
    for name, path in PAGES.items():
        page.goto(path)
        assert page.locator("html").get_attribute("lang") == "zh-CN"
        assert overflow(page) <= 0, name
        keep(page, f"{name}-phone-zh")
    assert violations(page) == []
    phone.close()


def test_the_fleet_is_live(page: Page, served: Served) -> None:
    page.goto("/")
    assert page.get_by_text("0.2.0-new").count() == 0
    now = datetime.now(UTC)
    state = BoxState(id="st-9", at=now, status="online", boot="boot-2", version="0.2.0-new", clock="trusted")
    ledger = Ledger(served.office.ledger)
    ledger.record([Arrival(box="b2", message=state)], seen_at=now)
    ledger.close()
    page.get_by_text("0.2.0-new").wait_for()


def test_a_case_is_taken_and_noted_with_the_keyboard(page: Page) -> None:
    page.goto(PAGES["case"])
    page.get_by_role("button", name="Take it").press("Enter")
    page.get_by_role("button", name="Give it back").wait_for()
    page.get_by_label("Note").fill("rang back")
    page.get_by_role("button", name="Keep").press("Enter")
    page.get_by_text("rang back").wait_for()


def test_the_command_speaks_https(served: Served) -> None:
    wait_for(served.tls_port, served.process, served.log)
    trusted = ssl.create_default_context(cafile=str(served.office.ca_certificate))
    with socket.create_connection(("localhost", served.tls_port), timeout=10) as plain:  # noqa: SIM117
        with trusted.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: secure.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Strict-Transport-Security" in answer
