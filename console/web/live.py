"""Parts of pages that keep themselves up to date: server-sent events with the part as HTML, when it has changed."""

import time
from collections.abc import Callable, Iterator

from flask import Response, abort, stream_with_context

from console.web.desk import desk

LOOK_EVERY_S = 2.0
LIFE_S = 120.0
"""Then the browser asks again, and is asked again who it is."""
KEEP_ALIVE_S = 15.0


def live(render: Callable[[], str]) -> Response:
    """Return a stream of what `render` returns; 503 when too many are watching already."""
    streams = desk().streams
    if not streams.acquire(blocking=False):
        abort(503)

    def events() -> Iterator[str]:
        end_s = time.monotonic() + LIFE_S
        last, said_s = "", time.monotonic()
        yield "retry: 3000\n\n"
        while time.monotonic() < end_s:
            if (now := render()) != last:
                last, said_s = now, time.monotonic()
                yield "".join(f"data: {line}\n" for line in now.splitlines()) + "\n"
            elif time.monotonic() > said_s + KEEP_ALIVE_S:
                said_s = time.monotonic()
                yield ": still here\n\n"  # finds out that nobody listens any more
            time.sleep(LOOK_EVERY_S)

    response = Response(stream_with_context(events()), mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(streams.release)
    return response
