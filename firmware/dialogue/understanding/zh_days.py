"""Days in Chinese: 明天, 这周五, 下个月十号, 月底, 三天后; 发工资那天 is a day that must be asked for."""

# ruff: noqa: E501  (one rule, one line)

import re
from datetime import date, timedelta

from firmware.dialogue.slots import DayMention
from firmware.dialogue.understanding import calendar, zh_calendar
from firmware.dialogue.understanding.finding import Grammar
from firmware.dialogue.understanding.zh_numbers import number_of

_N = r"(?:[0-9]{1,3}|[二两三四五六七八九]?十[一二三四五六七八九]?|[一二两俩三四五六七八九]|廿[一二三四五六七八九]?|卅一?)"
_DAY = r"(?:号|日)(?!车[间站皮]|[码线楼院店机卡召称令牌子常期历门桌床仓厅柜])"
_MONTHS = {"上上个月": -2, "上个月": -1, "上月": -1, "这个月": 0, "本月": 0, "这月": 0, "当月": 0}
_MONTHS |= {"下个月": 1, "下月": 1, "次月": 1, "下下个月": 2, "下下月": 2}
_MONTH = "(" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + ")"
_NEAR = {"大前": -3, "前": -2, "昨": -1, "今": 0, "当": 0, "明": 1, "赶明": 1, "后": 2, "大后": 3, "外后": 3}
_WORDS = {"寻日": -1, "琴日": -1, "听日": 1, "名天": 1}
"""Days near today that are not one of those with 天, 日 or 儿 after it."""
_WEEKDAYS = {
    c: d for d, chars in enumerate(("一1", "二2", "三3", "四4", "五5", "六6", "日天七7")) for c in chars
}
_WEEKS = {"上上": -2, "上": -1, "这": 0, "本": 0, "下": 1, "下下": 2, "": None}
_SPANS = re.compile(r"今晚|明晚|后晚|昨晚|今早|明早|后早|昨早")
_PARTS = {"今晚": "今天晚上", "明晚": "明天晚上", "后晚": "后天晚上", "昨晚": "昨天晚上", "今早": "今天早上", "明早": "明天早上", "后早": "后天早上", "昨早": "昨天早上"}  # fmt: skip

_Found = DayMention | None


_JANUARY = re.compile(
    r"(?<![0-9零一二三四五六七八九十百千万亿几多两半美日港欧韩澳加])元月(?![供付租费息还均薪])"
)


def spelled_out(text: str) -> str:
    """Return 今晚 as 今天晚上, a day and a part of it, and 元月 as 一月."""
    return _JANUARY.sub("一月", _SPANS.sub(lambda match: _PARTS[match.group()], text))


def _int(text: str) -> int:
    value = number_of(text)
    return int(value) if value is not None else -1


def _full(match: re.Match[str], today: date) -> _Found:
    year = int(match[1]) if match[1].isdigit() else _year(match[1])
    return calendar.day_and_month(match[0], _int(match[3]), _int(match[2]), today, year)


def _year(text: str) -> int:
    digits = "".join(str(_int(char)) if char not in "零〇" else "0" for char in text)
    return int(digits)


def _day_month(match: re.Match[str], today: date) -> _Found:
    year = {"今年": today.year, "明年": today.year + 1, "去年": today.year - 1}.get(match[1] or "")
    return calendar.day_and_month(match[0], _int(match[3]), _int(match[2]), today, year)


def _slashed(match: re.Match[str], today: date) -> _Found:
    return calendar.day_and_month(match[0], int(match[2]), int(match[1]), today)


def _near(match: re.Match[str], today: date) -> _Found:
    return calendar.in_days(match[0], _NEAR[match[1] or match[2] or match[3]], today)


def _before_its_end(match: re.Match[str], today: date) -> _Found:
    """Read 这个月内 and 下周之内 as the last day that is still in it, as 一周内 is the seventh from now."""
    months = _MONTHS[match["month"]] if match["month"] else 0 if match["weeks"] is None else None
    if months is not None:
        return calendar.end_of_month(match[0], today, months)
    return calendar.weekday(match[0], 6, today, _WEEKS[match["weeks"]])


