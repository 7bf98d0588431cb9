"""Everything that the page and the technician's console say, in English and Chinese: what is the matter and what to do."""

import re
from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "zh"]
Both = tuple[str, str]
"""English, Chinese."""

VERDICTS: Mapping[str, Both] = {
    "working": ("The box is working", "设备工作正常"),
    "waiting": ("The box is fine and is waiting", "设备正常，正在等待"),
    "attention": ("The box needs your help", "设备需要您处理"),
}
DIALLING: Mapping[str, Both] = {
    "yes": ("It may place calls now.", "现在可以拨打电话。"),
    "no_line": ("No telephone line is ready. No calls until one is.", "没有可用的电话线路，暂不能呼叫。"),
    "starting": ("It has just started. Wait a minute.", "设备刚刚启动，请等一分钟。"),
    "stopping": ("It is shutting down.", "设备正在关机。"),
    "stopped": ("Head office has stopped all calls.", "总部已停止全部呼叫。"),
    "closed": (
        "It is outside the hours in which head office lets it call.",
        "现在不在总部规定的呼叫时段内。",
    ),
    "held": ("A technician is working on it. No new calls begin.", "技术人员正在维护，暂不发起新呼叫。"),
    "database": ("Its database cannot be used. No calls are placed.", "数据库无法使用，已停止呼叫。"),
    "disk": ("Its storage is full. No calls are placed.", "存储空间已满，已停止呼叫。"),
    "gate": (
        "Its rules of calling failed their self-check. No calls are placed.",
        "呼叫规则自检未通过，已停止呼叫。",
    ),
    "clock": ("It is waiting for the right time. No calls until then.", "正在等待校准时间，校准前不呼叫。"),
    "lease": ("It waits for head office to confirm who must not be called.", "正在等待总部确认免打扰名单。"),
    "rules": ("The rules of calling wait for somebody's approval.", "呼叫规则尚待人工批准。"),
    "audit": ("Its log of decisions is damaged. No calls are placed.", "审计日志已损坏，已停止呼叫。"),
    "unfit": ("A rule keeps it from calling now.", "当前有规则不允许呼叫。"),
}
ALARMS: Mapping[str, tuple[Both, Both]] = {
    # Code: what is the matter, what to do.
    "stopped": (
        ("Head office has stopped all calls", "总部已停止全部呼叫"),
        ("Nothing to do here.", "这里无需操作。"),
    ),
    "database": (
        ("The box cannot use its database", "设备无法使用数据库"),
        ("Call a technician. Do not unplug the box.", "请联系技术人员，不要拔掉电源。"),
    ),
    "disk": (
        ("The storage is full", "存储空间已满"),
        ("Tell head office: recordings must be fetched.", "请通知总部：需要取走录音。"),
    ),
    "disk_low": (
        ("The storage is getting full", "存储空间不足"),
        ("Tell head office this week.", "请在本周内通知总部。"),
    ),
    "gate": (
        ("The rules of calling failed their self-check", "呼叫规则自检未通过"),
        ("Call a technician: the firmware must be installed again.", "请联系技术人员重新安装固件。"),
    ),
    "clock": (
        ("The box is waiting for the right time", "设备正在等待校准时间"),
        (
            "Check the network cable and wait ten minutes. If it stays, call a technician.",
            "请检查网线并等待十分钟；若仍未恢复，请联系技术人员。",
        ),
    ),
    "lease": (
        ("Head office has not confirmed who must not be called", "总部尚未确认免打扰名单"),
        ("Check the network cable. Then ask head office.", "请检查网线，然后询问总部。"),
    ),
    "rules": (
        ("Rules of calling wait for approval", "呼叫规则尚待批准"),
        ("Ask head office to approve the rule packs of this box.", "请总部批准本设备的规则包。"),
    ),
    "audit": (
        ("The log of decisions is damaged", "审计日志已损坏"),
        ("Call a technician. Leave the box switched on.", "请联系技术人员，并保持设备通电。"),
    ),
    "unfit": (
        ("A rule keeps the box from calling", "有规则不允许呼叫"),
        ("Call a technician.", "请联系技术人员。"),
    ),
    "overlay": (
        ("The box's own tighter rules are not in force", "本机的附加规则未生效"),
        ("Call a technician.", "请联系技术人员。"),
    ),
    "release": (
        ("The rules that head office sent cannot be used", "总部下发的规则无法使用"),
        ("Tell head office.", "请通知总部。"),
    ),
    "no_lines": (
        ("No telephone line is set up", "尚未设置电话线路"),
        ("Call a technician.", "请联系技术人员。"),
    ),
    "line_absent": (
        ("Modem not found", "找不到调制解调器"),
        ("Check that its USB plug sits firmly.", "请检查其 USB 插头是否插紧。"),
    ),
    "line_pin": (
        ("The SIM card asks for its PIN", "SIM 卡需要输入 PIN 码"),
        ("A technician must enter the PIN.", "请技术人员输入 PIN 码。"),
    ),
    "line_puk": (
        ("The SIM card is locked (PUK)", "SIM 卡已锁定（PUK）"),
        ("Unlock the card in a telephone, or have it replaced.", "请在手机上解锁，或更换 SIM 卡。"),
    ),
    "line_sim": (
        ("No usable SIM card", "没有可用的 SIM 卡"),
        ("Check that the SIM card sits firmly in the modem.", "请检查 SIM 卡是否插好。"),
    ),
    "line_network": (
        ("No mobile network", "没有移动网络"),
        ("Check the antenna. Try another place near a window.", "请检查天线，或移到靠窗处。"),
    ),
    "line_sound": (
        ("The sound of calls does not work", "通话没有声音"),
        (
            "Pull the modem's USB plug, wait ten seconds, put it back.",
            "请拔下该调制解调器的 USB，十秒后再插上。",
        ),
    ),
    "line_dead": (
        ("The modem does not recover by itself", "调制解调器无法自行恢复"),
        (
            "Pull its USB plug, wait ten seconds, put it back. Then call a technician.",
            "请拔插其 USB；若无效，请联系技术人员。",
        ),
    ),
    "line_unwell": (
        ("The modem is being repaired by the box", "设备正在修复调制解调器"),
        ("Wait ten minutes.", "请等待十分钟。"),
    ),
    "line_starting": (("The modem is starting", "调制解调器正在启动"), ("Wait a minute.", "请等一分钟。")),
    "console_away": (
        ("No connection to head office", "与总部的连接已断开"),
        (
            "Check the network cable. Results are kept and sent later.",
            "请检查网线。结果已保存，稍后自动上传。",
        ),
    ),
    "uplink_old": (
        ("Results have waited long for head office", "结果等待上传已久"),
        ("Tell head office.", "请通知总部。"),
    ),
    "too_hot": (
        ("The box is too hot", "设备温度过高"),
        ("Give it air, and keep it out of the sun.", "请保持通风，避免阳光直射。"),
    ),
    "under_voltage": (
        ("The power supply is too weak", "供电不足"),
        (
            "Use the power supply and the cable that came with the box. Plug nothing else into it.",
            "请使用设备原配的电源和电源线，不要在设备上插接其他电器。",
        ),
    ),
    "memory_low": (
        ("The box is short of memory", "设备内存不足"),
        ("Tell head office this week.", "请在本周内通知总部。"),
    ),
    "card_worn": (
        ("The memory card is nearly worn out", "存储卡寿命将尽"),
        (
            "Tell head office this week: the card must be replaced. It still works.",
            "请在本周内通知总部更换存储卡，目前仍可使用。",
        ),
    ),
    "certificate_ending": (
        ("The box's certificate ends soon", "设备证书即将到期"),
        ("Tell head office today: they must renew it.", "请今天通知总部续签证书。"),
    ),
    "line_unsteady": (
        ("The modem had to be repaired again and again", "调制解调器反复需要修复"),
        ("Check its USB plug, its antenna and its power.", "请检查其 USB 插头、天线和供电。"),
    ),
}
LINE_STATUS: Mapping[str, Both] = {
    "absent": ("not there", "未找到"),
    "starting": ("starting", "启动中"),
    "searching": ("searching for a network", "搜索网络中"),
    "ready": ("ready", "就绪"),
    "in_call": ("in a call", "通话中"),
    "faulted": ("out of order", "故障"),
}
GROUPS: Mapping[str, Both] = {
    "right_party": ("Spoke with the customer", "与本人通话"),
    "other_person": ("Somebody else answered", "他人接听"),
    "machine": ("Answering machine or fax", "语音信箱或传真"),
    "no_answer": ("No answer or busy", "无人接听或占线"),
    "bad_number": ("Number not in service", "号码不可用"),
    "not_made": ("Failed or cancelled", "失败或取消"),
}
PAGE: Mapping[str, Both] = {
    "title": ("Branchline box", "Branchline 呼叫设备"),
    "skip": ("Skip to content", "跳到正文"),
    "other_language": ("中文", "English"),
    "what_to_do": ("What should I do?", "我该怎么办？"),
    "nothing_to_do": ("Nothing. Leave it switched on.", "无需操作，请保持通电。"),
    "lines": ("Telephone lines", "电话线路"),
    "line": ("Line", "线路"),
    "standing": ("State", "状态"),
    "signal": ("Signal", "信号"),
    "operator": ("Network", "运营商"),
    "bars": ("{n} of 4 bars", "{n}/4 格"),
    "no_signal": ("not measured", "未测得"),
    "today": ("Calls today", "今日呼叫"),
    "none_today": ("No calls yet today.", "今天还没有呼叫。"),
    "calls": ("calls", "次呼叫"),
    "by_hour": ("Calls by the hour", "每小时呼叫数"),
    "hour": ("Hour", "时段"),
    "reached": ("Somebody reached", "已接通"),
    "not_reached": ("Nobody reached", "未接通"),
    "result": ("Result", "结果"),
    "number_of": ("Calls", "次数"),
    "queue": ("Still to call", "待呼叫"),
    "people": ("People on the lists", "名单中的人数"),
    "next_call": ("Next call at the earliest", "最早的下次呼叫"),
    "now": ("now", "现在"),
    "nobody": ("nobody is waiting", "没有等待的人"),
    "on_hold": ("when head office allows it again", "待总部恢复后"),
    "head_office": ("Head office", "总部"),
    "connection": ("Connection", "连接"),
    "connected": ("connected", "已连接"),
    "not_connected": ("not connected", "未连接"),
    "waiting_to_sync": ("Waiting to be sent", "等待上传"),
    "messages": ("messages", "条"),
    "oldest": ("the oldest for", "最早的已等待"),
    "time": ("Time", "时间"),
    "right_time": ("The clock is right.", "时钟准确。"),
    "wrong_time": ("Waiting for the right time.", "正在等待校准时间。"),
    "as_of": ("As of", "截至"),
    "refresh": ("Load again", "刷新"),
    "keep_fresh": ("Load again every minute", "每分钟自动刷新"),
    "stay": ("Stop loading again", "停止自动刷新"),
    "no_data": ("The box cannot say how it is", "设备无法显示状态"),
    "try_again": (
        "Load the page again in a minute. If it stays, call a technician.",
        "请一分钟后刷新；若仍如此，请联系技术人员。",
    ),
    "version": ("Version", "版本"),
}


