"""What the evidence page and the figures say besides their facts, in English and Chinese."""

from typing import Literal

Language = Literal["en", "zh"]

WORDS: dict[str, tuple[str, str]] = {
    "title": ("Evidence of one call", "单次通话证据"),
    "intro": (
        "Made by the calling box from its own records. The facts of the decisions stand in a hash chain; "
        "“branchline audit verify” checks this file, and on the box compares it with the log itself. "
        "Times are UTC. Numbers are masked; the digits of secrets are never kept.",
        "由外呼设备依其自身记录生成。各项决定写入哈希链；用 branchline audit verify 可校验本文件，在设备上还可与日志逐条比对。"
        "时间均为协调世界时（UTC）。号码已打码；涉密按键从不保存。",
    ),
    "call": ("The call", "通话"),
    "attempt": ("Call", "通话编号"),
    "box": ("Box", "设备"),
    "made_at": ("Made at", "生成时间"),
    "campaign": ("Campaign", "外呼任务"),
    "person": ("Person, contact", "人员、联系人"),
    "number": ("Number called", "被叫号码"),
    "line": ("Line, own number", "线路、主叫号码"),
    "times": ("Reserved, dialled, answered, ended", "预留、拨出、接通、结束"),
    "outcome": ("Outcome", "结果"),
    "cause": ("Cause of release", "释放原因"),
    "promise": ("Promise, read back", "承诺（已复述）"),
    "confirmed": ("confirmed", "已确认"),
    "unconfirmed": ("not confirmed", "未确认"),
    "script": ("Script", "话术"),
    "received_at": ("Console's receipt", "总控台回执"),
    "not_yet": ("not yet", "尚无"),
    "decisions": ("Decisions", "决定"),
    "decisions_note": (
        "Every rule that was tried, with its figures; what the counters stood at is in the figures.",
        "列出每条已检查的规则及其数值；计数器当时的读数见数值一栏。",
    ),
    "predial": ("before dialling", "拨号前"),
    "enqueue": ("when queued", "排队时"),
    "answer": ("at answer, before the first word about a debt", "接通后、提及债务之前"),
    "allow": ("allowed", "允许"),
    "defer": ("not yet", "暂缓"),
    "refuse": ("refused", "拒绝"),
    "hold": ("held for a person", "转人工"),
    "rule": ("Rule", "规则"),
    "passed": ("Passed", "通过"),
    "passed_plain": ("Passed as well:", "另已通过："),
    "figures": ("Figures", "数值"),
    "yes": ("yes", "是"),
    "no": ("NO", "否"),
    "clock": ("Clock", "时钟"),
    "zones": ("Callee's zones", "被叫时区"),
    "list_confirmed": ("Do-not-call list confirmed", "勿扰名单确认于"),
    "packs": ("Rules in force", "现行规则"),
    "pack": ("Rule pack", "规则包"),
    "approved_by": ("Approved by", "批准人"),
    "digest": ("SHA-256", "SHA-256 摘要"),
    "engine": ("Versions", "版本"),
    "said": ("What was said", "播放内容"),
    "prompt": ("Prompt", "语音"),
    "roles": ("Discloses", "告知事项"),
    "started": ("From", "开始"),
    "heard_ms": ("Heard", "播放时长"),
    "interrupted": ("interrupted", "被打断"),
    "wording": ("Wording in the script; {…} was filled in", "话术原文；{…} 处填入个案信息"),
    "heard": ("What was heard", "对方应答"),
    "key": ("key", "按键"),
    "words": ("words", "话语"),
    "speech": ("speech", "语音"),
    "secret_key": ("a key of a secret", "涉密按键"),
    "recording": ("Recording", "录音"),
    "no_recording": ("There is none.", "无录音。"),
    "length": ("Length", "时长"),
    "notice": ("Notice given", "录音告知"),
    "sealed": ("Sealed; only these keys open it", "已加密封存；仅以下密钥可开启"),
    "unchanged": ("on the box, unchanged", "在设备上，未被改动"),
    "changed": ("on the box, CHANGED since the call", "在设备上，通话后被改动"),
    "missing": ("NOT on the box, and no deletion accounts for it", "不在设备上，且无删除记录"),
    "deleted": ("deleted at the end of its time: audit entry", "保存期满已删除：审计条目"),
    "pieces": ("SHA-256 of each stretch of", "分段摘要，每段"),
    "timeline": ("The call's log", "通话日志"),
    "after": ("After", "时刻"),
    "event": ("Event", "事件"),
    "detail": ("Detail", "详情"),
    "chain": ("Place in the audit log", "审计日志中的位置"),
    "chain_note": (
        "Each entry's hash covers the hash before it. Entries in full concern this call; of the others "
        "the hashes are here. The whole stretch is in the data of this file.",
        "每条的哈希覆盖前一条的哈希。与本次通话有关的条目为全文，其余仅列哈希。完整区段见本文件内嵌数据。",
    ),
    "entry": ("Entry", "条目"),
    "kind": ("Kind", "类别"),
    "hash": ("Hash", "哈希"),
    "hash_only": ("hash only", "仅哈希"),
    "head": ("Head of the log", "日志末端"),
    "more": ("more entries in the data of this file", "条见本文件内嵌数据"),
}


def word(key: str, language: Language) -> str:
    """Return a label; what has none is shown as it is."""
    return WORDS.get(key, (key, key))[language == "zh"]
