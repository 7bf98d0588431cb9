"""What became of short messages, and why, in the reader's language."""

from collections.abc import Mapping

from console.web.box_words import Both, rule_word

STATES: Mapping[str, Both] = {
    "sent": ("sent", "已发送"),
    "delivered": ("delivered", "已送达"),
    "failed": ("not delivered", "未送达"),
    "uncertain": ("perhaps sent, not sent again", "可能已发送，不再重发"),
    "refused": ("not sent", "未发送"),
    "expired": ("too late, not sent", "已过期，未发送"),
}
WHY: Mapping[str, Both] = {
    "campaign-limit": ("the campaign's limit for one person is reached", "已达本任务对同一人的短信上限"),
    "cancelled": ("the campaign was cancelled", "任务已取消"),
    "cut_short": ("the box stopped while it was being sent", "发送过程中盒子停机"),
    "fault": ("a fault of the box", "盒子故障"),
    "in_call": ("the person was in a call", "当时正与本人通话"),
    "incomplete": ("a value that the text needs is missing", "缺少短信所需的内容"),
    "line_not_ready": ("no line was ready", "线路未就绪"),
    "no answer in time": ("the modem did not answer", "调制解调器无响应"),
    "no_line": ("no line could send it in its time", "期限内没有可用线路"),
    "no_text": ("the campaign has no such text", "任务中没有该短信内容"),
    "paused": ("the campaign is paused", "任务已暂停"),
    "recalled": ("the person was taken off the list", "已从名单中撤回"),
    "too_long": ("the text is too long", "短信过长"),
    "unspeakable": ("the conversation is not usable", "话术不可用"),
    "unverified": ("the person was not verified", "未核实本人身份"),
}
NETWORK: Both = ("the network could not deliver it ({code})", "网络无法送达（{code}）")
MODEM: Both = ("the modem refused it ({code})", "调制解调器拒绝发送（{code}）")
_NETWORK_CODE = "network_status_"


def state_word(state: str, language: str) -> str:
    """Return what became of a message; an unknown word, as of a newer box, stays."""
    return _in(STATES[state], language) if state in STATES else state


def why_word(reason: str, language: str) -> str:
    """Return why: a word of the box, the network's or modem's code, or the rule that stood against it."""
    if not reason:
        return ""
    if reason in WHY:
        return _in(WHY[reason], language)
    if reason.startswith(_NETWORK_CODE):
        return _in(NETWORK, language).format(code=reason.removeprefix(_NETWORK_CODE))
    if "Error" in reason:
        return _in(MODEM, language).format(code=reason)
    return rule_word(reason, "", language)


def _in(both: Both, language: str) -> str:
    return both[1] if language == "zh" else both[0]
