"""Small talk, known by its words alone: greetings, thanks, "ok", "no, that's all"; and slots a message fills.

Taken for questions such words find nothing, and two of them in a row called a person.
"""

import re

_KINDS = {
    "greeting": re.compile(
        r"(?:(?:hi|hello|hey|hiya|good (?:morning|afternoon|evening|day)|greetings|"
        r"is (?:any(?:one|body)|someone) there|"
        r"你好|您好|哈[喽啰罗]|嗨|在吗|在不在|有人吗|早上好|下午好|晚上好|早安|午安)"
        r"(?: there| all| team|啊|呀|呢|哦|亲)?[,，.!！ ]*)?"
        r"(?:how are you(?: doing)?(?: today)?|how's it going|(?:你|您)(?:还)?好吗|最近(?:怎么样|好吗))?",
        re.IGNORECASE,
    ),
    "thanks": re.compile(
        r"(?:ok(?:ay)?[, ]*)?(?:many |great[, ]*)?(?:thanks?(?: you)?|thx|ty|cheers|much appreciated|"
        r"(?:好的?|嗯|行|明白了|知道了|收到|了解了)?(?:谢谢|多谢|感谢|谢了|谢啦))"
        r"(?: (?:so much|a lot|very much|again|for (?:your|the|all your) (?:help|answer))|你|您|了|啦|哦|哈)*"
        r"(?:[,.! ]+(?:that|this|it)(?: was|'s| is)?(?: very| really| so)? "
        r"(?:helpful|great|perfect|useful|helps?|helped)"
        r"|[,，。！ ]*(?:很|非常)?有(?:帮助|用)(?:了)?|[,，。！ ]*(?:明白|知道|懂)了)?",
        re.IGNORECASE,
    ),
    "identity": re.compile(
        r"(?:am i (?:talking|speaking|chatting) (?:to|with) |are you |is this )(?:an? )?(?:real )?"
        r"(?:ro)?(?:bot|human|person|machine|ai|computer|chatbot)(?: or (?:an? )?(?:real )?(?:human|person|bot|robot))?"
        r"|who are you|what are you"
        r"|(?:你|您|这)(?:们)?(?:到底)?是(?:不是)?(?:一个|个)?(?:真人|人工|机器人|AI|机器|智能客服|谁)(?:还是(?:真人|人工|机器人))?"
        r"(?:吗|么|啊|呀|呢)?",
        re.IGNORECASE,
    ),
    "opening": re.compile(
        r"(?:i (?:have|'ve got|got)|just) (?:a|another|one(?: more)?|some|a few) (?:quick )?questions?(?: for you)?"
        r"|(?:can|could|will|would) you (?:please )?help(?: me)?(?: out)?(?: please)?"
        r"|(?:please )?help(?: me)?(?: please)?"
        r"|i need (?:some |your )?help|(?:can|may|could) i ask (?:you )?(?:something|a question)"
        r"|(?:我)?(?:还)?(?:有|想问)(?:一)?(?:个|点|些|几个)?(?:问题|事)(?:想)?(?:问|问问|请教|咨询)?(?:一下|下|你|您|你们)*"
        r"|(?:我)?(?:想)?(?:请问|问|咨询|请教)(?:一)?(?:下|个问题|个事)|请问"
        r"|(?:你|您)?(?:能|可以|可不可以|能不能)?(?:不)?(?:请)?帮(?:我)?(?:一)?(?:个)?忙(?:吗|么)?|(?:请)?帮帮我(?:吧)?",
        re.IGNORECASE,
    ),
    "agreement": re.compile(
        r"(?:yes|yeah|yep|sure|correct|exactly|right)(?: please| it is| thats? (?:it|right))?|please do"
        r"|是(?:的|啊|呀)?|对(?:的|啊|呀)?|没错|可以(?:的)?|嗯(?:嗯)*是的?",
        re.IGNORECASE,
    ),
    "nothing_more": re.compile(
        r"(?:no|nope)(?:,? (?:thanks?|thank you))?|(?:no,? )?(?:that(?:'s|’s|s| is| was)|thats?) (?:all|it|everything)"
        r"(?: for (?:now|today))?|(?:no,? )?nothing (?:else|more)|(?:no,? )?i(?:'m|’m|m| am) (?:good|fine|all set|done)"
        r"|never ?mind"
        r"|没(?:有)?(?:别的|其他)?(?:问题|事)?(?:了|啦)|不用(?:了|啦)?(?:谢谢)?|没事(?:了|儿)?|不是(?:的|这些)?|算了",
        re.IGNORECASE,
    ),
    "noted": re.compile(
        r"(?:(?:ok|okay|oki|alright|all right|fine|great|perfect|cool|good|nice|super|got it|i see|understood|"
        r"makes sense|sounds good|good to know)(?: then)?[, ]*)+"
        r"|(?:好(?:的|吧|呀|嘞|滴)?|嗯+|哦+|噢|行(?:吧)?|收到|明白(?:了)?|知道(?:了)?|懂了|了解(?:了)?|清楚了|原来如此|这样啊)"
        r"(?:[,， ]*(?:好的|明白了|知道了))?",
        re.IGNORECASE,
    ),
    "goodbye": re.compile(
        r"(?:(?:ok(?:ay)? )?thank(?:s| you) (?:and )?)?"
        r"(?:bye(?:[- ]?bye)?|good ?bye|see you|have a (?:nice|good|great) (?:day|evening|one)|再见|拜拜|回见)"
        r"(?:啦|了|咯)?",
        re.IGNORECASE,
    ),
}
# Of several in one message the sentence for the first of these is said: who says goodbye is not asked for more.
_WEIGHT = ("goodbye", "nothing_more", "opening", "identity", "thanks", "agreement", "noted", "greeting")
_BETWEEN = re.compile(r"[,.!;~，。！；～…]+\s*|\s+(?:and|but)\s+", re.IGNORECASE)
_EDGES = " \t\n.,!?~…。，！？～:)("
_ORDER = re.compile(r"(?<![A-Za-z0-9])(?:#\s?)?([A-Z]{2,4}-?\d{5,12}|\d{6,12})(?![A-Za-z0-9])", re.IGNORECASE)
_NAME = re.compile(
    r"\b(?:my name is|i am called|this is)\s+([A-Z][\w'-]+(?:\s[A-Z][\w'-]+){0,2})"
    r"|我(?:叫|是)([\u4e00-\u9fff]{2,4})(?:[，。,.\s]|$)"
)


def small_talk(text: str) -> str | None:
    """Which fixed sentence answers a message that is nothing but small talk; else None."""
    words = text.strip(_EDGES)
    if not words:
        return None
    if kind := _kind(words):
        return kind
    kinds = [_kind(part.strip(_EDGES)) for part in _BETWEEN.split(words) if part.strip(_EDGES)]
    return next((kind for kind in _WEIGHT if kind in kinds), None) if all(kinds) else None


def _kind(words: str) -> str | None:
    return next((kind for kind, pattern in _KINDS.items() if pattern.fullmatch(words)), None)


def slots_in(text: str) -> dict[str, str]:
    """What a message tells that an approved answer may need: an order number, a name."""
    found = {}
    if order := _ORDER.search(text):
        found["order_number"] = order.group(1)
    if name := _NAME.search(text):
        found["customer_name"] = next(group for group in name.groups() if group)
    return found
