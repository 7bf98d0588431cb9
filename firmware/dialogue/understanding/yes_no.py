"""Yes and no as they are said at the beginning of an answer, whatever else follows."""

# ruff: noqa: E501  (one rule, one line)

import re

from firmware.dialogue.slots import Asked, Slots
from firmware.dialogue.understanding.text import bare, joined

_ZH_LEAD = re.compile(r"^(?:喂|啊|呃|哦|噢|哎|诶|那|就|那就|我说|你好|您好|其实|应该|那个)+(?=.)")
_ZH_NEITHER = re.compile(
    r"^(?:不好说|说不准|说不好|不确定|没想好|看情况|(可以|[好行对是成中])[是倒]\1|不是不(?!是)|是不是|对不对|行不行|好不好|可不可以|能不能|不知道|不清楚|不晓得|不明白|不懂|不好意思|对不起|不一定|没听|没明白|没懂|没关系|没事|是(?:谁|哪|什么|关于|干|做|多少|几|怎么|为)"
    r"|好像|是太|好久|好多|好难|好几|是吗|行吗|好吗|对吗|可以吗|能吗|对我|是我|不是吧|没人|对了|行了|好了|没有这|没钱|不方便|不想活|是这样吗|对方|行长|好烦)"
)
_ZH_YES = re.compile(
    r"^(?:没问题|没错|冇错|啱|不错|没毛病|(?:还是|一直|地址)?没有?(?:变|换|改|动|搬)(?:过|家)?(?![了成])|还是(?:老样子|原来的?|那个|这个)|没二话|没意见|没异议|冇问题|可以|好的|好吧|好啊|好呀|好嘞|好|行吧|行啊|行|成|对的|对啊|对头|对|是的|是啊|是呀|是|[嗯恩]+(?=[啊呐哪嗯恩是对好行可没中成要呢吧的]|$)|同意|愿意|确认|确定|正确|接受|当然|必须的|要得|得行|得嘞|中|妥|系|能|有的|要的|ok|yes"
    r"|(?:非常|很|挺|还算|比较)?满意|可不是(?=嘛|么|吗|咋|$)|可不(?:咋的|嘛|么|就是)|就这样|听你的|(?:都|已经|早就?)?(?:解决|处理好|弄好|办好|搞定|修好)了|可以接受|能接受|就这么(?:定|办|来|着)|就按(?:这个|你说的|您说的|这么)|帮(?:了?我?)?大忙|那太好了|(?:这样|这个|这么)(?:就|挺|也|还)?(?:行|好|可以|不错|合适)(?:$|[啊呀的了吧]))"
)
_ZH_NO = re.compile(
    r"^(?:不是|不对|不行|不可以|不好|不同意|不愿意|不接受|不用|不要|不必|不需要|不能|不会|不成|不中|不太|不大|不满意|不考虑|不可能|不确认|不给|不还|不想|不(?!过|错|用谢|客气|好意思)|没有|没得|没|还没|错了|错|算了|拉倒|否|唔系|唔好|唔得|唔使|冇|免了|取消|[你您](?:可能|是不是)?[听弄搞记写看说][错岔混反]了?|(?:已经|早就?|都)?(?:变|换|搬|搬家)了|[弄搞记听看写]错了?|哪儿?[啊呀]|甭|"
    r"(?:非常|很|一点也|一点都)不满意|no)"
)
_EN_LEAD = re.compile(
    r"^(?:(?:uh|um|er|ah|oh|well|so|hmm|hi|hello|hey|sorry|look|listen|i mean|actually|i think|i guess)\s+)+(?=\S)"
)
_EN_YES = re.compile(
    r"^(?:(?:yes|yeah|yep|yup|ya|yah|aye|uh huh|mhm|mm hmm|mmhmm|sure|okay|ok|alright|all right|of course|(?:absolutely|definitely|certainly|totally)(?=$| (?:yes|yeah|right|correct|fine|i|that|we|it|please|satisfied|happy)\b)|agreed|deal|exactly|indeed|affirmative|roger|confirmed|perfect"
    r"|correct|(?:no|nothing has) changed?|(?:it is |they are )?(?:still )?the same|unchanged|(?:it |that |they )?(?:has|have) not (?:changed|moved)|fine|(?:all )?(?:solved|sorted|settled|resolved|fixed)(?: now)?$|(?:yes )?(?:it|that) (?:was|is|has been) (?:solved|sorted|resolved|fixed)|it was$|sounds (?:good|great|fine|right|okay)|fair enough|go ahead|no problem|no worries|why not|you bet|for sure|very good|very well)\b"
    r"|(?:that|this|it|which) is (?:right|correct|fine|good|okay|true|it|me)\b|that works|spot on|bang on|go on then|works for me|that will do|i will take (?:it|that|the)|let us do (?:it|that)|count me in|sign me up|i can (?:manage|do|live with|handle) (?:it|that)|(?:that|it) (?:would|will|could|might) (?:be (?:a (?:big |great |real )?(?:help|relief)|great|good|lovely|perfect|fine|ideal|grand|brilliant)|help|suit|work|do)\b|(?:that|it|this) (?:suits|helps|works)|that is (?:doable|manageable|reasonable|fair)|(?:that|this) is (?:the one|it|them)\b|right\b(?! now| away)|i (?:agree|accept|do|confirm|am)$|(?:i am )?(?:very |quite |really )?satisfied\b|you are right\b)"
)
_EN_NO = re.compile(
    r"^(?:(?:no|nope|nah|naw|negative|incorrect|wrong|never mind|not really|not at all|not quite|not right|not correct|not okay|absolutely not|definitely not|certainly not|of course not|no way|(?:not a|no|fat) chance|hell no|never(?: again)?$|uh uh|nuh uh|cancel|scratch that|forget it|unsatisfied|dissatisfied|not satisfied)\b"
    r"|(?:that|this|it) is (?:not|wrong|incorrect|false)\b|(?:that|it) (?:does|was|did) not\b|i (?:do|did|can|could|will|would|am) not\b(?! (?:know|hear|understand|catch|get|follow|sure))|it (?:has )?changed|i (?:have )?moved|you (?:have |may have |must have )?(?:misheard|misunderstood|got (?:it|that|me) wrong))"
)
_EN_NEITHER = re.compile(
    r"^(?:not (?:sure|certain|bothered)|(?:i am )?not (?:really )?sure|maybe|perhaps|possibly|it depends|depends|hard to say|we will see|no one|nobody|no idea|no clue|right now|yes (?:or|and) no|wrong (?:number|person|guy)|fine print|no problem is)\b"
)


