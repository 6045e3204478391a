"""Small talk, known by its words alone: greetings, thanks, goodbyes, "are you a bot?"; and slots a message fills."""

import re

_KINDS = {
    "greeting": re.compile(
        r"(?:(?:hi|hello|hey|hiya|good (?:morning|afternoon|evening)|is (?:any(?:one|body)|someone) there|"
        r"你好|您好|哈[喽啰罗]|嗨|在吗|在不在|有人吗|早上好|下午好|晚上好|早安|午安)"
        r"(?: there| all| team|啊|呀|呢|哦|亲)?[,，.!！ ]*)?"
        r"(?:how are you(?: doing)?(?: today)?|how's it going|(?:你|您)(?:还)?好吗|最近(?:怎么样|好吗))?",
        re.IGNORECASE,
    ),
    "thanks": re.compile(
        r"(?:ok(?:ay)?[, ]*)?(?:many |great[, ]*)?(?:thanks?(?: you)?|thx|ty|cheers|much appreciated|"
        r"谢谢|多谢|感谢|谢了|谢啦|好的谢谢)"
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
    "goodbye": re.compile(
        r"(?:bye(?:[- ]?bye)?|good ?bye|see you|have a (?:nice|good|great) (?:day|evening|one)|再见|拜拜|回见)"
        r"(?:啦|了|咯)?",
        re.IGNORECASE,
    ),
}
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
    return next((kind for kind, pattern in _KINDS.items() if pattern.fullmatch(words)), None)


def slots_in(text: str) -> dict[str, str]:
    """What a message tells that an approved answer may need: an order number, a name."""
    found = {}
    if order := _ORDER.search(text):
        found["order_number"] = order.group(1)
    if name := _NAME.search(text):
        found["customer_name"] = next(group for group in name.groups() if group)
    return found
