"""What follow-ups say, in Chinese and English: never an amount or a debt, since others may read a mailbox."""

import string

import msgspec

FIELDS = frozenset({"office", "due", "callback", "unsubscribe"})


class MessageText(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A subject and a text with fields in braces."""

    subject: str
    text: str


TEXTS: dict[str, dict[str, MessageText]] = {
    "promise": {
        "zh": MessageText(
            subject="{office}：通话确认",
            text="您好：\n\n感谢您接听我们的电话。通话中约定的日期是 {due}。如有变化，请与我们联系。\n\n"
            "本邮件由系统自动发送。如不想再收到我们的联系：{unsubscribe}\n\n{office}\n",
        ),
        "en": MessageText(
            subject="{office}: what we agreed on the telephone",
            text="Hello,\n\nthank you for talking with us. The date agreed is {due}. If anything changes, please "
            "contact us.\n\nThis message was sent automatically. To stop all contact from us: {unsubscribe}\n\n"
            "{office}\n",
        ),
    },
    "callback": {
        "zh": MessageText(
            subject="{office}：回电时间确认",
            text="您好：\n\n我们将按您的要求在 {callback} 左右再次致电。\n\n"
            "本邮件由系统自动发送。如不想再收到我们的联系：{unsubscribe}\n\n{office}\n",
        ),
        "en": MessageText(
            subject="{office}: when we will ring back",
            text="Hello,\n\nas you asked, we will ring you again at about {callback}.\n\n"
            "This message was sent automatically. To stop all contact from us: {unsubscribe}\n\n{office}\n",
        ),
    },
    "please-contact": {
        "zh": MessageText(
            subject="{office}：请与我们联系",
            text="您好：\n\n我们未能通过电话与您取得联系，请您方便时联系我们。\n\n"
            "本邮件由系统自动发送。如不想再收到我们的联系：{unsubscribe}\n\n{office}\n",
        ),
        "en": MessageText(
            subject="{office}: please contact us",
            text="Hello,\n\nwe could not reach you by telephone. Please contact us when it suits you.\n\n"
            "This message was sent automatically. To stop all contact from us: {unsubscribe}\n\n{office}\n",
        ),
    },
}


def fields_of(text: MessageText) -> set[str]:
    """Return the fields that a text uses; a brace that is none counts as a field of an odd name."""
    try:
        parts = [*string.Formatter().parse(text.subject), *string.Formatter().parse(text.text)]
    except ValueError:
        return {"{"}
    return {f"{name}{suffix and ':' + suffix}" for _, name, suffix, _ in parts if name is not None}


def fill(text: MessageText, fields: dict[str, str]) -> tuple[str, str]:
    """Return subject and text with their fields filled in."""
    return text.subject.format_map(fields), text.text.format_map(fields)


def text_for(texts: dict[str, MessageText], language: str) -> MessageText:
    """Return the text in a language (zh for zh-CN), else in English, else any."""
    return (
        texts.get(language)
        or texts.get(language.split("-", maxsplit=1)[0])
        or texts.get("en")
        or next(iter(texts.values()))
    )