_ZH_DOUBT = re.compile(
    r"不(?!超过|晚于|迟于|是.{0,3}就?是|如|错|好意思)|没(?!问题|错)|够呛|悬|难|没戏|未必|哪有|够紧"
)
_EN_DOUBT = re.compile(
    r"\b(?:not(?! (?:later|after|before|until))|never|no (?:way|chance|luck)|unlikely|doubt|doubtful|tough|struggl\w*|impossible)\b"
)


_ZH_BUT = re.compile(
    r"(?:但是?|不过|可(?:是|我|现在|这会)|只是|就是).*?(?:拿不出|不(?:对|是|行|太)|(?<![没不])错|太(?!好|棒|谢|感谢)|有点|没那么|没有?这么|没钱|还不[了起上]|没办法|做不到|来不及"
    r"|多了|少了|[晚早][一两三几点些]|改[成到在天]|要改|换[成到个])"
)
_EN_BUT = re.compile(
    r"\b(?:but|except)\b.*\b(?:wrong|too|not (?:that|the|so|right|on|by|until|this|all|today|tomorrow)|can not (?:pay|do|make|afford|find|get|manage|raise|stretch)|different|less|more|later|earlier"
    r"|make it|change|instead)\b"
)


_ZH_PUT_RIGHT = re.compile(r"^是(?!的|啊|呀|呢|$)")
"""After a no it says what is right instead: 不对，是后天 is no yes."""
_ZH_NOT_THAT = re.compile("(?<![是可])不是(?!不)|不对|(?<![不没])错")


