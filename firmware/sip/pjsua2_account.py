"""How an account of ours is to pjsua2, and how many calls from outside it looks into."""

import time
from typing import Any

import pjsua2 as pj

from firmware.sip.wire import Account

MOST_AT_ONCE, MOST_A_SECOND = 8, 4
"""Calls from outside that the stack looks into."""
SESSION_S, SHORTEST_SESSION_S = 1800, 90
"""RFC 4028: how long a session lasts that nobody renews, and the least that we take."""


class GuardedEndpoint(pj.Endpoint):  # type: ignore[misc]
    """Turns a flood of calls away before the stack opens sockets for their sound.

    It has 64 in all and gives one back half a second after a call: 32 calls in that time end the process (an assertion).
    So calls beyond a few are given to an account that takes none without SIPS, which is found out before any socket.
    """

    def __init__(self) -> None:
        super().__init__()
        self._takes_nobody: Any = None
        self._left, self._since_s = float(MOST_AT_ONCE), 0.0

    def guard(self) -> None:
        """Have the account that takes nobody."""
        config = pj.AccountConfig()
        config.idUri = "sip:nobody@localhost"
        config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
        config.mediaConfig.srtpSecureSignaling = 2
        self._takes_nobody = pj.Account()
        self._takes_nobody.create(config)

    def unguard(self) -> None:
        """Let go of it, before the endpoint goes."""
        if self._takes_nobody is not None:
            self._takes_nobody.shutdown()
        self._takes_nobody = None

    def onSelectAccount(self, prm: Any) -> None:
        """Say which account a request from outside is for."""
        now_s = time.monotonic()
        self._left = min(MOST_AT_ONCE, self._left + (now_s - self._since_s) * MOST_A_SECOND)
        self._since_s = now_s
        if self._left < 1:
            prm.accountIndex = self._takes_nobody.getId()
        else:
            self._left -= 1


def account_config(account: Account) -> Any:
    """Return an account as pjsua2 wants it."""
    config = pj.AccountConfig()
    config.idUri = f"<sip:{account.user}@{account.domain}>"
    if account.registers:
        config.regConfig.registrarUri = f"sip:{account.domain};transport={account.transport}"
        config.regConfig.timeoutSec = account.register_s
        config.regConfig.firstRetryIntervalSec = account.retry_s
        config.regConfig.retryIntervalSec = 2 * account.retry_s
        config.regConfig.randomRetryIntervalSec = account.retry_s // 2
        config.natConfig.udpKaIntervalSec = account.keep_alive_s
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
    config.callConfig.timerSessExpiresSec, config.callConfig.timerMinSESec = SESSION_S, SHORTEST_SESSION_S
    if account.password:
        user = account.auth_user or account.user
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, account.password))
    if account.proxy:
        config.sipConfig.proxies.append(f"sip:{account.proxy};transport={account.transport};lr")
    if account.interface:
        config.mediaConfig.transportConfig.boundAddress = account.interface
    if account.is_srtp:
        config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
        config.mediaConfig.srtpSecureSignaling = 1
    return config
