"""What boxes send as codes and as text, in the reader's language: events, reasons, how calls ended, why nothing is dialled."""

from collections.abc import Mapping

from firmware.compliance.explanations import REASONS as RULES
from firmware.compliance.explanations import explain

Both = tuple[str, str]
"""English, Chinese."""

EVENTS: Mapping[str, Both] = {
    "audit_log_broken": ("the log of decisions is damaged; nothing is dialled", "审计日志损坏，已停止拨打"),
    "callers_not_answered": ("people who call in are not answered", "来电无人应答"),
    "callers_turned_away": ("people who call in are turned away", "来电被拒绝"),
    "campaign_done": ("a campaign is finished", "任务已完成"),
    "card_worn": ("the memory card is nearly worn out", "存储卡寿命将尽"),
    "certificate_ending": ("the box's certificate ends soon", "盒子证书即将到期"),
    "certificate_refused": ("the broker refuses the new certificate", "服务器拒绝新证书"),
    "certificate_renewed": ("the box has a new certificate", "盒子证书已更新"),
    "clock_untrusted": ("the clock is not believed; nothing is dialled", "时间不可信，已停止拨打"),
    "config_on_trial": ("a new configuration is tried", "正在试用新配置"),
    "config_rolled_back": ("a new configuration failed and was taken back", "新配置未通过，已恢复原配置"),
    "database_restored": ("the database was restored; dialling is stopped", "数据库已恢复，拨打已停止"),
    "disk_low": ("the disk is getting full", "存储空间不足"),
    "disk_enough": ("the disk has room again", "存储空间已恢复"),
    "disk_scarce": ("the disk is nearly full; nobody is called", "存储空间将满，已停止拨打"),
    "handed_over": ("a call was handed over to a person", "通话已转人工"),
    "legal_hold_refused": ("a legal hold could not be kept", "无法执行法律保留"),
    "line_faulted": ("a line is out of order", "线路故障"),
    "line_out": ("a line has not been ready for long", "线路长时间未就绪"),
    "line_ready": ("a line is ready", "线路就绪"),
    "line_unsteady": ("a modem had to be treated again and again", "调制解调器反复需要修复"),
    "memory_low": ("little memory is left", "内存不足"),
    "policy_in_force": ("rules of calling came into force", "呼叫规则已生效"),
    "policy_release_unusable": ("the rules that were sent cannot be used", "下发的规则无法使用"),
    "policy_waiting": ("rules of calling wait for approval", "呼叫规则尚待批准"),
    "recordings_never_fetched": ("recordings end soon that nobody fetched", "有录音即将删除而从未取走"),
    "retention_waits": ("something is kept past its time", "有资料超过保存期限"),
    "sim_locked": ("a SIM card is locked", "SIM 卡已锁定"),
    "started": ("the box has started", "盒子已启动"),
    "too_hot": ("the box is too hot", "盒子温度过高"),
    "update_failed": ("an update failed and was taken back", "更新失败，已恢复原版本"),
    "update_good": ("an update is in use", "更新已启用"),
    "under_voltage": ("the power supply is too weak", "供电不足"),
}
OVER: Both = ("over: {what}", "已恢复：{what}")
"""An alarm that has ended: its name and ``_over``."""
REASONS: Mapping[str, Both] = {
    "bad_arguments": ("the command's arguments will not do", "命令参数不正确"),
    "campaign_over": ("the campaign is over", "任务已结束"),
    "cancelled": ("the campaign was cancelled", "任务已取消"),
    "expired": ("it came too late", "已过期"),
    "flow_refused": ("the conversation is not usable", "话术不可用"),
    "ill_typed": ("a value is of the wrong kind", "数据类型不正确"),
    "malformed": ("the message makes no sense", "消息格式错误"),
    "missing_var": ("something that the conversation says is missing", "缺少话术所需的内容"),
    "no_valid_key": ("no key for it is valid", "没有有效的密钥"),
    "old_version": ("a newer one is there already", "已有更新的版本"),
    "unknown_campaign": ("the box does not know the campaign", "盒子没有此任务"),
    "unknown_command": ("the box does not know the command", "盒子不支持此命令"),
    "unknown_contact": ("no list still has the contact", "名单中已无此联系人"),
    "unknown_line": ("the box has no such line", "盒子没有此线路"),
}
CLAIM_REASONS: Mapping[str, Both] = {
    "bad_request": ("the request makes no sense", "请求格式错误"),
    "box_exists": ("a box of that name is there already", "已有同名盒子"),
    "code_expired": ("its code has ended", "验证码已过期"),
    "file_expired": ("its claim file has ended", "入网文件已过期"),
    "refused": ("a person here refused it", "已被人工拒绝"),
    "unknown_file": ("its claim file was not made here", "入网文件并非由此签发"),
    "used": ("its claim file is used up", "入网文件已被使用"),
}
CAUSES: Mapping[str, Both] = {
    "busy": ("busy", "占线"),
    "call_restricted": ("call barred", "呼叫受限"),
    "congestion": ("network congested", "网络拥塞"),
    "cut_short": ("the box stopped in the call", "盒子在通话中停机"),
    "forwarded": ("forwarded elsewhere", "已转移到别处"),
    "local_fault": ("a fault of the box", "盒子故障"),
    "network_fault": ("a fault of the network", "网络故障"),
    "no_answer": ("no answer", "无人接听"),
    "powered_off": ("phone switched off", "已关机"),
    "rejected": ("rejected", "拒接"),
    "released_by_callee": ("the person called", "对方挂断"),
    "released_by_us": ("the box", "我方挂断"),
    "unknown": ("nobody knows", "原因不明"),
    "unreachable": ("not reachable", "无法接通"),
    "vacant_number": ("number not in use", "空号"),
}
DIALLING: Mapping[str, Both] = {
    "yes": ("yes", "是"),
    "starting": ("starting", "启动中"),
    "stopping": ("stopping", "正在停止"),
    "stopped by the console": ("stopped by the office", "已由总部停止"),
    "outside the hours that the console set": ("outside the hours that the office set", "不在总部规定的时段"),
    "the disk is nearly full": ("the disk is nearly full", "存储空间将满"),
    "the gate failed its self-check": ("the rules failed their self-check", "规则自检未通过"),
}
"""By how the box's own words begin."""


