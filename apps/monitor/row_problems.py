"""Why a row, a file or a look at a source gave nothing, in English and Chinese; raised and reported as a ``Reason``."""

from core.reasons import Words

# rows
NO_FIELDS: Words = ("A row must have named fields, got {found}.", "每一行应有字段名，实际是 {found}。")
NO_TEXT: Words = ("The row has neither title nor text.", "这一行既没有标题也没有正文。")
NO_DATE: Words = (
    "The row has no date, so it has no place in history.",
    "这一行没有日期，无法归入历史。",
)
UNREADABLE_DATE: Words = (
    "The date '{value}' cannot be read, so the row has no place in history.",
    "无法识别日期“{value}”，这一行无法归入历史。",
)
TWO_WAYS: Words = (
    "The date '{value}' may begin with its day or its month, so the row has no place in history: "
    "say --dates day-first or --dates month-first.",
    "日期“{value}”可能是日在前，也可能是月在前，这一行无法归入历史：请用 --dates day-first（日在前）"
    "或 --dates month-first（月在前）说明。",
)
REACH_LEFT_OUT: Words = (
    "The item was taken with a reach of {usual}: reach must be a whole number of at least 1, got '{value}'.",
    "内容已收录，传播量按 {usual} 计：reach（传播量）应是不小于 1 的整数，实际是“{value}”。",
)
# how a file is laid out
NO_FIELD: Words = ("There is no field '{name}' to map; {known}.", "没有可映射的字段“{name}”；{known}。")
NO_MAPPED_COLUMN: Words = (
    "There is no column '{column}' to be taken for {field}; {known}.",
    "没有可用作 {field} 的列“{column}”；{known}。",
)
ANY_COLUMN: Words = ("title=COLUMN", "title=列名")
NO_TEXT_COLUMN: Words = (
    "None of the columns ({columns}) is known as title or text: say which is, such as {example} "
    "(--column in the terminal, 'Columns' on the Sources page, columns of a source).",
    "各列（{columns}）中没有已知的标题或正文：请指明是哪一列，例如 {example}"
    "（终端用 --column，“来源”页面填“列名对应”，来源设置用 columns）。",
)
TWO_WAYS_FILE: Words = (
    "The date '{value}' ({row}) may begin with its day or its month, and no other date of the file tells which; "
    "nothing was stored: say day-first or month-first (--dates in the terminal, 'Dates' on the Sources page).",
    "日期“{value}”（{row}）可能是日在前，也可能是月在前，文件中其他日期也无法判定；未存储任何内容：请指明"
    "日在前（day-first）或月在前（month-first）（终端用 --dates，“来源”页面选“日期写法”）。",
)
PAIRS: Words = (
    "Columns are written ours=yours, a comma between, such as title=headline; got '{found}'.",
    "列名对应写作“本方字段=对方列名”，以逗号分隔，例如 title=headline；实际是“{found}”。",
)
# files
UNKNOWN_ENDING: Words = ("'{name}' must be one of {known}.", "不支持“{name}”的文件类型；支持：{known}。")
UNREADABLE: Words = ("File '{name}' cannot be read: {why}.", "无法读取文件“{name}”：{why}。")
NO_ROWS: Words = ("'{name}' holds no rows: {wanted}.", "“{name}”中没有条目：{wanted}。")
WANTED_CSV: Words = (
    "its first line must name the columns (such as published_at,title,text), each further one is an item",
    "第一行应是列名（如 published_at,title,text），之后每行一条",
)
WANTED_JSON: Words = (
    'each line must be an item such as {{"published_at": "2026-03-01T08:30:00+08:00", "title": "…"}}',
    '每行应是一个条目，例如 {{"published_at": "2026-03-01T08:30:00+08:00", "title": "…"}}',
)
CSV: Words = ("The row is no sound csv: {why}.", "这一行不是有效的 csv：{why}。")
NO_JSON: Words = ("The line is no JSON: '{line}'.", "这一行不是 JSON：“{line}”。")
NO_OBJECT: Words = ("The line must be a JSON object, got {line}.", "这一行应是 JSON 对象，实际是 {line}。")
NO_JSON_FILE: Words = ("The file is no sound JSON: {why}.", "文件不是有效的 JSON：{why}。")
NO_OBJECT_ENTRY: Words = ("The entry must be a JSON object.", "这一项应是 JSON 对象。")
LONG_LINE: Words = (
    "'{name}' has a line of more than {most} bytes.",
    "“{name}”中有一行超过 {most} 字节。",
)
# a source as it is set up
NAMELESS: Words = ("A source needs a name.", "请填写来源名称。")
NO_ADDRESS: Words = ("Source '{name}' of kind {kind} needs an address.", "来源“{name}”（{kind}）缺少地址。")
NO_WEB_ADDRESS: Words = (
    "Source '{name}' needs an http(s) address, got '{address}'.",
    "来源“{name}”的地址应以 http:// 或 https:// 开头，实际是“{address}”。",
)
TOO_OFTEN: Words = (
    "Source '{name}' must be looked at no oftener than each second, got {every}.",
    "来源“{name}”的轮询间隔不能小于 1 秒，实际是 {every}。",
)
ZONE: Words = (
    "Source '{name}' has no known time zone '{zone}'; one is Asia/Shanghai.",
    "来源“{name}”的时区“{zone}”无法识别；可写 Asia/Shanghai 等。",
)
# a look at a source
NOT_LOOKED_AT: Words = (
    "Source '{name}' is {kind}: items come to it, it is not looked at.",
    "来源“{name}”（{kind}）由对方送来内容，无需读取。",
)
NO_FOLDER: Words = ("Folder '{folder}' of source '{name}' does not exist.", "来源“{name}”的文件夹“{folder}”不存在。")
BAD_ADDRESS: Words = ("'{address}' is no usable address: {why}.", "“{address}”不是可用的地址：{why}。")
UNREACHABLE: Words = ("'{address}' cannot be reached: {why}.", "无法连接“{address}”：{why}。")
REFUSED: Words = ("'{address}' answered {status}.", "“{address}”返回了 {status}。")
TOO_LARGE: Words = (
    "'{address}' is larger than {most} MB: raise monitor.intake.largest_mb.",
    "“{address}”超过 {most} MB：请调大 monitor.intake.largest_mb。",
)
NO_FEED: Words = ("'{address}' is no RSS or Atom feed.", "“{address}”不是 RSS 或 Atom 订阅。")
NO_PAGE_TEXT: Words = ("'{address}' has no text that could be found.", "“{address}”中没有找到正文。")
NO_STREAM: Words = ("The Redis stream '{stream}' cannot be read: {why}.", "无法读取 Redis 流“{stream}”：{why}。")
NO_JSON_MESSAGE: Words = (
    "Entry {key} of '{stream}' holds no sound JSON.",
    "“{stream}”的第 {key} 项不是有效的 JSON。",
)
NO_OBJECT_MESSAGE: Words = (
    "Entry {key} of '{stream}' must be a JSON object.",
    "“{stream}”的第 {key} 项应是 JSON 对象。",
)