_LISTENS = {
    "zh": re.compile(
        "听着呢?|在听|[你您](?:接着|继续|往下)?(?:说|讲)(?:吧|啊|呗)?$|(?:接着|继续|往下)说|请讲"
    ),
    "en": re.compile(
        r"\b(?:(?:i am (?:still )?listening)|^(?:still )?listening|carry on|keep going|do go on|go on(?! then)|i am (?:still )?(?:here|with you))\b"
    ),
}
"""Somebody who is there and lets the box go on has agreed to nothing."""
_PUTS_OFF = {
    "zh": re.compile(
        "(?:得|要|先|再|回去|回头)[^，。]{0,5}(?:问问|问一下|商量|考虑|想想|想一想|合计|算算|琢磨|看看)|还没(?:定|想好|决定)|^再说吧?$|(?:再|到时候)看(?:吧|情况)"
    ),
    "en": re.compile(
        r"\b(?:sleep on it|think (?:about it|it over)|ask (?:my|the|her|him)|check with|talk (?:it over|to my)|(?:have|need|got) to (?:ask|check|see|think|talk)|let me think|run it by|get back to you)\b"
    ),
}
"""Neither a yes nor a no yet."""
_NOT_AGREED = {
    "zh": re.compile(
        "(?:什么时候|何时|啥时候|几时)(?:答应|说|同意|讲)(?:过|了|的)?|谁(?:答应|说|同意|讲)(?:过|了|的)?|(?:我|可)(?:可)?(?:没有?|从来没)(?:答应|说|同意)"
        "|(?<!没什么)(?<!没啥)(?<!不是)(?<!也)(?<!没有什么)(?<!有什么)(?<!有啥)(?<!对)(?<!行)(?:不行|不对|错了|不符|不成)(?:吧|啊|呀|的)?$"
    ),
    "en": re.compile(
        r"\b(?:when|where) did i (?:ever )?(?:say|agree|promise)|\bwho (?:said|agreed|says)\b|\bsays who\b|^i said\b|\bnot (?:on |the |this |next )*(?:mon|tues|wednes|thurs|fri|satur|sun)day|\bi (?:never|did not) (?:say|said|agree|agreed|promise|promised)\b"
        r"|\b(?:day|date|amount|money|figure|number|sum|rest|time|first|second|other|friday|monday|tuesday|wednesday|thursday|saturday|sunday)s? (?:is|are|was) (?:not|wrong|off|incorrect|no good)\b|\b(?:does|will|would) not (?:work|suit|do)\b"
    ),
}
"""In answer to a read-back: a denial that does not begin with one."""
_TOO_MUCH = {
    "zh": re.compile(
        "太(?:多|高|贵|长|久|紧|狠|重)|(?<!差不)(?:多|高|贵|紧)了(?:点|些)|有点(?:多|高|贵|紧|悬)|吃不消|负担不[起了]|扛不住|顶不住|受不了|还不[起上]|拿不出|够不着|凑不[出齐够]|谢谢?(?:你|您)?的?好意"
    ),
    "en": re.compile(
        r"\btoo (?:much|high|steep|long|dear|expensive|rich|tight|many)\b|\b(?:a bit|bit|is|very|rather|pretty) (?:much|steep|high|rich|dear)\b|\b(?:beyond|out of|outside|above) (?:my|our) (?:means|reach|league|budget|price range)\b|\b(?:can|could) not (?:stretch|manage|afford|do|run)\b|\bmore than i\b"
    ),
}
"""In answer to an offer: a no for a reason."""
_NOT_BAD = {
    "zh": re.compile(
        "不赖|不差|不坏|没(?:有)?(?:什么|啥)?(?:不好|不满意?|可挑|意见|毛病|问题)|挑不出|好得很|还行|还可以|还好"
    ),
    "en": re.compile(
        r"\b(?:not (?:too |so |half |at all )?(?:bad|shabby)|(?:nothing|not a thing|not anything|no complaints?|not much)(?: to)? ?(?:bad|wrong|negative|complain|grumble|moan|fault|about)?|can not (?:complain|fault|grumble)|(?:would|could) not (?:complain|fault)|very much so)\b"
    ),
}
"""A yes in the words of a no."""
_GOOD = {
    "zh": re.compile(
        "(?<!不)(?<!没那么)(?:挺|蛮|很|非常|还|都|特别|相当|顶|老|真)(?:好|不错|满意|可以|周到|耐心|到位|棒|热情)(?!.{0,4}(?:吗|么))|没得说|没话说|好评|点赞|[五5]星|满分|挑不出|没什么(?:不满|意见|可说|毛病)"
    ),
    "en": re.compile(
        r"\b(?:great|excellent|brilliant|lovely|fantastic|wonderful|very (?:good|nice|helpful|polite)|top notch|spot on|first class|no complaints?|can not (?:complain|fault)|could not (?:be|have been|ask for) (?:better|nicer|happier|more)|(?:nothing|not a thing) (?:bad|wrong|negative)|over the moon|(?:quite|very|really|pretty|so) (?:happy|pleased|satisfied|impressed)|all good|smashing|super|perfect|splendid|marvellous|fab|(?:you have|she|he|they|everyone|staff)(?: has| have| was| were| is| are)?(?: been)?(?: all)?(?: so| very| really| most)? (?:great|lovely|kind|nice|helpful|patient|polite|good|brilliant)|five stars|ten out of ten|a treat|cracking|champion)\b"
    ),
}
_BAD = {
    "zh": re.compile(
        "满意(?:啥|什么|个|才怪|吗|哪)|(?:很|太|真|极|特别|非常|这么|挺)(?:差|烂|糟|失望|不满|恼火|敷衍|烦)|差(?:劲|评|远|得)|不怎么样|不咋[样地的]|糟糕|敷衍|失望|白说|没用|没解决|态度(?:不好|恶劣|差)|[零一1]星|满不满意|你说呢|投诉|气死|不满"
    ),
    "en": re.compile(
        r"\b(?:not (?:at all|very|really|too|so)? ?(?:happy|satisfied|pleased|good|great|impressed)|shocking|terrible|awful|appalling|rubbish|useless|hopeless|poor|dreadful|disgrace(?:ful)?|disgusting|horrible|worst|(?<!nothing )(?<!not a )bad|waste of time|joke|unhappy|disappointed|disappointing|unsatisfied|dissatisfied|far from (?:it|happy|satisfied)|(?:nobody|no one|nothing)(?: was| is| has been| has)? (?:helped|listened|sorted|solved|fixed|done)|what do you think|yeah right)\b"
    ),
}
_SO_SO = {
    "zh": re.compile(
        "一般|没感觉|没什么感觉|无所谓|说不上|谈不上|凑合|马马虎虎|没意见|不好说|就那样|中不溜|不好不坏|还没"
    ),
    "en": re.compile(
        r"\b(?:so so|average|neither|no (?:opinion|view|feelings?)|indifferent|middling|not bothered|do not (?:mind|care)|meh|could be (?:better|worse)|mixed|no comment|in the middle|half and half|fifty fifty|some (?:things )?good|it was (?:ok|okay|alright|all right)|ok(?:ay)? i (?:guess|suppose))\b"
    ),
}
"""How satisfied somebody is, who does not say yes or no."""
_FINE_AFTER_NO = {
    "zh": re.compile(
        "^不*(?:没(?:有)?(?:说|弄|记|听|写)错|没问题|就是(?:那|这)|就这样|挺好|可以的|行的|对的)|^没(?:有)?(?:什么|啥)?(?:不对|不行|不妥|不合适|错)的?(?:地方)?|^不用(?:改|变|再说|重复|再念)|没(?:说|讲)过?(?:不对|不行|不好|不可以|不同意)"
    ),
    "en": re.compile(
        r"\b(?:do|would|can|could) not (?:disagree|argue|object|mind(?! if)|say (?:that|it) is wrong)|\b(?:you|she|he) (?:have |has )?(?:got )?(?:it|that|me) right\b|^(?:(?:yeah|yes|no|oh|nah) )*no (?:that|it|this) (?:is|would be|will be|sounds) (?:fine|right|correct|good|great|ok|okay|perfect|lovely|all right|alright|grand|a (?:big|great|real) help)\b"
    ),
}
"""A no that waves worries away."""
_WEIGHED = frozenset({Asked.CONFIRM, Asked.OFFER, Asked.SATISFACTION})
_BUT = {"zh": re.compile("但是?|不过|可是|可我"), "en": re.compile(r"\b(?:but|except|only|though)\b")}


