"""A web server with a release repository: it knows ranges, and can be told to cut a download off or to change it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class ReleaseServer:
    """Shows a folder; counts what it sends of bundles."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cut_after: int | None = None
        """Bytes of a bundle after which the connection breaks, once."""
        self.knows_ranges = True
        self.flips = False
        self.asked: list[tuple[str, str]] = []
        self.url = ""

    @contextmanager
    def running(self) -> Iterator["ReleaseServer"]:
        shown = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = shown.folder / self.path.lstrip("/")
                wanted = self.headers.get("Range", "")
                shown.asked.append((self.path, wanted))
                if not path.is_file():
                    self.send_error(404)
                    return
                body = path.read_bytes()
                start = int(wanted[6:].split("-")[0]) if wanted and shown.knows_ranges else 0
                is_bundle = "/targets/" in self.path
                if shown.flips and is_bundle:
                    body = bytes([body[0] ^ 1]) + body[1:]
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
                self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
                sent = body[start:]
                if is_bundle and shown.cut_after is not None:
                    sent, shown.cut_after = sent[: shown.cut_after], None
                self.wfile.write(sent)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                return

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()
