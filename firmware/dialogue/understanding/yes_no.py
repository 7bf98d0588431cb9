"""Yes and no as they are said at the beginning of an answer, whatever else follows."""

# ruff: noqa: E501  (one rule, one line)

import re

_ZH_LEAD = re.compile(r"^(?:喂|啊|呃|哦|噢|哎|诶|那|就|那就|我说|你好|您好|其实|应该|那个)+(?=.)")
_ZH_NEITHER = re.compile(
    r"^(?:(可以|[好行对是成中])[是倒]\1|不是不(?!是)|是不是|对不对|行不行|好不好|可不可以|能不能|不知道|不清楚|不晓得|不明白|不懂|不好意思|对不起|不一定|没听|没明白|没懂|没关系|没事|是(?:谁|哪|什么|关于|干|做|多少|几|怎么|为)"
    r"|好像|是太|好久|好多|好难|好几|是吗|行吗|好吗|对吗|可以吗|能吗|对我|是我|不是吧|没人|对了|行了|好了|没有这|没钱|不方便|不想活|是这样吗|对方|行长|好烦)"
)
_ZH_YES = re.compile(
    r"^(?:没问题|没错|冇错|啱|不错|没毛病|(?:还是|一直|地址)?没有?(?:变|换|改|动|搬)(?:过|家)?(?![了成])|还是(?:老样子|原来的?|那个|这个)|没二话|没意见|没异议|冇问题|可以|好的|好吧|好啊|好呀|好嘞|好|行吧|行啊|行|成|对的|对啊|对头|对|是的|是啊|是呀|是|[嗯恩]+(?=[啊呐哪嗯恩是对好行可没中成要呢吧的]|$)|同意|愿意|确认|确定|正确|接受|当然|必须的|要得|得行|得嘞|中|妥|系|能|有的|要的|ok|yes"
    r"|(?:非常|很|挺|还算|比较)?满意|可不是(?=嘛|么|吗|咋|$)|可不(?:咋的|嘛|么|就是)|就这样|听你的|(?:都|已经|早就?)?(?:解决|处理好|弄好|办好|搞定|修好)了)"
)
_ZH_NO = re.compile(
    r"^(?:不是|不对|不行|不可以|不好|不同意|不愿意|不接受|不用|不要|不必|不需要|不能|不会|不成|不中|不太|不大|不满意|不考虑|不可能|不确认|不给|不还|不想|不|没有|没得|没|还没|错了|错|算了|拉倒|否|唔系|唔好|唔得|唔使|冇|免了|取消|[你您](?:可能|是不是)?[听弄搞记写看说][错岔混反]了?|(?:已经|早就?|都)?(?:变|换|搬|搬家)了|[弄搞记听看写]错了?|哪儿?[啊呀]|甭|"
    r"(?:非常|很|一点也|一点都)不满意|no)"
)
_EN_LEAD = re.compile(
    r"^(?:(?:uh|um|er|ah|oh|well|so|hmm|hi|hello|hey|sorry|look|listen|i mean|actually|i think|i guess)\s+)+(?=\S)"
)
_EN_YES = re.compile(
    r"^(?:(?:yes|yeah|yep|yup|ya|yah|aye|uh huh|mhm|mm hmm|mmhmm|sure|okay|ok|alright|all right|of course|absolutely|definitely|certainly|agreed|deal|exactly|indeed|affirmative|roger|confirmed|perfect"
    r"|correct|(?:no|nothing has) changed?|(?:it is |they are )?(?:still )?the same|unchanged|(?:it |that |they )?(?:has|have) not (?:changed|moved)|fine|(?:all )?(?:solved|sorted|settled|resolved|fixed)(?: now)?$|(?:yes )?(?:it|that) (?:was|is|has been) (?:solved|sorted|resolved|fixed)|it was$|sounds (?:good|great|fine|right|okay)|fair enough|go ahead|no problem|no worries|why not|you bet|for sure|very good|very well)\b"
    r"|(?:that|this|it|which) is (?:right|correct|fine|good|okay|true|it|me)\b|that works|spot on|bang on|go on then|works for me|that will do|(?:that|this) is (?:the one|it|them)\b|right\b(?! now| away)|i (?:agree|accept|do|confirm|am)$|(?:i am )?(?:very |quite |really )?satisfied\b|you are right\b)"
)
_EN_NO = re.compile(
    r"^(?:(?:no|nope|nah|naw|negative|incorrect|wrong|never mind|not really|not at all|not quite|not right|not correct|not okay|absolutely not|definitely not|certainly not|of course not|no way|(?:not a|no|fat) chance|hell no|uh uh|nuh uh|cancel|scratch that|forget it|unsatisfied|dissatisfied|not satisfied)\b"
    r"|(?:that|this|it) is (?:not|wrong|incorrect|false)\b|(?:that|it) (?:does|was|did) not\b|i (?:do|did|can|could|will|would|am) not\b(?! (?:know|hear|understand|catch|get|follow|sure))|it (?:has )?changed|i (?:have )?moved|you (?:have |may have |must have )?(?:misheard|misunderstood|got (?:it|that|me) wrong))"
)
_EN_NEITHER = re.compile(
    r"^(?:no one|nobody|no idea|no clue|right now|yes (?:or|and) no|wrong (?:number|person|guy)|fine print|no problem is)\b"
)