def is_doubtful(text: str, language: str) -> bool:
    """Return whether what was said around a day or an amount takes it back: 这个月够呛, "not this month"."""
    return (_ZH_DOUBT if language == "zh" else _EN_DOUBT).search(text) is not None


def takes_back(parts: list[str], slots: Slots, language: str) -> bool:
    """Return whether a yes is followed by what was wrong: 对，但是金额不对, "yes, but not that much", "yes, but on Monday"."""
    if _heard(parts, language) != {True}:
        return False
    but = _ZH_BUT if language == "zh" else _EN_BUT
    if any(but.search(part) for part in parts[:4]):
        return True
    whole = joined(parts, language)
    found = _BUT[language].search(whole)
    return found is not None and any(bare(text, language) in whole[found.end() :] for text in _named(slots))


def is_too_much(parts: list[str], language: str) -> bool:
    """Return whether terms are declined as too hard: 太多了, "a bit steep"."""
    return _TOO_MUCH[language].search(joined(parts, language)) is not None


def only_listens(parts: list[str], asked: Asked, language: str) -> bool:
    """Return whether an answer to what wants a yes or a no is neither: 嗯，你接着说, "not sure"."""
    if asked not in _WEIGHED | {Asked.ABILITY, Asked.CALLBACK_TIME}:
        return False
    if any(_LISTENS[language].search(part) for part in parts[:4]):
        return True
    whole = joined(parts, language)
    if asked in (Asked.CONFIRM, Asked.OFFER) and _PUTS_OFF[language].search(whole):
        # 对，另外那些以后再商量 has agreed; "yes, but I must ask my wife" has not.
        return _heard(parts, language) != {True} or _BUT[language].search(whole) is not None
    if asked is Asked.SATISFACTION and _SO_SO[language].search(whole):
        return True
    return is_open(parts, language) and not _heard(parts, language)


