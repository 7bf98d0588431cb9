"""What people, machines and networks say when a call is answered: one list to train on, one that training never sees."""

HUMAN = {
    "train": {
        "zh": "喂？|喂，你好。|你好。|喂，哪位？|您好，请问哪位？|嗯？|喂，您找谁？|是我。|我是，请讲。"
        "|哎，你说。|喂，听得见吗？|谁啊？|喂，什么事啊？"
        "|你好，我是王伟。|喂，你好，请问有什么事？|好，你讲。|喂喂喂？",
        "en": "Hello?|Hi.|Yes?|Hello, who is this?|Speaking.|Hello, this is John.|Yeah?|Hi, Mary here."
        "|Who's calling, please?"
        "|Good morning.|Hey, what's up?|Hello, can I help you?|Yes, hello?|Go on.|Uh huh."
        "|Hi, how are you?",
    },
    "held_out": {
        "zh": "喂，您好。|哎，哪位呀？|你好，哪里？|在的，您说。|喂，请问是哪位找我？|嗯，我就是。"
        "|喂？说话。|您好，请讲。|啊？|喂，你是谁？",
        "en": "Hello there.|Yeah, hello?|Peter speaking.|Who is it?|Yes, what do you want?|Morning."
        "|Hello, Susan here.|Hi, yes?|Hey.|What?",
    },
}
LONG_HUMAN = {
    "train": {
        "zh": "您好，宏达贸易公司，请问您找哪位？|您好，客服中心，很高兴为您服务。"
        "|喂，你好，我这边有点吵，你大声一点。",
        "en": "Good afternoon, Green Garden Centre, how can I help?|Johnson and Partners, Linda speaking."
        "|Hello, sorry, the line is bad, who is that?",
    },
    "held_out": {
        "zh": "您好，阳光酒店前台，请问有什么需要？|喂，不好意思，我刚才没听清，您是哪位？",
        "en": "Hello, City Library, front desk, what can I do for you?"
        "|Hi, hang on a second, okay, who is this?",
    },
}
OPENING = {
    "train": {"zh": "喂，你好。|您好。|你好，我是李明。", "en": "Hi.|Hello, this is Tom.|Hello."},
    "held_out": {"zh": "喂。|您好，我是小张。", "en": "Hey there.|Hi, it's Kate."},
}
MACHINE = {
    "train": {
        "zh": "我现在不方便接电话，请留言。|请在提示音后留下您的姓名和电话号码。|我会尽快给您回电，谢谢。"
        "|您所拨打的用户暂时无法接听您的电话。"
        "|录音完毕后挂机即可。|欢迎使用语音信箱。|机主正在忙，有事请发短信。"
        "|请在嘀声之后开始录音，按井号键结束。",
        "en": "I cannot come to the phone right now.|Please leave a message after the tone."
        "|I will call you back as soon as I can."
        "|You have reached the voice mail box of Mary Johnson.|At the tone, please record your message."
        "|Our office is closed at the moment.|If this is urgent, please send me a text message instead."
        "|Nobody is available to take your call.",
    },
    "held_out": {
        "zh": "现在没人在家，有事请留言。|听到嘀的一声后请讲话。|我在开会，稍后会联系您。"
        "|这里是自动应答系统。|请留下您的联系方式，我们会在一个工作日之内回复。",
        "en": "We are either out or on the other line.|Leave your name and number after the beep."
        "|Thanks for calling, and have a nice day."
        "|The mailbox belonging to this number will now take your message."
        "|When you have finished, just hang up or press hash for more options.",
    },
}
ANNOUNCEMENT = {
    "train": {
        "zh": "您好，您拨打的电话已关机，请稍后再拨。|对不起，您拨打的号码是空号，请核对后再拨。"
        "|您拨打的用户正在通话中，请稍后再拨。",
        "en": "Sorry, the number you dialed is powered off."
        "|The number you have dialled does not exist, please check it and try again."
        "|Sorry, the subscriber you dialed cannot be connected for the moment.",
    },
    "held_out": {
        "zh": "您好，您所拨打的用户不在服务区，请稍后再拨。|对不起，您拨打的电话已停机。"
        "|您好，该用户已设置来电限制，无法接通。",
        "en": "Sorry, the phone you are calling is out of the service area."
        "|The service to this number has been suspended."
        "|All lines are busy now, please hang up and dial again later.",
    },
}
