"""The gate's rules in words that a branch clerk understands, Chinese and English."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

# Keyed by rule id or by the start of one; the longest key that fits is taken.
REASONS: dict[str, tuple[str, str]] = {
    "allowed": ("This call may be placed now.", "现在可以拨打。"),
    "gate-error": (
        "The rules could not be checked, so the call is not placed. Send the diagnostics to support.",
        "规则检查出错，因此不予拨打。请把诊断信息发给技术支持。",
    ),
    "order": ("The call order is incomplete.", "拨打任务信息不完整。"),
    "clock": (
        "The box does not know the time for certain and does not dial until it does.",
        "设备时间尚不可信，校准前不拨打任何电话。",
    ),
    "audit": (
        "The audit log is broken or full; nothing is dialled until it is repaired.",
        "审计日志损坏或已满，修复前不拨打任何电话。",
    ),
    "audio": (
        "The prompts are not ready to be heard, and no call may start in silence.",
        "语音提示尚未准备好；接通后不得无声。",
    ),
    "unknown-jurisdiction": (
        "There is no rule pack for the callee's country or region, so it may not be called.",
        "没有适用于被叫方所在国家或地区的规则包，不得拨打。",
    ),
    "pack-unapproved": (
        "Nobody at this branch has approved the current rule pack; an operator must read and approve it.",
        "本网点尚无人批准现行规则包；请负责人阅读并批准。",
    ),
    "pack-not-in-force": ("The rule pack is not in force yet.", "规则包尚未生效。"),
    "pack-expired": (
        "The rule pack is past its review date; a reviewed version must be installed and approved.",
        "规则包已过复核期限；请安装并批准新版本。",
    ),
    "pack-review-due": (
        "The rule pack must be reviewed before the next time this person could be called.",
        "在下一个可拨打时间之前，规则包必须先复核。",
    ),
    "policy-conflict": (
        "Two rule packs demand opposite things here, so the robot stays off.",
        "两个规则包的要求互相矛盾，机器人不予拨打。",
    ),
    "number": ("This number may not be called", "该号码不得拨打"),
    "ALL-STS-1": ("Only open cases are called", "只拨打状态为“未结”的案件"),
    "suppressed": ("This person or number is on the do-not-call list", "此人或此号码在勿扰名单上"),
    "suppression-lease": (
        "The do-not-call list is too old; the box must reach the console first.",
        "勿扰名单过旧；设备须先与总控台同步。",
    ),
    "consent": ("The consent that the rules demand is missing.", "缺少规则要求的同意。"),
    "sms-consent": (
        "This person has not agreed to be written to by SMS, or somebody else has the number now.",
        "本人未同意接收短信，或号码已换人使用。",
    ),
    "sms-number": ("This number takes no messages.", "该号码无法接收短信。"),
    "ALL-SMS": (
        "This person has been written to as often as allowed: at most 2 messages a day and 4 in 7 days.",
        "此人已达短信上限：每天不超过2条，7天不超过4条。",
    ),
    "automation": ("Robot calls are forbidden here.", "此处禁止机器人拨打。"),
    "person-must-call": (
        "The rules allow a person to make this call, not a robot.",
        "按规则此电话只能由人工拨打。",
    ),
    "retention": (
        "The rule packs contradict each other on how long records are kept; ask counsel.",
        "各规则包对记录保存期限的要求互相矛盾，请咨询法务。",
    ),
    "caller-number": (
        "The line's own number may not be used for this call; check the line's settings.",
        "本线路的号码不得用于此呼叫；请检查线路设置。",
    ),
    "one-caller-number": (
        "This person has been called from another of our numbers; one person sees one number.",
        "此人近期由我方另一号码呼叫过；同一人只能看到一个号码。",
    ),
    "zone": ("It is not known what time it is where the callee is.", "无法确定被叫方所在地的时间。"),
    "hours-red-line": (
        "Nobody is called outside 08:00-21:00 of their own time.",
        "当地时间8:00至21:00以外一律不拨打。",
    ),
    "window": ("It is outside the calling hours or a holiday there.", "当地不在拨打时段，或为节假日。"),
    "no-open-time": (
        "There is no time at which all rules allow this call.",
        "没有任何时间能同时满足所有规则。",
    ),
    "ALL-FRQ-1": (
        "This person has been called as often as allowed: at most 2 a day and 3 in 7 days, 4 hours apart.",
        "此人已达拨打次数上限：每天不超过2次，7天不超过3次，间隔至少4小时。",
    ),
    "ALL-FRQ-2": (
        "This person has already been spoken to in these 7 days.",
        "7天内已与此人通话过。",
    ),
    "stated-hours": (
        "The person asked not to be called at this time.",
        "本人曾要求不在此时段致电。",
    ),
    "notice": (
        "A written notice must have been sent before a robot calls; the console has not said that it was.",
        "机器人拨打前须先寄发书面通知；总控台尚未注明已寄发。",
    ),
}
LIMIT = re.compile(r"of at most (\d+) \((\w+) per (\w+), (\w+)(?::(\w+))?\)")
"""How `limits.LimitRule` and `CooldownRule` put their figures."""
COOLDOWN = re.compile(r"(\d+) days after (\w+) per (\w+):")
COUNTED = {
    "attempt": ("calls", "拨打{}次"),
    "connected": ("answered calls", "接通{}次"),
    "conversation": ("conversations", "通话{}次"),
    "any_channel_contact": ("contacts over all channels", "各渠道联系{}次"),
    "any_channel_attempt": ("contacts or attempts over all channels", "各渠道联系或尝试{}次"),
}
WHOM = {
    "person": ("this person", "对此人"),
    "person_debt": ("this person about this debt", "就此笔债务对此人"),
    "number": ("this number", "对此号码"),
    "number_origin": ("this number from our same number", "由同一主叫号码对此号码"),
}
FOLLOWS = {
    "conversation": ("a conversation", "通话"),
    "refusal": ("a refusal", "对方拒绝"),
    "wrong_number": ("a wrong number", "号码有误"),
    "promise_to_pay": ("a promise to pay", "承诺还款"),
    "complaint": ("a complaint", "投诉"),
    "abandoned": ("a call that failed after it was answered", "接通后因故障中断"),
    "notice": ("the written notice", "寄发书面通知"),
}
OTHER = ("A rule of the rule pack stands against it", "不符合规则包中的规定")
NUMBER_PROBLEMS: tuple[tuple[str, tuple[str, str]], ...] = (
    ("not a number", ("it is not a valid number, or lacks its country code", "号码无效，或缺少国家代码")),
    ("emergency", ("it is an emergency number", "属于紧急号码")),
    ("short_code", ("it is a short or service number", "属于短号或服务号码")),
    ("premium_rate", ("it is a premium-rate number", "属于高额收费号码")),
    ("lines are", ("it is not a person's own telephone", "不是个人电话")),
)
"""How `red_lines.number_problem` begins or what it names, and what a clerk is told."""
WORDS: dict[str, tuple[str, str]] = {
    "paid": ("paid", "已还清"),
    "disputed": ("disputed", "有争议"),
    "deceased": ("deceased", "已去世"),
    "minor": ("a minor", "未成年人"),
    "bankrupt": ("bankrupt", "破产"),
    "represented": ("represented by a lawyer", "已委托律师"),
    "moratorium": ("under a moratorium", "处于延缓期"),
    "hospitalised": ("in hospital", "住院"),
    "hardship": ("in hardship", "生活困难"),
    "identity_theft": ("identity theft", "身份被冒用"),
    "breathing_space": ("in a Breathing Space", "处于债务宽限期"),
    "vulnerable": ("vulnerable", "需特殊照顾"),
    "complaint_open": ("a complaint is open", "投诉处理中"),
    "cease_request": ("asked to cease", "要求停止联系"),
    "opt_out": ("asked not to be called", "本人要求不再致电"),
    "wrong_number": ("wrong number", "号码有误"),
    "complaint": ("complained", "已投诉"),
    "objected": ("objected to the processing", "已反对处理其信息"),
    "grievance_pending": ("a grievance is pending", "申诉处理中"),
    "bereaved": ("in mourning", "治丧期间"),
}


def explain(
    outcome: str, rule: str, *, detail: str, until: datetime | None, zones: tuple[str, ...], language: str
) -> str:
    """Return what was decided and why; `outcome` is a `decision.Outcome`, times are shown as the callee's."""
    column = 1 if language.lower().startswith("zh") else 0
    fitting = [key for key in REASONS if rule == key or (rule.startswith(key) and key.isupper())]
    if fitting:
        reason = REASONS[max(fitting, key=len)][column]
    else:
        reason = (
            _figures(detail, column) or f"{OTHER[column]}{(' (', '（')[column]}{rule}{(').', '）。')[column]}"
        )
    word = WORDS.get(detail.rpartition(" ")[2])
    if rule == "number":
        word = next((told for key, told in NUMBER_PROBLEMS if key in detail), None)
    if not reason.endswith((".", "。")):
        reason += "" if word is None else f"{(': ', '：')[column]}{word[column]}"
        reason += (".", "。")[column]
    if outcome == "defer" and until is not None:
        zone = zones[0] if zones else "UTC"
        at = f"{until.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} ({zone})"
        reason += (f" The call may be placed from {at}.", f"最早可于{at}拨打。")[column]
    if outcome == "hold":
        reason += (" Somebody has to act first.", "须先由人工处理。")[column]
    return reason


