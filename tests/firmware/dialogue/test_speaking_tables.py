"""Tables of how amounts, dates, numbers, times and signs are said in Mandarin and English."""

from datetime import date

import pytest

from firmware.dialogue.speaking import in_words, speak, speak_day
from firmware.dialogue.variables import VarKind
from firmware.values import Money

ZH_AMOUNTS = [
    (0, "CNY", "零元"), (1, "CNY", "一分"), (2, "CNY", "两分"), (9, "CNY", "九分"), (10, "CNY", "一角"),
    (20, "CNY", "两角"), (22, "CNY", "两角二分"), (50, "CNY", "五角"), (99, "CNY", "九角九分"), (100, "CNY", "一元"),
    (101, "CNY", "一元零一分"), (120, "CNY", "一元二角"), (122, "CNY", "一元二角二分"), (200, "CNY", "两元"),
    (202, "CNY", "两元零二分"), (220, "CNY", "两元二角"), (1000, "CNY", "十元"), (1100, "CNY", "十一元"),
    (1200, "CNY", "十二元"), (2000, "CNY", "二十元"), (2200, "CNY", "二十二元"), (10000, "CNY", "一百元"),
    (10100, "CNY", "一百零一元"), (11000, "CNY", "一百一十元"), (11100, "CNY", "一百一十一元"),
    (20000, "CNY", "二百元"), (22200, "CNY", "二百二十二元"), (100000, "CNY", "一千元"), (100500, "CNY", "一千零五元"),
    (101000, "CNY", "一千零一十元"), (105000, "CNY", "一千零五十元"), (110000, "CNY", "一千一百元"),
    (200000, "CNY", "两千元"), (222200, "CNY", "两千二百二十二元"), (1000000, "CNY", "一万元"),
    (1000500, "CNY", "一万零五元"), (1005000, "CNY", "一万零五十元"), (1050000, "CNY", "一万零五百元"),
    (1200000, "CNY", "一万二千元"), (2000000, "CNY", "两万元"), (2200000, "CNY", "两万二千元"),
    (10000000, "CNY", "十万元"), (10000500, "CNY", "十万零五元"), (12345600, "CNY", "十二万三千四百五十六元"),
    (20000000, "CNY", "二十万元"), (100000000, "CNY", "一百万元"), (1000000000, "CNY", "一千万元"),
    (2000000000, "CNY", "两千万元"), (10000000000, "CNY", "一亿元"), (20000000000, "CNY", "两亿元"),
    (10000000500, "CNY", "一亿零五元"), (10500000000, "CNY", "一亿零五百万元"), 
    (123456789012, "CNY", "十二亿三千四百五十六万七千八百九十元一角二分"),
    (150, "USD", "一美元五十美分"), (102, "USD", "一美元零两美分"), (2, "USD", "两美分"), (200, "EUR", "两欧元"),
    (1999, "GBP", "十九英镑九十九便士"), (5, "GBP", "五便士"), (3000, "JPY", "三千日元"), (10050, "HKD", "一百港元五十港仙"),
    (200, "THB", "两泰铢"),
]  # fmt: skip
EN_AMOUNTS = [
    (0, "USD", "zero dollars"), (1, "USD", "one cent"), (2, "USD", "two cents"), (99, "USD", "ninety-nine cents"),
    (100, "USD", "one dollar"), (101, "USD", "one dollar and one cent"), (200, "USD", "two dollars"),
    (1000, "USD", "ten dollars"), (1100, "USD", "eleven dollars"), (1200, "USD", "twelve dollars"),
    (1300, "USD", "thirteen dollars"), (2000, "USD", "twenty dollars"), (2100, "USD", "twenty-one dollars"),
    (10000, "USD", "one hundred dollars"), (10100, "USD", "one hundred and one dollars"),
    (11000, "USD", "one hundred and ten dollars"), (12345, "USD", "one hundred and twenty-three dollars and forty-five cents"),
    (99900, "USD", "nine hundred and ninety-nine dollars"), (100000, "USD", "one thousand dollars"),
    (100500, "USD", "one thousand and five dollars"), (110000, "USD", "one thousand one hundred dollars"),
    (120050, "USD", "one thousand two hundred dollars and fifty cents"),
    (1000000, "USD", "ten thousand dollars"), (10000000, "USD", "one hundred thousand dollars"),
    (100000000, "USD", "one million dollars"), (100000100, "USD", "one million and one dollars"),
    (101000000, "USD", "one million ten thousand dollars"), (100, "GBP", "one pound"), (1, "GBP", "one penny"),
    (199, "GBP", "one pound and ninety-nine pence"), (42050, "GBP", "four hundred and twenty pounds and fifty pence"),
    (100, "EUR", "one euro"), (250, "EUR", "two euros and fifty cents"), (100, "CNY", "one yuan"),
    (1, "CNY", "one fen"), (3000, "JPY", "three thousand yen"), (100, "INR", "one rupee"),
    (205, "INR", "two rupees and five paise"), (100, "MXN", "one Mexican peso"),
    (500, "KES", "five Kenyan shillings"), (100, "CHF", "one Swiss franc"),
]  # fmt: skip


