"""A trunk of the settings as the SIP room wants it: engine chosen, password read when it is asked for."""

import os
import stat
from pathlib import Path

from firmware.settings import SettingsError
from firmware.settings_sections import TrunkSection
from firmware.sip.engine_process import SipEngineError
from firmware.sip.trunk import NoEngineError, Trunk, TrunkPlan, choose_engine
from firmware.sip.wire import Account

MAX_PASSWORD_BYTES = 256


def trunk_of(section: TrunkSection) -> Trunk:
    """Return the trunk; its password is read at every start of an engine. Raises SettingsError."""
    account = Account(
        user=section.user,
        domain=section.server,
        auth_user=section.auth_user or "",
        proxy=section.proxy or "",
        transport=section.transport,
        registers=section.register,
        register_s=section.register_s,
        keep_alive_s=section.keep_alive_s,
        codecs=section.codecs,
        is_srtp=section.srtp,
        ca_file=section.ca or "",
        interface=section.interface or "",
    )
    try:
        engine = choose_engine(section.engine, account)
    except NoEngineError as error:
        raise SettingsError(f"[[trunk]] {section.id!r}: {error}") from None
    plan = TrunkPlan(
        name=section.id,
        engine=engine,
        account=account,
        n_lines=section.lines,
        numbers=tuple(section.numbers),
        number_format=section.number_format,
    )
    return Trunk(plan, lambda: read_password(section))


def simulated_trunk(server: str, *, n_lines: int, numbers: tuple[str, ...]) -> Trunk:
    """Return a trunk to simulated people who answer at `server`, an address of this machine. Raises SettingsError."""
    account = Account(user="branch", domain=server, interface=server.partition(":")[0])
    try:
        engine = choose_engine("auto", account)
    except NoEngineError as error:
        raise SettingsError(str(error)) from None
    plan = TrunkPlan(name="trunk", engine=engine, account=account, n_lines=n_lines, numbers=numbers)
    return Trunk(plan)


def read_password(section: TrunkSection) -> str:
    """Return the account's password, "" where the settings name none. Raises SipEngineError."""
    if section.password_file is not None:
        path = Path(section.password_file)
    elif section.password_credential is not None:
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise SipEngineError(
                f"the service has no credentials: give it LoadCredential={section.password_credential}:FILE"
            )
        path = Path(folder) / section.password_credential
    else:
        return ""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SipEngineError(f"{path} can be read by others: chmod 0400 it")
        text = path.read_text(encoding="utf-8").strip("\r\n")
    except UnicodeDecodeError:
        raise SipEngineError(f"{path} holds no password: write it there as text, alone") from None
    except OSError as error:
        raise SipEngineError(f"{path}: {error.strerror}: put the SIP password there, mode 0400") from None
    if not text or len(text) > MAX_PASSWORD_BYTES or not text.isprintable() or set(text) & set('"\\'):
        raise SipEngineError(
            f"{path} holds no password that can be used: one line, without quotation marks and backslashes"
        )
    return text
