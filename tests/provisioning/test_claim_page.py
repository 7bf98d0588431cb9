"""The page of a machine that is no box yet: code, QR code and what to do, in two languages, for neighbours alone."""

import asyncio
from html.parser import HTMLParser
from pathlib import Path

import pytest

from firmware.local.web import open_page
from provisioning.claim_page import ClaimDoor, page
from provisioning.claim_screen import ClaimBoard, ClaimStanding
from provisioning.layout import Layout

WAITING = ClaimStanding(state="waiting", code="7K3M-Q9XD-4TPA", serial="10000000a1b2c3d4")


async def fetch(board: ClaimBoard, request: str) -> str:
    async with open_page(ClaimDoor(board, language="zh"), host="127.0.0.1", port=0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request.replace("\n", "\r\n").encode())
        try:
            return (await reader.read()).decode()
        finally:
            writer.close()


def ask(
    board: ClaimBoard, path: str = "/", host: str = "192.168.1.20", method: str = "GET", more: str = ""
) -> str:
    return asyncio.run(
        asyncio.wait_for(
            fetch(board, f"{method} {path} HTTP/1.1\nHost: {host}\nConnection: close\n{more}\n"), 10
        )
    )


@pytest.fixture
def board(tmp_path: Path) -> ClaimBoard:
    made = ClaimBoard(Layout(root=tmp_path))
    made.put(WAITING)
    return made


def test_it_shows_the_code_and_what_to_do(board: ClaimBoard) -> None:
    shown = ask(board)
    assert shown.startswith("HTTP/1.1 200")
    assert "7K3M-Q9XD-4TPA" in shown
    assert "批准后本机即可使用" in shown
    assert "<svg" in shown
    assert "BRANCHLINE-CLAIM:7K3M-Q9XD-4TPA:10000000A1B2C3D4" in shown
    assert "default-src 'none'" in shown
    assert "Tell head office the code" in ask(board, "/?lang=en")
    assert "Tell head office the code" in ask(board, more="Accept-Language: de, en;q=0.5\n")
    board.put(ClaimStanding(state="refused", code="7K3M-Q9XD-4TPA", detail="<b>used</b>"))
    assert "&lt;b&gt;used&lt;/b&gt;" in ask(board)
    board.clear()
    assert "branchline-claim.toml" in ask(board)


def test_it_is_read_by_its_own_name_alone(board: ClaimBoard) -> None:
    assert ask(board, host="evil.example.org").startswith("HTTP/1.1 421")
    assert ask(board, method="POST").startswith("HTTP/1.1 405")
    assert ask(board, "/metrics").startswith("HTTP/1.1 404")
    assert ask(board, "/healthz").startswith("HTTP/1.1 200")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_is_whole_html(language: str) -> None:
    class Whole(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in {"meta", "path"}:
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in {"meta", "path"}:
                assert self.open.pop() == tag

    parser = Whole()
    parser.feed(page(WAITING, "zh" if language == "zh" else "en"))
    assert parser.open == []