@pytest.mark.parametrize(("minor", "currency", "said"), ZH_AMOUNTS)
def test_amounts_in_mandarin(minor: int, currency: str, said: str) -> None:
    assert speak(Money(minor, currency), "zh-CN") == said


@pytest.mark.parametrize(("minor", "currency", "said"), EN_AMOUNTS)
def test_amounts_in_english(minor: int, currency: str, said: str) -> None:
    assert speak(Money(minor, currency), "en") == said


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        ("0", "零", "zero"),
        ("0917", "零九一七", "zero nine one seven"),
        ("1111", "一一一一", "one one one one"),
        ("95588", "九五五八八", "nine five five eight eight"),
        ("10086", "幺零零八六", "one zero zero eight six"),
        ("12315", "幺二三幺五", "one two three one five"),
        ("110", "幺幺零", "one one zero"),
        (
            "13812345678",
            "幺三八，幺二三四，五六七八",
            "one three eight, one two three four, five six seven eight",
        ),
        ("4008101234", "四零零，八幺零，幺二三四", "four zero zero, eight one zero, one two three four"),
        (
            "01088889999",
            "零幺零，八八八八，九九九九",
            "zero one zero, eight eight eight eight, nine nine nine nine",
        ),
        (
            "057188881234",
            "零五七幺，八八八八，幺二三四",
            "zero five seven one, eight eight eight eight, one two three four",
        ),
        ("2125550198", "二一二五五五零一九八", "two one two, five five five, zero one nine eight"),
        ("5550198", "五五五零一九八", "five five five, zero one nine eight"),
    ],
)
def test_numbers_that_are_read_out(value: str, zh: str, en: str) -> None:
    assert speak(value, "zh-CN", VarKind.DIGITS) == zh
    assert speak(value, "en", VarKind.DIGITS) == en


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (date(2026, 3, 5), "三月五号", "the fifth of March"),
        (date(2026, 1, 2), "一月二号", "the second of January"),
        (date(2026, 2, 3), "二月三号", "the third of February"),
        (date(2026, 10, 10), "十月十号", "the tenth of October"),
        (date(2026, 11, 11), "十一月十一号", "the eleventh of November"),
        (date(2026, 12, 12), "十二月十二号", "the twelfth of December"),
        (date(2026, 4, 13), "四月十三号", "the thirteenth of April"),
        (date(2026, 6, 20), "六月二十号", "the twentieth of June"),
        (date(2026, 7, 21), "七月二十一号", "the twenty-first of July"),
        (date(2026, 9, 29), "九月二十九号", "the twenty-ninth of September"),
        (date(2026, 8, 31), "八月三十一号", "the thirty-first of August"),
    ],
)
def test_days(value: date, zh: str, en: str) -> None:
    assert speak(value, "zh-CN") == zh
    assert speak(value, "en") == en


