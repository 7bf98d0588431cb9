"""Characters with several readings, as they are read where a payment is talked about."""

import pytest

from audio.speech.mandarin_readings import read_known
from audio.speech.mandarin_sounds import sounds_of
from audio.speech.phonemes import english_phonemes, mandarin_phonemes


@pytest.mark.parametrize(
    ("text", "character", "readings"),
    [
        # 还: huán, to repay
        ("请您尽快还款", "还", ["huan2"]),
        ("还款日是十号", "还", ["huan2"]),
        ("已经还清了", "还", ["huan2"]),
        ("我明天还钱", "还", ["huan2"]),
        ("能还请按一", "还", ["huan2"]),
        ("已还请按三", "还", ["huan2"]),
        ("应还两千元", "还", ["huan2"]),
        ("前还", "还", ["huan2"]),
        ("还", "还", ["huan2"]),
        ("请归还欠款", "还", ["huan2"]),
        ("请偿还本金", "还", ["huan2"]),
        ("还一千元", "还", ["huan2"]),
        ("还五百块", "还", ["huan2"]),
        ("还多少", "还", ["huan2"]),
        ("可以先还一部分", "还", ["huan2"]),
        ("还最低还款额", "还", ["huan2", "huan2"]),
        ("按时还", "还", ["huan2"]),
        ("还不起", "还", ["huan2"]),
        ("已经还了", "还", ["huan2"]),
        ("还上了", "还", ["huan2"]),
        ("分期还", "还", ["huan2"]),
        ("还利息", "还", ["huan2"]),
        ("没还", "还", ["huan2"]),
        ("无法还", "还", ["huan2"]),
        # 还: hái, still
        ("还有三天", "还", ["hai2"]),
        ("还没有收到", "还", ["hai2"]),
        ("还是", "还", ["hai2"]),
        ("还需要", "还", ["hai2"]),
        ("还可以", "还", ["hai2"]),
        ("还在处理", "还", ["hai2"]),
        ("还差五百元", "还", ["hai2"]),
        ("您还欠一千元", "还", ["hai2"]),
        ("还会再联系", "还", ["hai2"]),
        ("还不知道", "还", ["hai2"]),
        ("还剩两期", "还", ["hai2"]),
        # both in one breath
        ("还没还清", "还", ["hai2", "huan2"]),
        ("您还能还吗", "还", ["hai2", "huan2"]),
        ("还需要还一千元", "还", ["hai2", "huan2"]),
        ("还想还一部分", "还", ["hai2", "huan2"]),
        ("还要还两期", "还", ["hai2", "huan2"]),
        # 行, 重, 长
        ("中国银行", "行", ["hang2"]),
        ("分行行长", "行", ["hang2", "hang2"]),
        ("发卡行", "行", ["hang2"]),
        ("招行客服", "行", ["hang2"]),
        ("重新输入", "重", ["chong2"]),
        ("再重复一遍", "重", ["chong2"]),
        ("重听请按星号", "重", ["chong2"]),
        ("行长", "长", ["zhang3"]),
        ("增长", "长", ["zhang3"]),
        ("延长", "长", ["chang2"]),
        ("长期", "长", ["chang2"]),
        ("时长", "长", ["chang2"]),
        # 应, 为, 得, 了, 调, 率, 差, 更, 便, 给, 当, 数, 分
        ("应付金额", "应", ["ying1"]),
        ("没有对应", "应", ["ying4"]),
        ("为您服务", "为", ["wei4"]),
        ("金额为一千元", "为", ["wei2"]),
        ("因为", "为", ["wei4"]),
        ("为期三天", "为", ["wei2"]),
        ("您记得吗", "得", ["de5"]),
        ("您得先还", "得", ["dei3"]),
        ("了解情况", "了", ["liao3"]),
        ("调整日期", "调", ["tiao2"]),
        ("调查", "调", ["diao4"]),
        ("利率", "率", ["lv4"]),
        ("差额", "差", ["cha1"]),
        ("更改日期", "更", ["geng1"]),
        ("变更", "更", ["geng1"]),
        ("方便", "便", ["bian4"]),
        ("便宜", "便", ["pian2"]),
        ("给予", "给", ["ji3"]),
        ("当月", "当", ["dang1"]),
        ("适当", "当", ["dang4"]),
        ("数字", "数", ["shu4"]),
        ("分期", "分", ["fen1"]),
        ("一部分", "分", ["fen5"]),
        ("处理", "处", ["chu3"]),
        # names
        ("单伟先生", "单", ["shan4"]),
        ("曾女士", "曾", ["zeng1"]),
        ("仇先生", "仇", ["qiu2"]),
        ("解小姐", "解", ["xie4"]),
    ],
)
def test_how_a_character_is_read(text: str, character: str, readings: list[str]) -> None:
    read = [
        syllable
        for part in read_known(text)
        for one, syllable in zip(part.text, part.syllables, strict=False)
        if one == character
    ]
    assert read == readings
    assert "".join(part.text for part in read_known(text)) == text