def is_open(parts: list[str], language: str) -> bool:
    """Return whether it begins with a word that looks like yes or no and is neither: 是不是, "no one"."""
    lead, neither = (_ZH_LEAD, _ZH_NEITHER) if language == "zh" else (_EN_LEAD, _EN_NEITHER)
    return any(neither.match(lead.sub("", part, count=1)) for part in parts[:4])


def is_yes(parts: list[str], slots: Slots, asked: Asked, language: str) -> bool | None:
    """Return True, False, or None for neither or both, of what neither takes back nor only listens.

    `parts` are the bare clauses of an utterance, `slots` what it names.
    """
    if asked is Asked.CONFIRM and _names_alone(parts, slots, language):
        return None
    whole = joined(parts, language)
    if asked in _WEIGHED and _FINE_AFTER_NO[language].search(whole):
        return True
    if asked is Asked.CONFIRM and any(_NOT_AGREED[language].search(part) for part in parts[:4]):
        return False
    heard = _heard(parts, language)
    if asked is Asked.CONFIRM and not heard and (slots.days or slots.amounts) and whole.endswith(" actually"):
        return False
    if asked is Asked.OFFER and is_too_much(parts, language):
        return False
    if asked is Asked.SATISFACTION:
        said, litotes = _NOT_BAD[language].subn(" ", whole)
        said, bad = _BAD[language].subn(" ", said)
        if bad or litotes or _GOOD[language].search(said):
            return not bad
    return heard.pop() if len(heard) == 1 else None


def _named(slots: Slots) -> list[str]:
    """Return the words that name a day or an amount."""
    return [day.text for day in slots.days] + [amount.text for amount in slots.amounts]


def _names_alone(parts: list[str], slots: Slots, language: str) -> bool:
    """Return whether nothing is said but what it is: 是四百 may be what was read back or not."""
    return language == "zh" and any(f"是{text}" == joined(parts, language) for text in _named(slots))


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
    # 就这样 is an answer as it stands; 就行 is one without its first word.
    for said in (part, lead.sub("", part, count=1)):
        if neither.match(said):
            return None
        if yes.match(said):
            return True
        if no.match(said):
            return False
    return None
