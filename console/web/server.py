"""The web server: one process with threads, since the ledger does the work; a few of them may be held by live pages."""

from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from console.ledger import Ledger
from console.office import Office
from console.web.application import make_app
from console.web.campaign_pages import COUNTS as CAMPAIGN_COUNTS
from console.web.campaign_pages import campaign_counts
from console.web.case_pages import COUNTS as CASE_COUNTS
from console.web.case_pages import open_cases
from console.web.desk import Desk
from console.web.measure_pages import prepare_usual_figures
from console.web.ordering import BrokerOrders
from firmware.clock import SystemClock

THREADS = 24
STOP_WITHIN_S = 3


def serve(office: Office, *, host: str, port: int, tls_cert: Path | None, tls_key: Path | None) -> None:
    """Serve until SIGINT or SIGTERM; it ends the process."""
    settings: dict[str, Any] = {
        "bind": [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"],
        "worker_class": "gthread",
        "threads": THREADS,
        "graceful_timeout": STOP_WITHIN_S,
        "keepalive": 5,
        "forwarded_allow_ips": "127.0.0.1,::1",
        "accesslog": None,  # addresses of pages hold ids of people; the ledger's own log says who looked at what
        "errorlog": "-",
        "loglevel": "warning",
        "proc_name": "branchline-console web",
    }
    if tls_cert is not None:
        settings |= {"certfile": str(tls_cert), "keyfile": str(tls_key)}
    _Server(office, settings).run()


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, office: Office, settings: dict[str, Any]) -> None:
        self._office = office
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)
        if "control_socket_disable" in self.cfg.settings:
            self.cfg.set("control_socket_disable", True)

    def load(self) -> Flask:
        # In the worker, after the fork: a database connection has one owner.
        ledger, clock = Ledger(self._office.ledger), SystemClock()
        orders = BrokerOrders(self._office, ledger, clock)
        desk = Desk(ledger=ledger, office=self._office, clock=clock, orders=orders)
        app = make_app(desk)
        prepare(desk)
        return app


def prepare(desk: Desk) -> None:
    """Count, behind the pages, what counts over every call: whoever comes first need not wait for it."""
    desk.remembered.prepare(CAMPAIGN_COUNTS, lambda: campaign_counts(desk))
    desk.remembered.prepare(CASE_COUNTS, lambda: open_cases(desk))
    prepare_usual_figures(desk)
