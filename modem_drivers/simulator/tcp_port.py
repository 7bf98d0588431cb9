"""The AT port on a TCP socket of this machine, for programs such as oFono that want one."""

import asyncio

from modem_drivers.simulator.pty_modem import PtyModem

_READ_BYTES = 4096
_UNSENT_LIMIT_BYTES = 65536


class TcpListener:
    """One connected client; what it does not read is lost."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def write(self, data: bytes) -> None:
        """Send to the client."""
        if self._writer.transport.get_write_buffer_size() < _UNSENT_LIMIT_BYTES:
            self._writer.write(data)

    def close(self) -> None:
        """Hang up on the client: the modem is gone."""
        self._writer.close()


async def serve(modem: PtyModem, port: int) -> asyncio.Server:
    """Serve the modem's AT port on 127.0.0.1; one client at a time, a second is turned away. Raises OSError."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if modem.listener is not None or not modem.is_plugged:
            writer.close()
            return
        modem.listener = TcpListener(writer)
        try:
            while data := await reader.read(_READ_BYTES):
                modem.modem.on_host_bytes(data)
        except ConnectionError:
            pass  # a client that breaks off is a client that leaves
        finally:
            modem.listener = None
            writer.close()

    return await asyncio.start_server(talk, "127.0.0.1", port)