def event_word(name: str, language: str) -> str:
    """Return what an event is; an unknown one, as of a newer box, by its name."""
    ended = name.removesuffix("_over")
    if name not in EVENTS and ended != name and ended in EVENTS:
        return of(OVER, language).format(what=of(EVENTS[ended], language))
    return _known(EVENTS, name, language)


def reason_word(name: str, language: str) -> str:
    """Return why a box refused something."""
    return _known(REASONS, name, language)


def claim_word(name: str, language: str) -> str:
    """Return why a machine was not made a box."""
    return _known(CLAIM_REASONS, name, language)


def cause_word(name: str, language: str) -> str:
    """Return how a call ended."""
    return _known(CAUSES, name, language)


def dialling_word(said: str, language: str) -> str:
    """Return whether and why not a box dials; it says a rule and its words, or words of its own."""
    rule = said.partition(":")[0]
    if rule in RULES:
        return rule_word(rule, said.partition(":")[2].strip(), language)
    fitting = next((both for begin, both in DIALLING.items() if said.startswith(begin)), None)
    return said if fitting is None else of(fitting, language)


def rule_word(rule: str, said: str, language: str) -> str:
    """Return why a rule stands against a call: as the box said it if it speaks the reader's language, else by the rule."""
    if said and _is_chinese(said) == (language == "zh"):
        return said
    return explain("refuse", rule, detail="", until=None, zones=(), language=language)


def _known(words: Mapping[str, Both], name: str, language: str) -> str:
    both = words.get(name)
    return name if both is None else of(both, language)


def of(both: Both, language: str) -> str:
    """Return the one of both that is in the language."""
    return both[1] if language == "zh" else both[0]


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)
