"""A name written for one language as the box says it in another: 王小明 in English, José in Chinese.

A name in Chinese characters is said in English by its readings, surname first and without tones, as it stands in a
passport; a title becomes the English one. Letters in a Chinese prompt are said by the voice's English.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources

from firmware.dialogue.variables import VarKind

ACCOUNT_HOLDER: Mapping[str, str] = {"en": "the account holder", "zh": "账户持有人"}
"""Who is asked for where a name cannot be said at all."""
MAX_HAN_OF_NAME = 4
"""A person's name without a dot in it is no longer; what is longer is something else."""

_HAN = "\u4e00-\u9fff"
_RUNS = re.compile(rf"[{_HAN}]+|[A-Za-zÀ-ÖØ-öø-ÿĀ-ſ.'’\- ]+|[·•・]")
_PLAIN = re.compile(f"[{_HAN}]{{1,{MAX_HAN_OF_NAME}}}")
_DOTS = frozenset("·•・")
_MARKS = str.maketrans(
    {"’": "'", "ʼ": "'", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i"}
)  # fmt: skip
"""Letters with a mark that Unicode does not take apart."""

_SURNAMES: Mapping[str, str] = {
    # Characters that are read otherwise as a surname than anywhere else.
    "单": "shan", "單": "shan", "解": "xie", "仇": "qiu", "曾": "zeng", "查": "zha", "区": "ou", "區": "ou",
    "朴": "piao", "樸": "piao", "盖": "ge", "蓋": "ge", "翟": "zhai", "缪": "miao", "繆": "miao", "晁": "chao",
    "乐": "yue", "樂": "yue", "种": "chong", "员": "yun", "員": "yun", "秘": "bi", "繁": "po", "黑": "he",
    "折": "she", "纪": "ji", "覃": "qin", "谌": "chen", "諶": "chen", "任": "ren", "祭": "zhai", "逄": "pang",
    "车": "che", "召": "shao", "尹": "yin", "乜": "nie", "牟": "mou", "宓": "mi", "隗": "wei", "应": "ying",
    "宁": "ning", "那": "na", "洗": "xian", "能": "nai", "贾": "jia", "賈": "jia", "石": "shi", "沈": "shen",
    "柏": "bai", "薄": "bo", "郇": "xun", "谷": "gu", "都": "du", "盛": "sheng", "令": "ling", "曲": "qu",
    "相": "xiang", "华": "hua", "燕": "yan", "葛": "ge", "仉": "zhang", "麦": "mai", "佘": "she", "尉": "wei",
    "俞": "yu", "卜": "bu", "长": "chang", "降": "jiang", "阚": "kan", "闞": "kan", "句": "gou", "费": "fei",
}  # fmt: skip
_COMPOUND: Mapping[str, str] = {
    "欧阳": "ouyang", "歐陽": "ouyang", "司马": "sima", "司馬": "sima", "上官": "shangguan", "诸葛": "zhuge",
    "諸葛": "zhuge", "司徒": "situ", "尉迟": "yuchi", "尉遲": "yuchi", "皇甫": "huangfu", "慕容": "murong",
    "令狐": "linghu", "长孙": "zhangsun", "長孫": "zhangsun", "夏侯": "xiahou", "公孙": "gongsun",
    "公孫": "gongsun", "轩辕": "xuanyuan", "端木": "duanmu", "独孤": "dugu", "南宫": "nangong", "南宮": "nangong",
    "万俟": "moqi", "闻人": "wenren", "赫连": "helian", "宇文": "yuwen", "濮阳": "puyang",
    "淳于": "chunyu", "单于": "chanyu", "申屠": "shentu", "钟离": "zhongli", "鲜于": "xianyu", "鮮于": "xianyu",
    "闾丘": "lyuqiu", "司空": "sikong", "亓官": "qiguan", "颛孙": "zhuansun", "漆雕": "qidiao", "乐正": "yuezheng",
    "拓跋": "tuoba", "谷梁": "guliang", "呼延": "huyan", "左丘": "zuoqiu", "东郭": "dongguo", "東郭": "dongguo",
    "百里": "baili", "西门": "ximen", "西門": "ximen", "纳兰": "nalan", "完颜": "wanyan", "耶律": "yelyu",
    "羊舌": "yangshe", "梁丘": "liangqiu", "澹台": "tantai", "公冶": "gongye", "太史": "taishi",
}  # fmt: skip
_IN_NAMES: Mapping[str, str] = {
    "茜": "xi", "莎": "sha", "乐": "le", "颉": "jie", "少": "shao", "行": "xing", "长": "chang", "重": "chong",
    "都": "du", "仔": "zai", "俟": "si", "地": "di", "得": "de", "和": "he", "为": "wei", "好": "hao",
    "柏": "bai", "蔚": "wei", "晟": "sheng", "琪": "qi", "朝": "chao", "单": "dan", "曾": "zeng", "朴": "pu",
}  # fmt: skip
"""Characters of given names that are mostly read otherwise elsewhere."""
_TITLES: Mapping[str, str] = {
    "先生": "Mr", "女士": "Ms", "小姐": "Miss", "太太": "Mrs", "夫人": "Mrs", "老师": "Teacher", "老師": "Teacher",
    "医生": "Dr", "醫生": "Dr", "大夫": "Dr", "博士": "Dr", "教授": "Professor",
}  # fmt: skip
_TITLED = re.compile(f"(.+?)({'|'.join(_TITLES)})$")
_KINDS_OF_OFFICE: Mapping[str, str] = {
    "银行": "Bank", "銀行": "Bank", "农商": "Rural Commercial", "农村商业": "Rural Commercial", "商业": "Commercial",
    "信用社": "Credit Union", "消费金融": "Consumer Finance", "金融": "Finance", "保险": "Insurance",
    "人寿": "Life", "证券": "Securities", "基金": "Fund", "信托": "Trust", "租赁": "Leasing", "集团": "Group",
    "股份": "", "有限": "", "责任": "", "公司": "Company", "物业": "Property", "管理": "Management", "服务": "Services",
    "中心": "Centre", "客服": "Customer Service", "科技": "Technology", "电信": "Telecom", "移动": "Mobile",
    "联通": "Unicom", "电力": "Electricity", "供电": "Electricity", "燃气": "Gas", "水务": "Water", "自来水": "Water",
    "热力": "Heating", "医院": "Hospital", "大学": "University", "学校": "School", "学院": "College", "酒店": "Hotel",
    "汽车": "Motors", "分行": "Branch", "支行": "Branch", "分公司": "Branch", "营业厅": "Service Centre",
    "中国": "China", "国际": "International", "第一": "First", "邮政": "Post", "农业": "Agricultural", "工商": "Commerce",
}  # fmt: skip
_OFFICE_WORDS = re.compile("|".join(sorted(_KINDS_OF_OFFICE, key=len, reverse=True)))
_IS_OFFICE = re.compile(
    "(?:银行|銀行|信用社|金融|保险|人寿|证券|基金|信托|租赁|集团|公司|物业|中心|客服|电信|移动|联通|电力|供电|燃气"
    "|水务|自来水|热力|医院|大学|学校|学院|酒店|分行|支行|营业厅)$"
)


def in_other_script(value: str, language: str, kind: VarKind) -> str | None:
    """Return how a voice for `language` says a name or an office's name written in another script; None: it cannot."""
    if language.startswith("zh"):
        return _without_marks(value)
    return _person(value) if kind is VarKind.NAME else _office(value)


def _without_marks(value: str) -> str:
    apart = unicodedata.normalize("NFD", value.translate(_MARKS))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


@lru_cache(maxsize=256)
def _person(value: str) -> str | None:
    if _PLAIN.fullmatch(value) and value[-2:] not in _TITLES:  # as almost every name is, and lists are long
        return _whole_name(value) or None
    text = unicodedata.normalize("NFKC", value).strip()
    text = re.sub(rf"(?<=[{_HAN}])\s+(?=[{_HAN}])", "", text)
    if text in _TITLES:
        return None
    title, titled = "", _TITLED.match(text)
    if titled is not None:
        text, title = titled[1].strip(), _TITLES[titled[2]] + " "
    runs = _RUNS.findall(text)
    if "".join(runs) != text or not runs:
        return None
    has_dots = any(run in _DOTS for run in runs)
    said: list[str] = []
    for run in runs:
        if run in _DOTS:
            continue
        if not _is_han(run):
            said.append(run.strip())
        elif has_dots or said:
            said.append(_word(_syllables(run)))
        elif len(run) > MAX_HAN_OF_NAME:
            return None
        else:
            said.append(_whole_name(run))
    words = " ".join(word for word in said if word)
    return f"{title}{words}" if words and all(said) else None


def _whole_name(characters: str) -> str:
    """Return surname and given name: 曾小明 is Zeng Xiaoming, 欧阳娜娜 Ouyang Nana."""
    compound = _COMPOUND.get(characters[:2])
    surname = compound or _SURNAMES.get(characters[0]) or _readings().get(characters[0], "")
    given = _syllables(characters[2 if compound else 1 :])
    if not surname or not all(given):
        return ""
    return f"{surname.capitalize()} {_word(given)}".strip()


def _syllables(characters: str) -> list[str]:
    return [_IN_NAMES.get(char) or _readings().get(char, "") for char in characters]


def _word(syllables: list[str]) -> str:
    """Return syllables as one word, with the apostrophe of Xi'an; empty where one is not known."""
    if not all(syllables):
        return ""
    parts = [("'" if place and each[0] in "aeo" else "") + each for place, each in enumerate(syllables)]
    return "".join(parts).capitalize()


@lru_cache(maxsize=256)
def _office(value: str) -> str | None:
    """Return 晨光银行 as Chenguang Bank; None for what does not end as an office's name does."""
    text = re.sub(r"\s+", "", unicodedata.normalize("NFKC", value))
    if not _IS_OFFICE.search(text):
        return None
    words: list[str] = []
    begin = 0
    for match in [*_OFFICE_WORDS.finditer(text), None]:
        between = text[begin : match.start() if match is not None else len(text)]
        for run in re.findall(rf"[{_HAN}]+|[^{_HAN}]+", between):
            word = _word([_readings().get(char, "") for char in run]) if _is_han(run) else run.strip("()（）")
            if not word or len(run) > 2 * MAX_HAN_OF_NAME:
                return None
            words.append(word)
        if match is not None:
            words += [_KINDS_OF_OFFICE[match[0]]] if _KINDS_OF_OFFICE[match[0]] else []
            begin = match.end()
    return " ".join(words)


def _is_han(run: str) -> bool:
    return re.fullmatch(rf"[{_HAN}]+", run) is not None


@cache
def _readings() -> Mapping[str, str]:
    table = resources.files(__package__).joinpath("name_readings.txt").read_text(encoding="utf-8")
    return {
        char: syllable
        for syllable, _, found in (line.partition(" ") for line in table.splitlines())
        for char in found
    }