_ZH_DOUBT = re.compile(
    r"不(?!超过|晚于|迟于|是.{0,3}就?是|如|错|好意思)|没(?!问题|错)|够呛|悬|难|没戏|未必|哪有|够紧"
)
_EN_DOUBT = re.compile(
    r"\b(?:not(?! (?:later|after|before|until))|never|no (?:way|chance|luck)|unlikely|doubt|doubtful|tough|struggl\w*|impossible)\b"
)


_ZH_BUT = re.compile(
    r"(?:但是?|不过|可是|只是|就是).*?(?:不(?:对|是|行|太)|(?<![没不])错|太(?!好|棒|谢|感谢)|有点|没那么|没有?这么|没钱|还不[了起上]|没办法|做不到|来不及"
    r"|多了|少了|[晚早][一两三几点些]|改[成到在天]|要改|换[成到个])"
)
_EN_BUT = re.compile(
    r"\b(?:but|except)\b.*\b(?:wrong|too|not (?:that|the|so|right|on|by|until|this|all|today|tomorrow)|can not (?:pay|do|make|afford)|different|less|more|later|earlier"
    r"|make it|change|instead)\b"
)


_ZH_PUT_RIGHT = re.compile(r"^是(?!的|啊|呀|呢|$)")
"""After a no it says what is right instead: 不对，是后天 is no yes."""
_ZH_NOT_THAT = re.compile("(?<![是可])不是(?!不)|不对|(?<![不没])错")


def is_doubtful(text: str, language: str) -> bool:
    """Return whether what was said around a day or an amount takes it back: 这个月够呛, "not this month"."""
    return (_ZH_DOUBT if language == "zh" else _EN_DOUBT).search(text) is not None


def takes_back(parts: list[str], language: str) -> bool:
    """Return whether a yes is followed by what was wrong: 对，但是金额不对, "yes, but not that much"."""
    but = _ZH_BUT if language == "zh" else _EN_BUT
    return _heard(parts, language) == {True} and any(but.search(part) for part in parts[:4])


def is_open(parts: list[str], language: str) -> bool:
    """Return whether it begins with a word that looks like yes or no and is neither: 是不是, "no one"."""
    lead, neither = (_ZH_LEAD, _ZH_NEITHER) if language == "zh" else (_EN_LEAD, _EN_NEITHER)
    return any(neither.match(lead.sub("", part, count=1)) for part in parts[:4])


def is_yes(parts: list[str], language: str) -> bool | None:
    """Return True, False, or None for neither or both; `parts` are the bare clauses of an utterance."""
    heard = _heard(parts, language)
    if takes_back(parts, language):
        return None
    return heard.pop() if len(heard) == 1 else None


def _heard(parts: list[str], language: str) -> set[bool]:
    heard: set[bool] = set()
    for at, part in enumerate(parts[:4]):
        if language == "zh" and _ZH_PUT_RIGHT.match(part):
            before = parts[at - 1] if at else ""
            if heard == {False} or _ZH_NOT_THAT.search(before):
                continue
        if (answer := _of(part, language)) is not None:
            heard.add(answer)
    return heard


def _of(part: str, language: str) -> bool | None:
    lead, neither, yes, no = (
        (_ZH_LEAD, _ZH_NEITHER, _ZH_YES, _ZH_NO)
        if language == "zh"
        else (_EN_LEAD, _EN_NEITHER, _EN_YES, _EN_NO)
    )
    part = lead.sub("", part, count=1)
    if neither.match(part):
        return None
    if yes.match(part):
        return True
    return False if no.match(part) else None
