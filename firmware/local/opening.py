"""Opens the box's local doors beside the daemon. One that cannot be opened is said in the log; the calls go on without it."""

import contextlib
from collections.abc import AsyncIterator

import structlog

from firmware.local.deeds import LIMITS_S, Deeds
from firmware.local.looking import Looker
from firmware.local.server import LocalDoorError, LocalServer, open_socket
from firmware.local.socket_path import path_to_bind
from firmware.settings import Settings

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def open_local_doors(settings: Settings, looker: Looker, deeds: Deeds) -> AsyncIterator[None]:
    """Serve the socket, and the page where the settings ask for it, while the block runs."""
    async with contextlib.AsyncExitStack() as doors:
        doors.callback(deeds.close)
        path = path_to_bind(settings)
        try:
            await doors.enter_async_context(
                open_socket(path, LocalServer(deeds.by_name(), limits_s=LIMITS_S))
            )
        except LocalDoorError as error:
            log.error("local_socket_closed", reason=str(error))
        page = settings.status_page
        if page.bind:
            from firmware.local.web import StatusDoor, open_page  # noqa: PLC0415 - memory of a box without a page

            door = StatusDoor(looker.look, box=settings.box.id, language=settings.box.language)
            try:
                port = await doors.enter_async_context(open_page(door, host=page.bind, port=page.port))
            except OSError as error:
                log.error("status_page_closed", bind=page.bind, port=page.port, reason=error.strerror)
            else:
                log.info("status_page", bind=page.bind, port=port)
        yield
