"""What an examination found, as a page for whoever made the list; it holds rows and reasons and nobody's data."""

from collections.abc import Sequence

from console.examination import Examination, Severity
from console.html_page import heading, page, paragraph, table
from console.quality_history import ExaminedList
from console.svg_charts import bars, lines

MAX_ROWS = 5000
_WORDS = {
    "en": {
        "title": "Examination of a call list",
        "sum": "{n} rows read: {good} can be sent, {bad} are left out ({share}), {doubt} of those sent are doubtful.",
        "bad": "Left out",
        "doubtful": "Doubtful",
        "row": "row",
        "column": "column",
        "reason": "reason",
        "todo": "what to do",
        "cut": "The first {n} of {all} are shown.",
        "none": "Nothing.",
        "rows": "rows",
        "over": "Share of rows left out, by source",
    },
    "zh": {
        "title": "名单检查报告",
        "sum": "共读取 {n} 行：{good} 行可以下发，{bad} 行被剔除（{share}），可下发的行中有 {doubt} 行存疑。",
        "bad": "被剔除的行",
        "doubtful": "存疑的行",
        "row": "行号",
        "column": "列",
        "reason": "原因",
        "todo": "如何处理",
        "cut": "共 {all} 条，只显示前 {n} 条。",
        "none": "无。",
        "rows": "行数",
        "over": "各来源被剔除行的比例",
    },
}
_REASONS_ZH = {
    "missing": "单元格为空，请填写",
    "invalid_number": "号码无效，请核对位数，写成 +国家代码 号码",
    "premium_number": "付费号码，不会拨打，请提供本人号码",
    "toll_free_number": "免费服务号码，不会拨打，请提供本人号码",
    "company_number": "企业统一号码，不会拨打，请提供本人号码",
    "number_mangled_by_spreadsheet": "号码被表格软件改成科学计数法，请把该列设为文本后重新填写",
    "no_country_code": "缺少国家代码，请写 +86… 或填写 region 列",
    "number_has_extension": "不能拨打分机，请提供直拨号码",
    "invalid_amount": "金额写法不对，请写成 1234.50",
    "amount_out_of_range": "金额必须大于零且小于一千亿",
    "invalid_currency": "币种请写三个字母，例如 CNY",
    "invalid_date": "日期请按 年-月-日 填写，例如 2026-11-08",
    "impossible_date": "日历上没有这一天",
    "unknown_time_zone": "时区请写 IANA 名称，例如 Asia/Shanghai",
    "invalid_region": "地区请写 ISO 3166-2 代码，例如 CN-GD",
    "invalid_language": "语言请写标签，例如 zh-CN",
    "invalid_id": "编号最多 64 个字符，不能有空格",
    "duplicate_contact": "同一联系编号出现多次，请只保留一行",
    "duplicate_person": "同一个人出现多次，请只保留一行",
    "one_person_two_ids": "同一号码同一姓名却有两个人员编号，请统一编号并只保留一行",
    "number_of_several_persons": "同一号码登记在多个人名下，请核实机主",
    "debt_of_several_persons": "同一笔债务登记在多个人名下，请核实债务人",
    "perhaps_one_person": "姓名与尾号相同，可能是同一个人；如是请用同一编号",
    "amount_far_from_others": "金额与名单中位数相差千倍以上，请核对小数点",
    "date_far_away": "日期过早或过晚，请核对年份",
    "no_consent": "没有同意记录，规则可能要求填写，例如 call_reminders",
    "no_time_zone": "无法确定时区，请填写；否则只在所有可能时区都允许的时段拨打",
    "number_was_somebody_elses": "此号码以前登记在别人名下，可能已换机主，请先核实",
    "number_was_wrong": "以前拨打此号码找错人或为空号，请提供新号码",
    "person_of_many_numbers": "此人已有三个以上号码，请核实哪个是本人的",
    "suppressed": "已被列入禁呼，请从名单中删除",
    "too_many_cells": "该行比表头长，请检查多余的逗号",
    "text_too_long": "最多播报 200 个字符",
    "unprintable_text": "含有看不见的字符，请重新输入",
    "language_not_offered": "话术没有这种语言",
    "ill_typed": "内容与话术要求的类型不符",
}


def examination_page(
    examination: Examination, *, name: str, language: str, history: Sequence[ExaminedList] = ()
) -> str:
    """Return the page in `language` (en or zh); `history` adds how lists were over time."""
    words = _WORDS["zh" if language.startswith("zh") else "en"]
    said = words["sum"].format(
        n=examination.n_read,
        good=len(examination.rows),
        bad=len(examination.bad_rows),
        share=f"{examination.bad_share:.1%}",
        doubt=len(examination.doubtful_rows),
    )
    parts = [paragraph(name), paragraph(said)]
    for severity in Severity:
        parts.append(heading(words[severity.value]))
        counts = examination.rows_by_reason(severity)
        if not counts:
            parts.append(paragraph(words["none"], is_note=True))
            continue
        colour = "#b00020" if severity is Severity.BAD else "#b3541e"
        parts.append(bars(words["rows"], {reason: float(n) for reason, n in counts.items()}, colour=colour))
        found = examination.of(severity)
        if len(found) > MAX_ROWS:
            parts.append(paragraph(words["cut"].format(n=MAX_ROWS, all=len(found)), is_note=True))
        columns = [words[key] for key in ("row", "column", "reason", "todo")]
        rows = [
            (each.row, each.column, each.reason, _to_do(each.reason, each.detail, words is _WORDS["zh"]))
            for each in found[:MAX_ROWS]
        ]
        parts.append(table(columns, rows))
    if history:
        parts.append(lines(words["over"], by_source(history)))
    return page(words["title"], parts, language="zh" if words is _WORDS["zh"] else "en")


def by_source(history: Sequence[ExaminedList]) -> dict[str, list[tuple[int, float]]]:
    """Return (ms UTC, percent left out) by source, for a chart."""
    found: dict[str, list[tuple[int, float]]] = {}
    for each in history:
        found.setdefault(each.source, []).append((each.at_ms, 100 * each.bad_share))
    return found


def _to_do(reason: str, detail: str, is_chinese: bool) -> str:
    return _REASONS_ZH.get(reason, detail) if is_chinese else detail
