"""What `branchline check` tries of a SIP trunk: its engine started, its account at the registrar, its TLS library's age."""

import asyncio

from firmware.daemon.sip_trunks import trunk_of
from firmware.settings import SettingsError
from firmware.settings_sections import TrunkSection

TRUNK_LIMIT_S = 20.0


async def try_trunk(section: TrunkSection) -> tuple[bool, str]:
    """Start the trunk's engine, register once and take leave, and say how that went; nobody is called."""
    try:
        trunk = trunk_of(section)
    except SettingsError as error:
        return False, str(error)
    state, stirred = trunk.state_of(0), asyncio.Event()
    try:
        async with asyncio.timeout(TRUNK_LIMIT_S), trunk.served(stirred.set):
            while True:
                state = trunk.state_of(0)
                failed = not state.is_up and state.n_restarts
                if failed or state.is_registered or state.code or (state.is_up and not section.register):
                    break
                stirred.clear()
                await stirred.wait()
    except TimeoutError:
        pass
    passed = state.is_up and (state.is_registered or not section.register)
    standing = "registered" if state.is_registered else state.detail
    if state.is_up and not section.register:
        standing = "the engine runs; without registration a call alone shows whether the server takes it"
    carries = f"{state.engine} with {state.tls}" if state.engine else ""
    aged = (
        '; its TLS library is past its end of life: prefer a VPN over transport = "tls"'
        if (state.tls and section.transport == "tls")
        else ""
    )
    return passed, ", ".join(part for part in (carries, standing) if part) + aged