_CLOCK_ZH = (
    # What firmware.host.clock_trust says of the clock.
    (
        r"waiting for the time: (.+) vouches for it so far, .*",
        r"正在等待校准：目前可作证的来源：\1；NTP、总部、移动网络三者须有两者一致",
    ),
    (
        r"the clock shows (.+), before the last decision at (.+): .*",
        r"时钟显示 \1，早于最近一次判定 \2，请校准",
    ),
    (r"the time of the (.+) differs by (\d+) s: .*", r"与\1的时间相差 \2 秒，请校准其中之一"),
    (r"the clock went back to (.+)", r"时钟被拨回到 \1"),
    (r"(.+) agree", r"\1一致"),
    (r"simulated", "模拟时间"),
)
_CLOCK_WORDS_ZH = {"nothing": "无", "console": "总部", "mobile network": "移动网络", " and ": "、"}


def clock_words(reason: str, language: Language) -> str:
    """Return why the clock is believed, or not, in one language."""
    if language == "en":
        return reason
    for pattern, chinese in _CLOCK_ZH:
        if found := re.fullmatch(pattern, reason):
            shown = found.expand(chinese)
            for english, word in _CLOCK_WORDS_ZH.items():
                shown = shown.replace(english, word)
            return shown
    return reason


def say(words: Both, language: Language) -> str:
    """Return the words in one language."""
    return words[1 if language == "zh" else 0]


def for_how_long(seconds: float, language: Language) -> str:
    """Return a duration as people say it, in its largest unit."""
    for unit_s, english, chinese in ((86400, "d", "天"), (3600, "h", "小时"), (60, "min", "分钟")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.0f} {english if language == 'en' else chinese}"
    return f"{seconds:.0f} {'s' if language == 'en' else '秒'}"