def _hours(match: re.Match[str], today: date) -> _Found:
    """Read 四十八小时内; fewer hours than a day name none."""
    n = _int(match[1])
    return calendar.in_days(match[0], n // 24, today) if n >= 24 else None


def _in_month(match: re.Match[str], today: date) -> _Found:
    return calendar.day_of_month(match[0], _int(match[2]), today, _MONTHS[match[1]])


def _part_of_month(match: re.Match[str], today: date) -> _Found:
    which, numbered, part = match[1], match[2], match[3]
    months = _MONTHS[which] if which else 0
    if numbered:
        month = _int(numbered)
        if not 1 <= month <= 12:
            return calendar.impossible(match[0])
        months = (month - today.month) % 12
    if part in ("底", "月底", "末", "月末", "尾", "最后一天"):
        return calendar.end_of_month(match[0], today, months)
    if part[-2:] == "一天":
        return calendar.day_of_month(match[0], 1, today, months if which or numbered else None)
    if "旬" in part:
        return calendar.vague(match[0])
    day = 1 if part[-1] in "初头" or part.endswith("头上") else 15
    return calendar.day_of_month(match[0], day, today, months if which or numbered else None)


def _part_of_named_year(match: re.Match[str], today: date) -> _Found:
    """Read 明年一月初: the month of that year, not the next one of the name."""
    month, part = _int(match["month"]), match["part"]
    if not 1 <= month <= 12:
        return calendar.impossible(match[0])
    months = 12 * (match["year"] == "明年") + month - today.month
    if "旬" in part:
        return calendar.vague(match[0])
    if part[-1] in "底末尾":
        return calendar.end_of_month(match[0], today, months)
    return calendar.day_of_month(match[0], 1 if part[-1] == "初" else 15, today, months)


def _same_day(match: re.Match[str], today: date) -> _Found:
    """Read 下周的今天 and 下个月的今天."""
    if match["month"]:
        return calendar.in_months(match[0], _MONTHS[match["month"]], today)
    return calendar.in_days(match[0], 7 * (_WEEKS[match["weeks"]] or 0), today)


def _nth_weekday(match: re.Match[str], today: date) -> _Found:
    """Read 下个月第一个星期一 and 十二月最后一个周五."""
    which, numbered = match["which"], match["numbered"]
    months = _MONTHS[which] if which else (_int(numbered) - today.month) % 12
    if months < 0 or (numbered and not 1 <= _int(numbered) <= 12):
        return calendar.past(match[0]) if which else calendar.impossible(match[0])
    year, month = calendar.month_after(today, months)
    nth = _int(match["nth"]) - 1 if match["nth"] else None
    return calendar.on(match[0], calendar.nth_weekday(year, month, _WEEKDAYS[match["day"]], nth), today)


_BESIDE = {
    "第二天": 1,
    "后一天": 1,
    "次日": 1,
    "转天": 1,
    "隔天": 1,
    "后面那天": 1,
    "后面那一天": 1,
    "前面那天": -1,
    "前一天": -1,
    "头一天": -1,
}


def _from_then(match: re.Match[str], today: date) -> _Found:
    """Read 从周五往后数一个星期."""
    found = DAYS.find(match["anchor"], today)[1]
    if not found or (day := found[-1].day) is None:
        return None
    later = _after(match, day)
    return None if later is None or later.day is None else calendar.on(match[0], later.day, today)


def _beside(match: re.Match[str], today: date) -> _Found:
    """Read 元旦的第二天 and 周五前两天: a day counted from another one, which stands before it."""
    _, found = DAYS.find(match["anchor"], today)
    side = match["side"]
    if not found or (day := found[-1].day) is None or not match["anchor"].endswith(found[-1].text):
        return None
    shift = _BESIDE.get(side) or _int(side[1:-1]) * (-1 if side[0] == "前" else 1)
    text = match[0][match["anchor"].rindex(found[-1].text) :]
    return calendar.on(text, day + timedelta(days=shift), today)


def _week(match: re.Match[str], today: date) -> _Found:
    weeks, day = _WEEKS[match[1] or ""], match[2]
    if day == "末":
        return calendar.past(match[0]) if weeks is not None and weeks < 0 else calendar.vague(match[0])
    return calendar.weekday(match[0], _WEEKDAYS[day], today, weeks)


def _after(match: re.Match[str], today: date) -> _Found:
    count, unit = match["count"], match["unit"]
    if count == "半":
        return calendar.in_days(match[0], 15, today) if "月" in unit else None
    n = _int(count)
    if "月" in unit:
        return calendar.in_months(match[0], n, today)
    return calendar.in_days(match[0], n * (7 if unit[-1] in "周期拜" else 1), today)


def _end_of_year(match: re.Match[str], today: date) -> _Found:
    return calendar.on(match[0], date(today.year, 12, 31), today)


def _fixed_holiday(match: re.Match[str], today: date) -> _Found:
    month, day = _HOLIDAYS[match[1]]
    year = {"今年": today.year, "明年": today.year + 1}.get(match[0][:2])
    return calendar.day_and_month(match[0], day, month, today, year)


def _vague(match: re.Match[str], today: date) -> _Found:
    return calendar.vague(match[0])


def _past(match: re.Match[str], today: date) -> _Found:
    return calendar.past(match[0])


_UNIT = r"(?P<unit>天|日|个?周|个?星期|个?礼拜|个?月)"
_DURATION = rf"(?<![一二两三四五六七八九十几0-9])(?P<count>{_N}|半){_UNIT}"
_ROUGH = rf"(?:(?:{_N}|几十?)[来多几]|(?<!前)(?:一两|一二|两三|二三|三四|三五|四五|五六|六七|七八|八九|几|好几|若干)|十几)"
"""So many and not exactly: 十来天, 三五天, 两三个月."""
_HOLIDAYS = {"元旦": (1, 1), "圣诞": (12, 25), "平安夜": (12, 24), "双十一": (11, 11), "双十二": (12, 12), "跨年": (12, 31), "情人节": (2, 14),
             "三八": (3, 8), "五一": (5, 1), "劳动": (5, 1), "六一": (6, 1), "儿童": (6, 1), "国庆": (10, 1), "十一": (10, 1)}  # fmt: skip
_UP_TO = "(?:(?:之|以)?前)"
"""A deadline is its last day, as in 十号之前."""
_LONG = "三八|五一|劳动|六一|儿童|国庆|十一"
"""Holidays of several days, or words of something else: a day only with 那天 after them."""
_INCOME = "工资|薪水?|货款|回款|工程款|工钱|奖金|年终奖|分红|退税|保险金|赔偿金?|补贴|补助|低保|养老金|退休金|公积金|贷款|尾款|款子?|粮食?|庄稼|钱"
_HOLIDAY = r"(?:国庆|春节|中秋|端午|清明|五一|十一(?=假|长|以|之|过|后|节)|元旦|元宵|过年|新年|双十一|圣诞|大年[初三]?[一二三十]*)"
FOLLOWING = re.compile("第二天|次日|转天|隔天")
"""The day after the one that was named before."""
DAYS: Grammar[DayMention] = Grammar(
    (
        (r"([12][0-9]{3}|[一二][零〇一二三四五六七八九]{3})[-/.年](" + _N + r")[-/.月](" + _N + ")(?:号|日)?", _full),
        (rf"从(?P<anchor>[^，。,.\s\x00]{{2,8}}?)往后(?:数|推|再?加)?{_DURATION}", _from_then),
        (rf"(?P<anchor>[^，。,.;；?？!！、\s\x00]{{2,9}}?)(?:的|之)?(?P<side>{'|'.join(_BESIDE)}|[前后](?:[两俩二三四五六七八九]|十)天)", _beside),
        (rf"(?:农历|阴历|旧历)的?(?P<month>{_N}月|正月|冬月|腊月)(?:初|的)?(?P<day>{_N})(?:号|日)?", zh_calendar.in_named_month),
        (rf"(?P<month>正月|冬月|腊月)(?:初|的)?(?P<day>{_N})(?:号|日)?", zh_calendar.in_named_month),
        (rf"(?P<month>{_N}月)初(?P<day>[一二三四五六七八九十])(?![号日])", zh_calendar.in_named_month),
        (rf"(?P<festival>大年三十|(?<![0-9一二三四五六七八九十两几半今明去前后每满近快])年三十(?![一二三四五六七八九多来几岁年个万块])|除夕|大年夜|(?:大年|(?<![0-9一二三四五六七八九十两几半今明去前每])年)初[一二三四五六七八九])(?:夜|晚上?)?(?:当天|那天)?(?:{_UP_TO}|(?!以|之|过|后|前))", zh_calendar.festival),
        (rf"(?P<festival>{'|'.join((*zh_calendar.FESTIVALS, *zh_calendar.SOLAR_TERMS))})(?:节|夜)?(?:当天|那天|那晚)?(?:{_UP_TO}|(?!假|长|以|之|过|后|前|节|粥|蒜|月饼|上河|扫))", zh_calendar.festival),
        (r"春节(?:当天|那天)", lambda match, today: zh_calendar.lunar_day(match[0], 1, 1, today)),
        (rf"(?:农历|阴历|腊月|正月|冬月)(?:{_N}月)?(?:初|{_N})*{_N}?(?:号|日)?", _vague),
        (rf"(今年|明年|去年)?的?(?<![0-9个十])({_N})月份?的?({_N})(?:号|日|(?![0-9个天元块几多来十一二三四五六七八九]))", _day_month),
        (r"(?<![0-9/])(1[0-2]|0?[1-9])/([0-3]?[0-9])(?![0-9/])", _slashed),
        (rf"(?:(?P<which>{_MONTH[1:-1]})|(?P<numbered>{_N})月份?)的?(?:第(?P<nth>[一二三四1-4])|最后一)个?(?:周|星期|礼拜)(?P<day>[一二三四五六日天1-7])", _nth_weekday),
        (rf"(?:(?P<month>{_MONTH[1:-1]})|(?P<weeks>上上|上|下下|下)个?(?:周|星期|礼拜))的?(?:今[天日]|这一?天)", _same_day),
        (rf"{_MONTH}的?({_N}){_DAY}", _in_month),
        (rf"{_MONTH}的?([123][0-9]|[二三]?十[一二三四五六七八九]?|廿[一二三四五六七八九]?)(?![0-9一二三四五六七八九百千万亿块元个天点号日多来几分月期年次遍岁%条家人])", _in_month),
        (rf"(?P<year>今年|明年)的?(?P<month>{_N})月份?的?(?P<part>月?[底末尾初中]|[上中下]旬)(?![国秋])", _part_of_named_year),
        (rf"(?:{_MONTH}的?|(?<![0-9个])({_N})月的?)(月?底|月?末|月?尾|月?初|月?头上?(?![一二两几回次疼痛款条等])|月?中旬?|[上下]旬|[头第]一天|最后一天)(?![国秋])", _part_of_month),
        (r"()()(月底|月末|月尾|月初|(?<![一二三四五六七八九十0-9年个])月头(?![一二两几回次疼痛])|月中旬?(?![国秋])|月?[上下]旬|月最后一天)", _part_of_month),
        (rf"(?:明年)?(元旦|圣诞|平安夜|双十一|双十二|情人节|跨年(?=夜|那|当|前?一?[天晚]))(?:节|夜)?(?:当天|那天|那晚)?(?:{_UP_TO}|(?!假|长|以|之|过|后|前))", _fixed_holiday),
        (rf"({_LONG})节?(?:当天|那天)(?!以|之|过|后|前)", _fixed_holiday),
        (rf"(?:今年|明年)的?({_LONG})(?:妇女|劳动|儿童)?节?(?!以|之|过|后|前|假|长|期)", _fixed_holiday),
        (rf"{_HOLIDAY}(?:节|假期?|长假)?(?:之?后|以后|过后|前)?", _vague),
        (r"(?:今年|年底|一年)的?(?:最后|末了)一天", _end_of_year),
        (r"(?<!半)年(?:底|末|尾)|(?:今年|(?<![0-9一二两三四五六七八九十几半明后去前来多])年)(?:之|以)?内", _end_of_year),
        (r"(?:(?P<month>这个月|本月|这月|当月|下个月|下月)|(?P<weeks>这|本|下)个?(?:周|星期|礼拜)|(?<![0-9一二两三四五六七八九十几半个])月)(?:之|以)?内", _before_its_end),
        (r"(上上|上|这|本|下下|下)?个?(?:周|星期|礼拜|拜)([一二三四五六七日天末1-7])(?![0-9年岁个点块元期])", _week),
        (r"(?<![跟面眼之以然最])(?<!后的)(大前|前|昨|今|赶?明|大后|外后|后)(?:天|日|儿个?)|(今|昨|明)个(?![月星礼周季年])儿?|(当)天", _near),
        ("|".join(_WORDS), lambda match, today: calendar.in_days(match[0], _WORDS[match[0]], today)),
        (rf"{_DURATION}(?:之前|以前)(?=[能就]?(?:还|给|付|转|打|处理))", _after),
        (rf"{_DURATION}(?:之前|以前|前)", _past),
        (r"再?过(?:个)?[两俩2](?:天|日)", _vague),
        (rf"(?:再?过|(?<!最)往?后延?|(?:宽限|缓|容|等|再?给)[我俺咱]?|延期?){_DURATION}(?:之?[后内]|以[后内])?", _after),
        (rf"{_DURATION}(?:之?[后内]|以[后内]|过后|时间内|左右|上下)(?:的(?:今天|这一?天))?", _after),
        (r"(?<![0-9])([0-9]{2,3}|[二三四五六七八九]十[一二三四五六七八九]?)个?(?:小时|钟头)(?:之|以)?[内后]", _hours),
        (rf"(?:{_ROUGH}个?(?:天|日|周|星期|礼拜|月)|个把(?:月|周|星期|礼拜))(?:之|以)?前", _past),
        (rf"(?:{_ROUGH}个?(?:天|日|周|星期|礼拜|月)|个把(?:月|周|星期|礼拜)|十天半(?:个)?月|十天半拉月)(?![份数号])(?:之?[后内]|以[后内])?(?!了没|没)", _vague),
        (rf"(?:{_N}|几)个?工作日(?:之?[内后]|以[内后])?", _vague),
        (r"(?:上|去)(?:个?(?:周|星期|礼拜|月)|年)|前(?:几|两|些|段|阵)(?:天|日|时间|子)|(?<![月年])头(?:几|两)天|刚才(?!我?(?:说|讲|的意思|报|告诉))|早上刚|上次", _past),
        (r"(?:下下?|这|本)个?(?:周|星期|礼拜|月)(?!的?(?:工资|薪|收入|奖金|利息|账单))|(?<!前)[这过][一两几]天|这阵子?|过[段些]时间|过阵子?|改[天日]|回头|(?<![之天周月期点班饭课工会午半刻分钟])以后(?!别|不|都|再也|再(?:商量|谈|聊))|最近|有朝一日|到时候?|等有钱|有钱了?(?:就|再|的时候)|尽快|尽早|明年|年[前后]|过完年|周末", _vague),
        (rf"(?<!没)(?:发|开|领)了?(?:工资|薪水?|支|钱|饷)(?:那天|当天|的时候|之?后|以后|了|日)?|(?:{_INCOME})(?:批?下来|到账|到手|到位|到了|发了|结了|收了|卖了|一到|一发)|等[^你您]{{0,4}}?(?:卖|收|结|拿|领|批)(?:了|到|掉|完|下来).{{0,2}}(?:{_INCOME}|房子?|车子?|货)|发薪日|出粮|开支那天|等[^你您们，。,]{{1,6}}?(?:收|卖|结|批|办)(?:(?:完|掉|好|下来|到手)了?|了(?=再|就|才))", _vague),
        (rf"(?:{_MONTH[1:-1]}|{_N}月)?的?[二三]?十[几来多]{_DAY}", _vague),
        (FOLLOWING.pattern, _vague),
        (rf"[二三]?十?(?:一二|二三|三四|四五|五六|六七|七八|八九){_DAY}", _vague),
        (rf"(?<![0-9])({_N}){_DAY}", lambda match, today: calendar.day_of_month(match[0], _int(match[1]), today)),
    )
)  # fmt: skip
TURNED = re.compile("不|没|别|或|还是|要么|改|算了|剩|其余|余下|另|以后|之后|再|然后|[和跟]|哪|说的是")
"""Between two days: the second is another one, or takes the first back."""
DAY_ALONE = re.compile(rf"(?:{_N}){_DAY}")
BARE_DAY = re.compile(rf"^({_N})(?:号|日)?[吧啊呢]?$")
