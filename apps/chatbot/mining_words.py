"""The words by which mining tells greetings, courtesy, single cases, doubt and content, in English and Chinese."""

import re

OPENING = re.compile(
    r"^(?:(?:hi|hello|hey|dear|good (?:morning|afternoon|evening)|morning|evening)\b(?: there| team| all)?"
    r"|您好|你好|嗨|哈喽|早上好|下午好|晚上好|早安|在吗|请问|亲)[\s!,.:;~、，。！：；～]*",
    re.IGNORECASE,
)
COURTESY = re.compile(
    r"(?:thank(?:s| you)[^.!?]*|you'?re (?:very |most )?welcome[^.!?]*|(?:have|enjoy) [^.!?]*|glad [^.!?]*"
    r"|no problem[^.!?]*|happy to [^.!?]*|sorry[^.!?]{0,30}|i'?m (?:very |so )?sorry[^.!?]{0,60}|bye[^.!?]*"
    r"|oh dear|of course|sure"
    r"|不客气[^。！？]*|谢谢[^。！？]*|感谢[^。！？]*|祝您[^。！？]*|没关系[^。！？]{0,12}|好的[^。！？]{0,8}"
    r"|抱歉[^。！？]{0,16}|不好意思[^。！？]{0,16}|还有[^。！？]*(?:随时|联系)[^。！？]*|理解您[^。！？]*)[.!?。！？~～😊🙂]*",
    re.IGNORECASE,
)
ONE_CASE = re.compile(
    r"\b[A-Z]{1,4}-?\d{3,}\b|\b(?:i'?ve|i have|i'?ll|i will|let me|i can see|i see|found it|i just"
    r"|your (?:order|parcel|repair|refund) (?:was|is|has|went|shows)|tomorrow|yesterday|today"
    r"|monday|tuesday|wednesday|thursday|friday|this week|next week)\b"
    r"|查到|帮您(?:查|看|登记|催|改|联系|提交|备注|申请|转)|为您(?:查|登记|提交|申请)|我(?:这边|来)"
    r"|已经(?:帮|为|给)您|您的(?:订单|包裹)(?:是|已|显示|在)|今天|明天|昨天|后天|周[一二三四五六日]|星期[一二三四五六日]",
    re.IGNORECASE,
)
PASSED_ON = re.compile(
    r"\b(?:transfer|connect|put|hand) you\b|\bcolleague will\b|\bsupervisor\b|转接|转给|主管|专员|同事会|稍等",
    re.IGNORECASE,
)
UNSURE = re.compile(
    r"\b(?:i don'?t (?:know|have)|i can'?t (?:say|promise|tell)|not sure|no idea|don'?t want to promise)\b"
    r"|不清楚|不确定|没办法(?:确认|保证)|没有(?:资料|信息|数据|标)|不知道|没有这方面|手上没有|先查|再答复|再给您答复",
    re.IGNORECASE,
)
CONTENT = re.compile(
    r"\bthank|\bthx|\bty\b|\btq\b|perfect|great|got it|works|solved|\bok(?:ay)?\b|谢|好的|明白|懂了|可以了|解决|太好",
    re.IGNORECASE,
)
STILL_ASKING = re.compile(r"[?？]|\bbut\b|doesn'?t work|still|不行|还是|可是|但是", re.IGNORECASE)
ASKS = re.compile(
    r"[?？]|^(?:how|what|when|where|which|who|why|can|could|do|does|did|is|are|will|would|may|any)\b"
    r"|吗|呢|么|怎|如何|多少|多久|几|哪|什么|能不能|可不可以|是否|是不是|有没有|要不要",
    re.IGNORECASE,
)
ASKS_BACK = re.compile(
    r"\b(?:order|repair|tracking) number\b[^.?!]*\?"
    r"|(?:给我|提供|告诉我|发一?下|麻烦给)[^。？！]{0,8}(?:单号|号码|资料|照片)",
    re.IGNORECASE,
)
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
MASKED = re.compile(r"\[(?:mail|phone|id_card|bank_card|account|address)\]")  # what masking left of personal data
