"""How characters with several readings are read where a payment is talked about; the first row that fits decides.

A row is a pattern over Chinese text and one syllable for each character it matches; what stands in a look-around is
only looked at. What no row matches is read by the dictionary.
"""

import re
from typing import NamedTuple


class Reading(NamedTuple):
    """Part of a text: its syllables if a row of the table reads it, none if the dictionary must."""

    text: str
    syllables: tuple[str, ...]


_AMOUNT = "[零〇一二两三四五六七八九十百千万亿]"
_STOP = r"(?=$|[\s，。！？；：、,.!?;:吗吧呢呀了])"
_TITLE = "(?=[\u4e00-\u9fff]{0,2}(?:先生|女士|小姐|老师|经理))"

_ROWS = (
    # 还: huán is to repay, hái is still. First what is surely "still".
    ("还(?=不[能可会想行知太到])", "hai2"),
    ("还(?=[有没是在需未差剩欠会])(?!欠款)", "hai2"),
    ("还(?=[要想能可应])", "hai2"),
    ("归还|偿还|退还|交还|返还|清还|筹还|补还", {"归": "gui1", "偿": "chang2", "退": "tui4", "交": "jiao1", "返": "fan3",
     "清": "qing1", "筹": "chou2", "补": "bu3", "还": "huan2"}),
    ("还[款钱清账贷债本息完掉上够满齐全]", {"还": "huan2", "款": "kuan3", "钱": "qian2", "清": "qing1", "账": "zhang4",
     "贷": "dai4", "债": "zhai4", "本": "ben3", "息": "xi1", "完": "wan2", "掉": "diao4", "上": "shang4",
     "够": "gou4", "满": "man3", "齐": "qi2", "全": "quan2"}),
    ("还不(?=[起清上了完])", "huan2 bu5"),
    (f"还(?={_AMOUNT}*[点元块万千百角分笔半部期])", "huan2"),
    (f"还(?={_AMOUNT})", "huan2"),
    ("还(?=最低|利息|全部|全额|部分|欠款|信用|多少|哪|这|给|到|请|日)", "huan2"),
    ("(?<=[待应未已能可会要想来去先后前再不没没法以期款意月天日次时])还(?![有没是在需未差剩])", "huan2"),
    (f"还{_STOP}", "huan2"),
    # 行: háng is a bank, xíng is to go or all right.
    ("行长", "hang2 zhang3"),
    ("(?<=[银分支总本我贵他跨央商农工建交招中开发同卡户])行(?![吗吧动不为程])", "hang2"),
    ("行(?=号|业|情|员)", "hang2"),
    # 重: chóng is again, zhòng is heavy.
    ("重(?=新|复|播|听|拨|打|输|试|来|申|签|置|说|审|核|查|发|做|算)", "chong2"),
    # 长: zhǎng is to grow or to head, cháng is long.
    ("(?<=[部局处科校院会厅所组店家队市省县乡镇村增成生助])长", "zhang3"),
    ("长(?=大|辈|官|相)", "zhang3"),
    ("长(?=期|短|途|时|假|久)", "chang2"),
    ("(?<=[延时])长", "chang2"),
    # 得: děi is must, de5 a particle, dé to get.
    ("(?<=[记觉懂值显舍晓])得", "de5"),
    ("(?<=[您你我他她它们])得(?=[还付缴交去来先在把给])", "dei3"),
    ("得(?=到|知|出|以)", "de2"),
    ("了(?=解|结|然)", "liao3"),
    ("(?<=[受少免不])了(?=[的吗]|$)", "liao3"),
    # 应: yīng is ought, yìng to answer.
    ("应(?=还|付|收|缴|该|当|交|计|偿|届)", "ying1"),
    ("(?<=[对相响反适供回答])应", "ying4"),
    # 为: wèi is for, wéi is to be.
    ("为(?=您|你|我|了|此|何|什么|客户|大家|保护|保障|避免|方便|确保)", "wei4"),
    ("(?<=因)为", "wei4"),
    (f"为(?={_AMOUNT}|准|止|期|主|人民币|零)", "wei2"),
    ("(?<=[作成称认以分视改定])为", "wei2"),
    ("调(?=整|解|节|试|额|低|高|减|配)", "tiao2"),
    ("(?<=[协上下])调", "tiao2"),
    ("调(?=查|取|动|用|出|阅)", "diao4"),
    ("(?<=[利费税汇概比频效])率", "lv4"),
    ("率(?=先|领)", "shuai4"),
    ("给(?=予|付)", "ji3"),
    ("(?<=[供补])给", "ji3"),
    ("差(?=额|价|别|异|距|错)", "cha1"),
    ("(?<=[出])差", "chai1"),
    ("(?<=[还相])差(?=[一二三四五六七八九十百千两几多点])", "cha4"),
    ("当(?=月|天|日|期|前|时|地|事|面|场)", "dang1"),
    ("(?<=[适妥上恰])当", "dang4"),
    ("更(?=改|新|换|正|名)", "geng1"),
    ("(?<=变)更", "geng1"),
    ("便宜", "pian2 yi5"),
    ("便(?=利|于|民|捷)|(?<=方)便", "bian4"),
    ("处(?=理|于|分|罚|置)", "chu3"),
    ("(?<=[办好到各何用])处", "chu4"),
    ("数(?=字|额|量|据|目|码|值)", "shu4"),
    ("分(?=期|行|钟|钱|别|次|批|摊|户)", "fen1"),
    ("(?<=部)分", "fen5"),
    ("载(?=明|入)", "zai4"),
    ("(?<=下)载", "zai4"),
    ("参(?=加|考|与)", "can1"),
    ("划(?=扣|款|转|账)", "hua2"),
    ("(?<=[计规])划", "hua4"),
    ("扣(?=款|费|除)", "kou4"),
    ("(?<=[征诚可相])信", "xin4"),
    ("兴(?=业|旺|趣)", {"兴": "xing1"}),
    ("中奖|(?<=[打猜])中", {"中": "zhong4", "奖": "jiang3"}),
    ("种(?=类|子)", "zhong3"),
    ("相(?=关|应|同|互|信|对|当)", "xiang1"),
    ("倒(?=闭)", "dao3"),
    ("似(?=的)", "shi4"),
    ("朝(?=阳)", "chao2"),
    ("嗯", "en4"),
    ("幺", "yao1"),
    ("哪儿|这儿|那儿", {"哪": "na3", "这": "zhe4", "那": "na4", "儿": "er5"}),
    # Surnames that are other words.
    (f"单{_TITLE}", "shan4"),
    (f"仇{_TITLE}", "qiu2"),
    (f"解{_TITLE}", "xie4"),
    (f"曾{_TITLE}", "zeng1"),
    (f"任{_TITLE}", "ren2"),
    (f"区{_TITLE}", "ou1"),
    (f"朴{_TITLE}", "piao2"),
    (f"查{_TITLE}", "zha1"),
    (f"华{_TITLE}", "hua4"),
    (f"盖{_TITLE}", "ge3"),
    (f"翟{_TITLE}", "zhai2"),
    (f"缪{_TITLE}", "miao4"),
    (f"宁{_TITLE}", "ning4"),
    (f"乐{_TITLE}", "yue4"),
    (f"燕{_TITLE}", "yan1"),
    (f"纪{_TITLE}", "ji3"),
    (f"召{_TITLE}", "shao4"),
    (f"繁{_TITLE}", "po2"),
)  # fmt: skip
_TABLE = tuple((re.compile(pattern), reading) for pattern, reading in _ROWS)


def read_known(text: str) -> list[Reading]:
    """Return the text in parts, those that the table knows with their syllables."""
    parts: list[Reading] = []
    position = plain_from = 0
    while position < len(text):
        found = _at(text, position)
        if found is None:
            position += 1
            continue
        if position > plain_from:
            parts.append(Reading(text[plain_from:position], ()))
        parts.append(found)
        position = plain_from = position + len(found.text)
    if plain_from < len(text):
        parts.append(Reading(text[plain_from:], ()))
    return parts


def _at(text: str, position: int) -> Reading | None:
    for pattern, reading in _TABLE:
        match = pattern.match(text, position)
        if match is None or not match[0]:
            continue
        syllables = reading.split() if isinstance(reading, str) else [reading[one] for one in match[0]]
        return Reading(match[0], tuple(syllables))
    return None