def test_a_day_with_weekday_and_year() -> None:
    assert speak_day(date(2026, 12, 13), "zh-CN") == "十二月十三号星期日"
    far = date(2026, 6, 1)
    assert speak(date(2005, 12, 13), "en", today=far) == "the thirteenth of December two thousand and five"
    assert speak(date(1999, 12, 13), "en", today=far) == "the thirteenth of December nineteen ninety-nine"
    assert speak(date(2010, 1, 2), "zh-CN", today=far) == "二零一零年一月二号"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("是请按1，不是按2。", "是请按一，不是按二。"),
        ("请按0、3、0、5。", "请按零、三、零、五。"),
        ("请按12", "请按十二"),
        ("第2次", "第二次"),
        ("第12期", "第十二期"),
        ("2个工作日", "两个工作日"),
        ("12个月", "十二个月"),
        ("22天", "二十二天"),
        ("2次", "两次"),
        ("2期", "两期"),
        ("2小时", "两小时"),
        ("3-5天", "三到五天"),
        ("2~3个工作日", "二到三个工作日"),
        ("10%", "百分之十"),
        ("12.5%", "百分之十二点五"),
        ("0.05%", "百分之零点零五"),
        ("100%", "百分之一百"),
        ("3‰", "千分之三"),
        ("8:30", "早上八点半"),
        ("9:00", "上午九点"),
        ("12:00", "中午十二点"),
        ("14:00", "下午两点"),
        ("14:05", "下午两点零五分"),
        ("18:45", "晚上六点四十五分"),
        ("0:15", "凌晨零点十五分"),
        ("下午2:00", "下午两点"),
        ("上午10:20", "上午十点二十分"),
        ("9:00-18:00", "上午九点到晚上六点"),
        ("9:00至17:30", "上午九点至下午五点半"),
        ("25:00", "二十五:零零"),
        ("2026年3月5日", "二零二六年三月五日"),
        ("2026-03-05", "二零二六年三月五日"),
        ("2026/12/31前", "二零二六年十二月三十一日前"),
        ("3月5号", "三月五号"),
        ("每月20日", "每月二十日"),
        ("¥1,234.50", "一千二百三十四元五角"),
        ("￥200", "二百元"),
        ("1000元", "一千元"),
        ("2元", "两元"),
        ("12.50元", "十二元五角"),
        ("0.5元", "五角"),
        ("1,005元", "一千零五元"),
        ("$5", "五美元"),
        ("100美元", "一百美元"),
        ("3.14", "三点一四"),
        ("1.5倍", "一点五倍"),
        ("拨打95588", "拨打九五五八八"),
        ("请致电10086。", "请致电幺零零八六。"),
        ("拨打110", "拨打幺幺零"),
        ("电话：4008101234", "电话：四零零，八幺零，幺二三四"),
        ("电话400-810-1234", "电话四零零，八幺零，幺二三四"),
        ("热线010-88889999", "热线零幺零，八八八八，九九九九"),
        ("手机13812345678", "手机幺三八，幺二三四，五六七八"),
        ("尾号1234的卡", "尾号幺二三四的卡"),
        ("尾号0917", "尾号零九幺七"),
        ("工号1024", "工号幺零二四"),
        ("重听请按*", "重听请按星号键"),
        ("重听请按*键", "重听请按星号键"),
        ("以#键结束", "以井号键结束"),
        ("2人", "两人"),
        ("10000名用户", "一万名用户"),
        ("拨打10000", "拨打幺零零零零"),
        ("2000", "两千"),
        ("1001", "一千零一"),
        ("12345678901234567", "一二三四五六七八九零一二三四五六七"),
        ("10-15天", "十到十五天"),
        ("1000-2000元", "一千到两千元"),
        ("10000-20000元", "一万到两万元"),
        ("¥1000-¥2000", "一千元到两千元"),
        ("-5元", "负五元"),
        ("USD 12.5", "十二美元五十美分"),
        ("+86 138 0013 8000", "加八六，幺三八，零零幺三，八零零零"),
        ("+86-13800138000", "加八六，幺三八，零零幺三，八零零零"),
        ("0755 8888 9999", "零七五五，八八八八，九九九九"),
        ("尾号０１２３", "尾号零幺二三"),
        ("3.65％", "百分之三点六五"),
        ("没有数字", "没有数字"),
        ("", ""),
    ],
)
def test_figures_in_chinese_wording(text: str, said: str) -> None:
    assert in_words(text, "zh-CN") == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("For yes press 1, for no 2.", "For yes press one, for no two."),
        ("0, 3, 0, 5.", "zero, three, zero, five."),
        ("press 12", "press twelve"),
        ("10-15 days", "ten to fifteen days"),
        ("$100-$200", "one hundred dollars to two hundred dollars"),
        ("-$5", "minus five dollars"),
        ("call 1-800-555-0199", "call one, eight zero zero, five five five, zero one nine nine"),
        ("(800) 555-0199", "eight zero zero, five five five, zero one nine nine"),
        ("+44 20 7946 0958.", "plus four four, two zero, seven nine four six, zero nine five eight."),
        ("1st", "first"),
        ("2nd reminder", "second reminder"),
        ("the 23rd time", "the twenty-third time"),
        ("12th", "twelfth"),
        ("10%", "ten percent"),
        ("12.5 %", "twelve point five percent"),
        ("0.05%", "zero point zero five percent"),
        ("8:30", "eight thirty a.m."),
        ("8:30 pm", "eight thirty p.m."),
        ("8:05 a.m.", "eight oh five a.m."),
        ("17:00", "five p.m."),
        ("9 am to 5 pm", "nine a.m. to five p.m."),
        ("9am", "nine a.m."),
        ("12:00", "noon"),
        ("00:00", "midnight"),
        ("12:30", "twelve thirty p.m."),
        ("0:30", "twelve thirty a.m."),
        ("12:15 am", "twelve fifteen a.m."),
        ("9:00-17:30", "nine a.m. to five thirty p.m."),
        ("25:00", "twenty-five:zero zero"),
        ("2026-03-05", "the fifth of March twenty twenty-six"),
        ("March 5", "the fifth of March"),
        ("March 5th, 2026", "the fifth of March twenty twenty-six"),
        ("5 March 2026", "the fifth of March twenty twenty-six"),
        ("the 5th of March", "the fifth of March"),
        ("on 21 Dec", "on the twenty-first of December"),
        ("Sept 30", "the thirtieth of September"),
        ("in 2026", "in twenty twenty-six"),
        ("since 2005", "since two thousand and five"),
        ("since 1999", "since nineteen ninety-nine"),
        ("until 2000", "until two thousand"),
        ("$1,234.50", "one thousand two hundred and thirty-four dollars and fifty cents"),
        ("$5", "five dollars"),
        ("$0.99", "ninety-nine cents"),
        ("£1", "one pound"),
        ("€2.5", "two euros and fifty cents"),
        ("¥100", "one hundred yuan"),
        ("USD 20", "twenty dollars"),
        ("20 EUR", "twenty euros"),
        ("$1.234", "one point two three four dollars"),
        ("2.5 days", "two point five days"),
        ("3-5 days", "three to five days"),
        ("1,000 points", "one thousand points"),
        ("95588", "nine five five eight eight"),
        ("call 800-555-0199", "call eight zero zero, five five five, zero one nine nine"),
        ("call 8005550199", "call eight zero zero, five five five, zero one nine nine"),
        ("ending 1234", "ending one two three four"),
        ("card ending in 0917", "card ending in zero nine one seven"),
        ("code 12", "code one two"),
        ("extension 204", "extension two zero four"),
        ("reference number 4711", "reference number four seven one one"),
        ("the last four digits", "the last four digits"),
        ("press * to repeat", "press star to repeat"),
        ("end with #", "end with hash"),
        ("end with # key.", "end with hash."),
        ("terms & conditions", "terms and conditions"),
        ("24 hours", "twenty-four hours"),
        ("100", "one hundred"),
        ("007", "zero zero seven"),
        ("No figures. At all", "No figures. At all"),
        ("It may take 2 weeks", "It may take two weeks"),
        ("", ""),
    ],
)
def test_figures_in_english_wording(text: str, said: str) -> None:
    assert in_words(text, "en") == said
