"""`user` and `web` on the command line, and orders that go through a real broker."""

import asyncio
import io
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from console.command_web import is_loopback, parse_listen
from console.ledger import Ledger
from console.office import Office
from console.web.ordering import BrokerOrders
from firmware.clock import SimulatedClock
from firmware.sync.messages import Ack, Control, Downlink
from tests.console.made_office import make_office
from tests.console.web.web_world import NOW, PASSWORD


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_office(tmp_path_factory.mktemp("commands") / "office").folder


def run(folder: Path, *words: str) -> int:
    """Return how the command ended."""
    with pytest.raises(SystemExit) as ended:
        main(["--office", str(folder), *words])
    return int(ended.value.code or 0)


def test_users_are_added_listed_changed_and_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    assert run(folder, "user", "add", "li", "--role", "supervisor") == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert run(folder, "user", "password", "li") == 1
    assert "12 to 200 characters" in capsys.readouterr().err
    assert run(folder, "user", "list", "--json") == 0
    assert '"role": "supervisor"' in capsys.readouterr().out
    assert run(folder, "user", "remove", "li") == 0
    assert run(folder, "user", "remove", "li") == 1
    assert "user add li" in capsys.readouterr().err
    assert PASSWORD.encode() not in (folder / "ledger.db").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--listen", "0.0.0.0:8080"], "--tls-cert and --tls-key"),
        (["--listen", "127.0.0.1:8080", "--tls-cert", "x.pem"], "both --tls-cert and --tls-key"),
        (["--tls-cert", "x.pem", "--tls-key", "y.pem"], "no such file"),
    ],
)
def test_web_says_what_it_needs(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert run(folder, "web", *words) == 1
    assert said in " ".join(capsys.readouterr().err.split())


def test_addresses() -> None:
    assert parse_listen("[::1]:8080") == ("::1", 8080)
    assert [is_loopback(host) for host in ("::1", "127.0.0.5", "localhost", "0.0.0.0", "example.org")] == [
        True, True, True, False, False,
    ]  # fmt: skip


Play = Callable[[Office, str], AbstractAsyncContextManager[Any]]


@pytest.mark.parametrize(("accepted", "said"), [(True, "done"), (False, "unknown_campaign")])
def test_a_box_answers_an_order(
    office: Office, broker: object, play: Play, clock: SimulatedClock, accepted: bool, said: str
) -> None:
    """Signed, through the broker's rules, and kept in the ledger like every answer."""
    ledger = Ledger(office.ledger)

    def answer(message: Downlink) -> Ack | None:
        if not isinstance(message, Control):
            return None
        reason = "" if accepted else said
        return Ack(
            id="ack-1", at=NOW, stream="s1", seq=1, about=message.id, kind="control", accepted=accepted, reason=reason
        )  # fmt: skip

    async def order() -> tuple[str, list[Downlink]]:
        async with play(office, "b1") as box:
            box.answer = answer
            orders = BrokerOrders(office, ledger, clock)
            answered = await asyncio.to_thread(orders.control, "b1", "nov", "pause", "order-1")
            return answered, list(box.heard)

    answered, heard = asyncio.run(order())
    ledger.close()
    assert answered == said
    control = next(each for each in heard if isinstance(each, Control))
    assert (control.action, control.campaign, control.id) == ("pause", "nov", "order-1")


def test_a_box_that_is_away_is_not_waited_for(
    office: Office, broker: object, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.web.ordering.ANSWER_S", 0.1)
    ledger = Ledger(office.ledger)
    assert BrokerOrders(office, ledger, clock).control("b1", "nov", "cancel", "order-2") == "waits"
    ledger.close()
