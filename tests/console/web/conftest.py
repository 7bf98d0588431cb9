"""One office for all tests of the pages; a test that would be felt by another signs in as itself."""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from console.ledger import Ledger
from console.web import accounts
from console.web.application import make_app
from console.web.desk import Desk
from firmware.clock import SimulatedClock
from tests.console.made_office import make_office
from tests.console.web.web_world import NOW, NotedOrders, World, fill


@pytest.fixture(scope="session", autouse=True)
def hasher() -> Iterator[PasswordHasher]:
    """Return how passwords are really hashed: a tenth of a second each, so here they are hashed by a quicker one."""
    with pytest.MonkeyPatch.context() as patch:
        real = accounts._HASHER
        patch.setattr(accounts, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield real


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    office = make_office(tmp_path_factory.mktemp("web") / "office")
    ledger = Ledger(office.ledger)
    fill(office, ledger, NOW)
    clock, orders = SimulatedClock(NOW), NotedOrders()
    desk = Desk(ledger=ledger, office=office, clock=clock, orders=orders)
    app = make_app(desk)
    app.config["TESTING"] = True
    yield World(app=app, desk=desk, orders=orders, clock=clock)
    desk.remembered.close()
    ledger.close()
