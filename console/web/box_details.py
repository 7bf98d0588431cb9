"""What stands behind an event, in the reader's language: made of the figures and codes that the box sent with it."""

from collections.abc import Mapping
from contextlib import suppress

import msgspec

from console.web.box_words import Both, of

DETAILS: Mapping[str, Both] = {
    "card_worn": (
        "the memory card has used {value} % of its life: replace it soon, the console has all outcomes",
        "存储卡寿命已用 {value}%：请尽快更换，外呼结果均已在总部",
    ),
    "certificate_ending": (
        "the box's certificate ends in {value} days and no other came: let `branchline-console watch` run where the "
        "authority's key lies, or make one with `branchline-console box renew`",
        "盒子证书 {value} 天后到期，尚未收到新证书：请在存放签发密钥的电脑上运行 `branchline-console watch`，"
        "或用 `branchline-console box renew` 签发",
    ),
    "certificate_renewed": ("it holds until {until}", "有效期至 {until}"),
    "config_on_trial": ("version {version} is tried", "正在试用版本 {version}"),
    "config_rolled_back": ("version {version} was taken back", "版本 {version} 已撤回"),
    "database_restored": (
        "rows salvaged: {salvaged}; contacts taken off their lists: {withdrawn}. Dialling is stopped: check who was called "
        "since, send the suppressions, then resume all",
        "抢救出 {salvaged} 行，{withdrawn} 名联系人已移出名单。拨打已停止：请核对此后拨打过谁，重新下发勿扰名单，再恢复全部任务",
    ),
    "disk_low": (
        "{value} MB of disk are free: recordings go before their time, and below the scarce limit nobody is called; let "
        "the console fetch recordings, or give the box a larger disk",
        "磁盘剩余 {value} MB：录音会提前删除，再少将停止拨打；请让总部取走录音，或更换更大的磁盘",
    ),
    "disk_scarce": (
        "{free} MiB left: fetch the recordings, or make room",
        "磁盘仅剩 {free} MiB：请取走录音或腾出空间",
    ),
    "line_out": (
        "line {line} has not been ready for {value} s: see its detail in `branchline check`",
        "线路 {line} 已 {value} 秒未就绪：详见盒子上的 `branchline check`",
    ),
    "line_unsteady": (
        "the modem of line {line} had to be treated {value} times in a day: check its power, cable and antenna",
        "线路 {line} 的调制解调器一天内修复了 {value} 次：请检查供电、线缆和天线",
    ),
    "memory_low": (
        "{value} MB of memory are left: set [listening] workers lower, or give the box more",
        "内存剩余 {value} MB：请调低 [listening] workers，或增加内存",
    ),
    "policy_waiting": (
        "waiting to be approved by name on the box: {packs}",
        "以下规则包尚待在盒子上署名批准：{packs}",
    ),
    "recordings_never_fetched": (
        "{recordings} recordings that nobody has fetched are deleted from {from} on: fetch or hold them",
        "有 {recordings} 段录音从未取走，自 {from} 起将删除：请取走或保留",
    ),
    "too_hot": (
        "the processor is at {value} degrees and slows down: give the box air, out of the sun",
        "处理器已达 {value} 度并降速：请保持通风，避免日晒",
    ),
    "under_voltage": (
        "the supply is too weak: use the original power supply and cable; modems on a hub with its own",
        "供电不足：请使用原装电源和线缆，调制解调器接带独立供电的集线器",
    ),
    "update_failed": ("{version} was taken back: {reason}", "{version} 已撤回：{reason}"),
    "update_good": ("it is {version} now", "现为 {version}"),
}
OTHER_WAYS: Mapping[str, tuple[Both, ...]] = {
    # Who makes room on the disk and who looks at the machine both tell of a disk that fills.
    "disk_low": (
        ("{free} MiB left: fetch the recordings, or make room", "磁盘仅剩 {free} MiB：请取走录音或腾出空间"),
    ),
}
"""Ways to tell what came with other figures than those of `DETAILS`."""
UPDATE_FAILURES: Mapping[str, Both] = {
    "bad_arguments": ("the box cannot do what was asked", "盒子不支持该要求"),
    "bad_bundle": ("what was downloaded is no release", "下载的内容不是发布包"),
    "expired": ("there was no good moment in time", "在期限内没有合适的时机"),
    "not_set_up": ("the box knows no repository", "盒子未设置发布来源"),
    "rolled_back": ("it did not run well on this box", "在该盒子上运行不正常"),
    "stale": ("what the repository says has run out", "发布信息已过期"),
    "unknown_version": ("the repository has no such release", "发布来源中无此版本"),
    "untrusted": ("its signatures are not believed", "签名不可信"),
}
TURNED_AWAY: Mapping[str, Both] = {
    "the rules there demand more of the flow": (
        "the rules there demand more of the conversation",
        "当地规则对话术另有要求",
    ),
    "too many calls from one number": ("too many calls from one number", "同一号码来电过多"),
    "too many calls within": ("too many calls within an hour", "一小时内来电过多"),
}
"""By how the box's own words begin."""


def update_failure(reason: str, language: str) -> str:
    """Return why a box did not become a release; an unknown reason as it is."""
    both = UPDATE_FAILURES.get(reason)
    return of(both, language) if both else reason


def detail_words(event: str, line: str | None, facts: str, said: str, language: str) -> str:
    """Return what stands behind an event; as the box said it where no figures came or they are of a newer kind.

    `facts` is the JSON object of strings that came with it.
    """
    if event == "callers_turned_away":
        fitting = next((both for begin, both in TURNED_AWAY.items() if said.startswith(begin)), None)
        return of(fitting, language) if fitting else said
    known = msgspec.json.decode(facts, type=dict[str, str])
    if not known:
        return said
    if event == "update_failed":
        known["reason"] = update_failure(known.get("reason", ""), language)
    known["line"] = line or "–"
    main = DETAILS.get(event)
    for both in (*((main,) if main else ()), *OTHER_WAYS.get(event, ())):
        with suppress(KeyError):  # it came with other figures
            return of(both, language).format_map(known)
    return said
