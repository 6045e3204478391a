"""When a person must take over, seen from the words alone, and what that person gets to read.

Pure: the rules below, no model. They prefer to call a person once too often to keeping an angry customer with a bot.
"""

import re
from collections.abc import Sequence

from apps.chatbot.records import Message, Reason, Role
from core.text import mask_personal_data

_PERSON = re.compile(
    r"\b(?:(?:talk|speak|chat|connect|transfer|put|pass|get|reach|want|need|give|like)\b[^.?!]{0,30}"
    r"\b(?:human|real person|person|someone|somebody|agent|representative|operator|colleague|staff|supervisor|manager|"
    r"advisor)"
    r"|(?:human|live agent|real person|customer service|representative|operator|supervisor)\s*(?:please|pls|now)"
    r"|(?:not|no|stop)\b[^.?!]{0,20}\b(?:bot|robot|machine))\b"
    r"|转人工|人工客服|人工服务|真人|找(?:个|一个|你们)?(?:人|经理|主管|客服)|接(?:人工|客服)|叫(?:你们)?(?:经理|主管|客服)"
    r"|(?:不想|别|不要)[^。？！]{0,6}(?:机器人|跟机器)|客服(?:电话)?来",
    re.IGNORECASE,
)
_COMPLAINT = re.compile(
    r"\b(?:lawyer|sue|suing|legal action|small claims|court|police|consumer (?:association|protection|council)|"
    r"formal complaint|lodge a complaint|file a complaint|make a complaint|data protection|gdpr|pdpa|"
    r"furious|outrageous|fed up|personal data|unacceptable|disgusting|ridiculous|"
    r"scam(?:med)?|fraud|cheated|rip[- ]?off|(?:worst|terrible|awful|horrible) (?:service|shop)|"
    r"(?:service|support|shop|staff)\b[^.?!]{0,12}\b"
    r"(?:terrible|awful|horrible|useless|pathetic|appalling|rude|the worst)|"
    r"(?:nobody|no one) (?:answers|answered|replies|replied|helps|helped|cares))\b"
    r"|投诉|律师|起诉|法院|报警|消协|消费者协会|曝光|骗子|诈骗|欺诈|太过分|忍无可忍|受够了|气死|垃圾(?:服务|店)|个人(?:信息|资料|数据)"
    r"|差劲|(?:服务|客服|你们)[^。？！]{0,4}(?:太差|真差|很差|好差|太烂|真烂)|没(?:有)?人(?:理|管|回复|搭理)|态度[^。？！]{0,3}(?:差|恶劣)|太让人失望|数据保护|泄露|赔偿|维权",
    re.IGNORECASE,
)
_QUESTION_ABOUT = re.compile(
    r"\b(?:how|where|what|when|which|can i)\b[^.?!]{0,40}\b(?:complaint|customer service|opening|hours|phone|e-?mail)\b"
    r"|(?:电话|邮箱|几点|时间|怎么|如何)[^。？！]{0,8}(?:客服|投诉)|(?:客服|投诉)[^。？！]{0,8}(?:电话|邮箱|几点|时间|流程|多久)",
    re.IGNORECASE,
)


def called_for(text: str) -> Reason | None:
    """Why these words call for a person: asked for one, or a complaint no bot should answer; None when they do not.

    Asking *about* service ("when is customer service open?") calls for nobody.
    """
    if _QUESTION_ABOUT.search(text):
        return None
    if _PERSON.search(text):
        return Reason.ASKED_FOR_PERSON
    if _COMPLAINT.search(text):
        return Reason.COMPLAINT
    return None


def summary(messages: Sequence[Message], reason: Reason, language: str = "en") -> str:
    """Two lines for the person: why, how many turns, and the customer's last words, personal data masked.

    In Chinese without why: it is for pages, which have it as a badge.
    """
    said = [message.text for message in messages if message.role is Role.CUSTOMER]
    last = mask_personal_data(said[-1])[0] if said else "—"
    first = mask_personal_data(said[0])[0] if len(said) > 1 else ""
    if language == "zh":
        opening = f"开头：“{first}”。" if first else ""
        return f"顾客共发来 {len(said)} 条消息。{opening}最后：“{last}”。"
    opening = f" Began with: “{first}”." if first else ""
    return f"{reason.value.replace('_', ' ').capitalize()}, {len(said)} customer messages.{opening} Last: “{last}”."


def transcript(messages: Sequence[Message]) -> str:
    """The conversation as lines ``role: text``, unmasked: the person needs the order number the customer gave."""
    return "\n".join(f"{message.role.value}: {message.text}" for message in messages)