@pytest.mark.parametrize(
    "text", ["您好，请问是王先生吗？", "谢谢您的接听，再见！", "进行中", "账单", "长城", ""]
)
def test_the_rest_is_left_to_the_dictionary(text: str) -> None:
    assert not any(part.syllables for part in read_known(text))


@pytest.mark.parametrize(
    ("syllable", "sounds"),
    [
        ("huan2", "xwa↗n"), ("hai2", "xai↗"), ("yuan2", "ɥɛ↗n"), ("er4", "ɚ↘"), ("zhi1", "ꭧɨ→"), ("si4", "sɨ↘"),
        ("lv4", "ly↘"), ("lüe4", "lɥe↘"), ("nue4", "nɥe↘"), ("ju3", "ʨy↓"), ("xue2", "ɕɥe↗"), ("quan2", "ʨʰɥɛ↗n"),
        ("jun1", "ʨy→n"), ("wu3", "u↓"), ("liu4", "ljou↘"), ("gui4", "kwei↘"), ("shun4", "ʂwə↘n"), ("bo1", "pwo→"),
        ("xiong2", "ɕjʊ↗ŋ"), ("ma5", "ma"), ("weng1", "wə→ŋ"), ("ri4", "ɻɨ↘"), ("qing3", "ʨʰi↓ŋ"), ("o4", "ɔ↘"),
    ],
)  # fmt: skip
def test_a_syllable_in_the_models_letters(syllable: str, sounds: str) -> None:
    assert sounds_of(syllable) == sounds


@pytest.mark.parametrize("syllable", ["huan", "huan6", "", "2", "xyz1", "zhv1", "kong", "buo1o"])
def test_what_is_no_syllable_is_refused(syllable: str) -> None:
    with pytest.raises(ValueError, match="Mandarin"):
        sounds_of(syllable)


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("请您尽快还款。", "ʨʰi↓ŋ ni↗n ʨi↓nkʰwai↘ xwa↗nkʰwa↓n."),
        ("您还有三天，还没还？", "ni↗n xai↗jou↓ sa→ntʰjɛ→n, xai↗ mei↗ xwa↗n?"),
        ("银行行长", "i↗nxa↗ŋxa↗ŋꭧa↓ŋ"),
        ("两千元", "lja↓ŋʨʰjɛ→nɥɛ↗n"),
        ("“谢谢”；再见！", "“ɕje↘ɕje↘”; ʦai↘ʨjɛ↘n!"),
    ],
)
def test_mandarin_by_table_and_dictionary(text: str, phonemes: str) -> None:
    assert mandarin_phonemes(text, english=str.upper) == phonemes


def test_latin_letters_in_mandarin_are_read_as_english() -> None:
    assert mandarin_phonemes("ABC银行App，", english=lambda text: f"<{text}>") == "<ABC> i↗nxa↗ŋ <App>,"


@pytest.mark.parametrize(
    ("text", "british", "phonemes"),
    [
        ("Hello, this call is recorded.", False, "həlˈO, ðɪs kˈɔl ɪz ɹᵻkˈɔɹdᵻd."),
        ("four hundred pounds; join the judge?", False, "fˈɔɹ hˈʌndɹɪd pˈWndz; ʤˈYn ðə ʤˈʌʤ?"),
        ("Hello, no.", True, "həlˈQ, nˈQ."),
        ("...", False, "..."),
    ],
)
def test_english_by_espeak(text: str, british: bool, phonemes: str) -> None:
    assert english_phonemes(text, british=british) == phonemes