def _figures(detail: str, column: int) -> str:
    """Return a limit's or a cool-down's own figures as a sentence; empty for anything else."""
    if found := LIMIT.search(detail):
        most, count, per, unit, length = found.groups()
        what, whom = COUNTED[count][column], WHOM[per][column]
        within = _window(unit, length, column)
        if column:
            return f"{within}{whom}最多{what.format(most)}，已达上限。"
        return f"{whom[0].upper()}{whom[1:]}: at most {most} {what} {within}; that many there were."
    if found := COOLDOWN.search(detail):
        days, after, per = found.groups()
        if column:
            return f"{FOLLOWS[after][1]}后{WHOM[per][1]}须静默{days}天（含当天）。"
        return (
            f"After {FOLLOWS[after][0]}, {WHOM[per][0]} is left in peace for {days} days, that day included."
        )
    return ""


def _window(unit: str, length: str | None, column: int) -> str:
    n = int(length) if length is not None and length.isdecimal() else 0
    if unit == "week":
        return ("in a week from Monday", "每周（周一起）")[column]
    if unit == "calendar_days":
        return ("a day" if n == 1 else f"in {n} days", f"{n}天内" if n > 1 else "每天")[column]
    for seconds, english, chinese in (
        (86400, "days", "天"),
        (3600, "hours", "小时"),
        (60, "minutes", "分钟"),
    ):
        if n % seconds == 0 and n >= seconds:
            return (f"in any {n // seconds} {english}", f"任意{n // seconds}{chinese}内")[column]
    return (f"in any {n} seconds", f"任意{n}秒内")[column]
