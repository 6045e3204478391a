"""The bot's fixed sentences in English and Chinese; everything else it says is an approved answer or a quotation."""

from collections.abc import Mapping

SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "clarify": "Which of these do you mean?",
        "which_number": "Which one? Please write its number.",
        "besides": "Our documents say besides:",
        "perhaps": "This may be what you are looking for:",
        "else_clarify": "If not, which of these do you mean?",
        "else_rephrase": "If not, could you put it another way, or ask for a person?",
        "rephrase": "I could not find an answer to that. Could you put it another way, or ask for a person?",
        "out_of_scope": "That is outside what I can help with. What would you like to know about us and what we offer?",
        "asked_for_person": "I am passing you on to a colleague, who sees our conversation. Please stay here.",
        "complaint": "I am sorry about this. I am passing you on to a colleague, who sees our conversation.",
        "repeated_failure": "I have not been able to help, so I am passing you on to a colleague. Please stay here.",
        "bot_paused": "A colleague has your conversation and will answer here.",
        "slot_missing": "To answer that I need your {slots}. Please write it here.",
        "greeting": "Hello! How can I help you?",
        "identity": "I am an automatic assistant, not a person. Ask me a question, or say that you want a person.",
        "thanks": "You are welcome. Is there anything else?",
        "opening": "Of course. What would you like to know?",
        "agreement": "Please write what you would like to know.",
        "nothing_more": "All right. If anything is still open, just write, or ask for a person.",
        "noted": "Good. Is there anything else?",
        "goodbye": "Goodbye, and thank you for writing to us.",
        "model_unavailable": "I found this, which may answer your question:",
        "released": "You are talking to the assistant again.",
    },
    "zh": {
        "clarify": "您想问的是下面哪一个？",
        "which_number": "是哪一个？请回复编号。",
        "besides": "我们的资料里还写着：",
        "perhaps": "下面这段也许就是您要找的：",
        "else_clarify": "如果不是，您想问的是下面哪一个？",
        "else_rephrase": "如果不是，您可以换个说法，或者转人工客服。",
        "rephrase": "这个问题我没有找到答案。您可以换个说法，或者转人工客服。",
        "out_of_scope": "这个问题超出了我能解答的范围。关于我们的服务，请问有什么可以帮您？",
        "asked_for_person": "正在为您转接人工客服，同事能看到我们的对话，请稍候。",
        "complaint": "非常抱歉。我马上为您转接人工客服，同事能看到我们的对话。",
        "repeated_failure": "抱歉没能帮上忙，正在为您转接人工客服，请稍候。",
        "bot_paused": "人工客服已接手您的对话，会在这里回复您。",
        "slot_missing": "回答这个问题需要您的{slots}，请发给我。",
        "greeting": "您好！请问有什么可以帮您？",
        "identity": "我是自动客服助手，不是真人。您可以直接提问，也可以说“转人工”。",
        "thanks": "不客气。还有别的可以帮您吗？",
        "opening": "当然可以，请说，您想了解什么？",
        "agreement": "请直接写下您想了解的问题。",
        "nothing_more": "好的。还有问题随时告诉我，也可以转人工客服。",
        "noted": "好的。还有别的可以帮您吗？",
        "goodbye": "再见，感谢您的来信。",
        "model_unavailable": "我找到了下面的内容，也许能回答您的问题：",
        "released": "现在由智能助手继续为您服务。",
    },
}

SLOTS: Mapping[str, Mapping[str, str]] = {
    "en": {"order_number": "order number", "customer_name": "name"},
    "zh": {"order_number": "订单号", "customer_name": "姓名"},
}


def say(name: str, language: str, **values: str) -> str:
    """The named sentence in the customer's language; English for languages we do not speak."""
    return SENTENCES["zh" if language == "zh" else "en"][name].format(**values)


def slot_name(slot: str, language: str) -> str:
    """A slot as the customer knows it."""
    return SLOTS["zh" if language == "zh" else "en"].get(slot, slot.replace("_", " "))
