"""Why a row or a file of knowledge is not taken, in English and Chinese; raised and reported as a ``Reason``."""

from core.reasons import Words

# files
NO_FILE: Words = ("There is no file or folder '{name}'.", "没有文件或文件夹“{name}”。")
UNKNOWN_ENDING: Words = (
    "Files ending in '{ending}' are not read; known: {known}.",
    "不支持以“{ending}”结尾的文件；支持：{known}。",
)
NO_TABLE: Words = (
    "'{name}' is no table that can be read; known here: {known}.",
    "“{name}”不是可读取的表格；支持：{known}。",
)
UNREADABLE: Words = ("'{name}' cannot be read: {why}.", "无法读取“{name}”：{why}。")
BINARY: Words = ("'{name}' holds binary data where text was expected.", "“{name}”的内容不是文本。")
ENCODING: Words = (
    "'{name}' is text in no known encoding: save it as UTF-8.",
    "无法识别“{name}”的文字编码：请另存为 UTF-8。",
)
NO_WORKBOOK: Words = ("'{name}' is no workbook that can be read: {why}.", "“{name}”不是可读取的工作簿：{why}。")
NO_JSON_FILE: Words = ("'{name}' is not valid JSON: {why}.", "“{name}”不是有效的 JSON：{why}。")
NO_ARRAY: Words = (
    "'{name}' must be a JSON array of objects, got {found}.",
    "“{name}”应是由对象组成的 JSON 数组，实际是 {found}。",
)
NO_HTML: Words = ("'{name}' is no HTML that can be read: {why}.", "“{name}”不是可读取的 HTML：{why}。")
NO_PDF: Words = ("'{name}' is no PDF that can be read: {why}.", "“{name}”不是可读取的 PDF：{why}。")
LOCKED: Words = ("'{name}' is locked by a password.", "“{name}”有密码保护。")
NO_WORD: Words = (
    "'{name}' is no Word document that can be read: {why}.",
    "“{name}”不是可读取的 Word 文档：{why}。",
)
NO_TEXT: Words = (
    "The document holds no text (a scan needs text recognition first).",
    "文档中没有文字（扫描件需先做文字识别）。",
)
NO_ROWS: Words = ("'{name}' holds no row that can be read.", "“{name}”中没有可读取的行。")
FEEDBACK: Words = (
    "'{name}' holds customers' thumbs on answers, which are no knowledge: it is left out.",
    "“{name}”是顾客对回答的评价，不属于知识，未收录。",
)
OTHER_KIND: Words = (
    "'{name}' holds no {given}; it looks like {found}: take it in as '{kind}', or let the kind be found out ('auto').",
    "“{name}”中没有{given}，看起来是{found}：请将内容类型选为“{found}”（{kind}）或“自动识别”（auto）。",
)
NO_COLUMN: Words = (
    "'{name}' needs a column {wanted}; its columns are: {columns} (rename what holds that to {names}).",
    "“{name}”缺少{wanted}列；现有的列是：{columns}。请将对应的列改名为{names}。",
)
WANTED: Words = ("'{ours}' ({theirs})", "“{theirs}”（{ours}）")
AND: Words = (" and ", "和")
# rows of a table
CSV: Words = ("The row is no valid CSV up to line {last}: {why}.", "这一行直到第 {last} 行都不是有效的 CSV：{why}。")
CELLS: Words = (
    "The row has {found} cells where the header has {wanted}.",
    "这一行有 {found} 个单元格，而表头有 {wanted} 列。",
)
SHEET: Words = (
    "Sheet '{title}' was not read: none of its columns is known.",
    "未读取工作表“{title}”：没有可识别的列。",
)
NO_JSON: Words = ("The line is not valid JSON: {why}.", "这一行不是有效的 JSON：{why}。")
NO_OBJECT: Words = ("The line must be a JSON object, got {found}.", "这一行应是 JSON 对象，实际是 {found}。")
NO_OBJECT_ITEM: Words = (
    "Item {number} must be a JSON object, got {found}.",
    "第 {number} 项应是 JSON 对象，实际是 {found}。",
)
SAME_ID: Words = ("The id '{id}' stands on line {line} already.", "编号“{id}”在第 {line} 行已出现。")
JOINED: Words = (
    "The same question with nearly the same answer as on line {line}: the two are one.",
    "与第 {line} 行问题相同、答案几乎相同，已合并为一条。",
)
# rows taken that a person should look at
EXPIRED: Words = (
    "Its last valid day is over: no customer gets it.",
    "已过失效日期：不会提供给顾客。",
)
SAYS_OTHERWISE: Words = (
    "Asks the same as {other} and answers otherwise: that one is given, this one waits in the review queue.",
    "与{other}问题相同而答案不同：目前采用后者，本条已放入待审核。",
)
BOTH_GIVEN: Words = (
    "Asks the same as {other} and answers otherwise, and both are given, whichever search puts first: delete one or "
    "change it.",
    "与{other}问题相同而答案不同，且两条都在使用，以检索在前者为准：请删除或修改其中一条。",
)
ON_LINE: Words = ("line {line}", "第 {line} 行")
OF_FILE: Words = ("an answer of '{name}'", "“{name}”中的一条问答")
BY_HAND: Words = ("an answer written by hand", "人工填写的一条问答")
# cells
EMPTY_CELL: Words = ("The row has no {name}.", "这一行没有{name}。")
NEEDED: Words = ("{what} needs a {name}, got none.", "{what}缺少{name}。")
DATE: Words = (
    "{name} must be a date such as 2026-01-31, got '{value}'.",
    "{name} 应是 2026-01-31 这样的日期，实际是“{value}”。",
)
VALIDITY: Words = (
    "valid_until must not be before valid_from, got {first} … {last}.",
    "失效日期不能早于生效日期，实际是 {first} … {last}。",
)
YES_OR_NO: Words = ("{name} must be true or false, got '{value}'.", "{name} 应是“是”或“否”，实际是“{value}”。")
STATUS: Words = ("status must be one of {known}, got '{value}'.", "状态应是 {known} 之一，实际是“{value}”。")
# past dialogues
NO_TURNS: Words = ("The dialogue has no list of turns.", "对话中没有消息列表。")
EMPTY_DIALOGUE: Words = ("Dialogue '{id}' has no turns.", "对话“{id}”没有消息。")
NO_TURN: Words = ("Turn {number} must be an object with role and text.", "第 {number} 条消息应有角色和内容。")
NO_TURN_TEXT: Words = ("Turn {number} has no text.", "第 {number} 条消息没有内容。")
ROLE: Words = (
    "Turn {number} has the role '{role}'; known are customer, agent and assistant.",
    "第 {number} 条消息的角色是“{role}”；支持顾客、客服和机器人。",
)
CSAT: Words = ("csat must be 1 to 5, got {value}.", "满意度应为 1 至 5，实际是 {value}。")
STARTED: Words = (
    "started_at must be a time such as 2026-03-02T10:12:00+08:00, got '{value}'.",
    "开始时间应如 2026-03-02T10:12:00+08:00，实际是“{value}”。",
)
# names of cells inside these sentences
NAMES: dict[str, Words] = {
    "question": ("question", "问题"),
    "answer": ("answer", "答案"),
    "title": ("title", "标题"),
    "text": ("text", "正文"),
    "id": ("id", "编号"),
}
KIND_NAMES: dict[str, Words] = {
    "faq": ("questions and answers", "问答对"),
    "documents": ("documents", "文档"),
    "dialogues": ("past dialogues", "历史对话"),
}
RECORDS: dict[str, Words] = {
    "ApprovedAnswer": ("An approved answer", "标准问答"),
    "Document": ("A document", "文档"),
    "Passage": ("A passage", "文档片段"),
    "Dialogue": ("A dialogue", "对话"),
    "LabelledQuestion": ("A labelled question", "标注问题"),
}
