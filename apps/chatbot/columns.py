"""What people call the columns of their files, in English and Chinese, and how a cell becomes a value."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from apps.chatbot.row_problems import DATE, YES_OR_NO
from core.errors import DataError
from core.reasons import reason
from core.text import fold, normalise

# our name -> names people use, as ``_bare`` writes them: folded (so simplified), letters and digits only
FAQ = {
    "id": "id faqid 编号 序号 知识id",
    "question": "question questions q query prompt faq faqquestion userquestion customerquestion 标准问 标准问题 "
    "标准问法 主问题 问题 问句 问法 提问 问 常见问题 用户问题 客户问题 顾客问题 知识标题",
    "answer": "answer answers a response reply completion faqanswer solution 答案 标准答案 标准答复 标准回复 回答 回复 "
    "回复内容 客服回复 答复 答复内容 解答 答 答案内容 解决方案 话术",
    "similar_questions": "similarquestions similarquestion similar alternatives variants paraphrases 相似问 相似问题 "
    "相似问法 扩展问 拓展问 同义问 同义问法 其他问法",
    "category": "category class topic group 分类 类别 类目 知识分类 主题",
    "intent": "intent label 意图 意图名称",
    "language": "language lang locale 语言 语种",
    "valid_from": "validfrom startdate from 生效日期 生效时间 开始日期 有效期起 生效",
    "valid_until": "validuntil validto expires expiry enddate until 失效日期 失效时间 结束日期 截止日期 到期日 "
    "有效期至 失效",
    "status": "status 状态",
}
DOCUMENT = {
    "id": "id documentid docid 编号",
    "title": "title name heading 标题 名称",
    "text": "text content body markdown 正文 内容 全文",
    "source": "source url path 来源",
    "audience": "audience 受众 读者",
    **{name: FAQ[name] for name in ("language", "valid_from", "valid_until")},
}
DIALOGUE = {
    "id": "id dialogueid dialogid conversationid sessionid 会话id 编号",
    "turns": "turns messages conversation dialogue dialog utterances 对话 消息",
    "language": FAQ["language"],
    "resolved": "resolved solved resolution isresolved 已解决 是否解决",
    "csat": "csat rating satisfaction 满意度 评分",
    "intent": FAQ["intent"],
    "started_at": "startedat createdat timestamp time date 开始时间 时间",
    "channel": "channel 渠道",
}
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ].*)?")
_YES = ("true", "yes", "y", "1", "resolved", "solved", "是", "已解决", "解决")
_NO = ("false", "no", "n", "0", "unresolved", "unsolved", "否", "未解决")
_BREAKS = re.compile(r"\s*(?:\n|\||｜|##)\s*")
_SOFT_BREAKS = re.compile(r"\s*[;；]\s*")


def renamed(cells: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, list[Any]]:
    """Cells under our names, each a list since several columns may mean the same (相似问1, 相似问2); empty ones go."""
    table = {theirs: ours for ours, all_ in names.items() for theirs in all_.split()}
    found: dict[str, list[Any]] = {}
    for name, value in cells.items():
        bare = _bare(name)
        ours = table.get(bare) or table.get(bare.rstrip("0123456789"))
        if ours is not None and value is not None and value not in ("", []):
            found.setdefault(ours, []).append(value)
    return found


def is_known(name: str, names: Mapping[str, str]) -> bool:
    """Whether a column name means something."""
    return bool(renamed({name: "x"}, names))


def text(value: Any) -> str:
    """One line of plain text."""
    return " ".join(normalise(str(value)).split())


def long_text(values: Iterable[Any]) -> str:
    """Text that may have lines."""
    return "\n".join(str(value).replace("\r\n", "\n").replace("\r", "\n").strip() for value in values).strip()


def wordings(values: Iterable[Any]) -> tuple[str, ...]:
    """Similar questions out of lists or of cells that join them by a bar, a new line or ##, or else by a semicolon."""
    found = [line for value in values for part in _parts(value) if (line := text(part))]
    return tuple(dict.fromkeys(found))


def day(value: Any, name: str) -> date:
    """A date written year first: 2026-01-31, 2026/1/31, 2026年1月31日. Others are refused: 1/2 may be two days."""
    match = _DATE.fullmatch(str(value).strip())
    try:
        return date(*(int(part) for part in match.groups())) if match else date.fromisoformat("")
    except ValueError:
        raise DataError(reason(DATE, name=name, value=value)) from None


def yes_or_no(value: Any, name: str) -> bool:
    """A truth value written in one of the usual words."""
    word = str(value).strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise DataError(reason(YES_OR_NO, name=name, value=value))


def _parts(value: Any) -> list[str]:
    """A list as it is, however many it holds; a cell at its breaks."""
    if isinstance(value, list | tuple):
        return [str(one) for one in value]
    written = str(value).strip()
    if written.startswith("["):
        try:
            return [str(one) for one in json.loads(written)]
        except ValueError:
            pass  # a wording that begins with a bracket
    return _BREAKS.split(written) if _BREAKS.search(written) else _SOFT_BREAKS.split(written)


@lru_cache(maxsize=1000)
def _bare(name: str) -> str:
    return "".join(letter for letter in fold(str(name)) if letter.isalnum())
