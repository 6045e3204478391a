"""Why a row or a file of items and events is not taken, and how it was understood, in English and Chinese."""

from core.reasons import Words

# files
NO_FILE: Words = ("There is no file or folder '{name}'.", "没有文件或文件夹“{name}”。")
UNKNOWN_FILE: Words = (
    "'{name}' is of no known kind; known are {known}.",
    "无法识别“{name}”的文件类型；可用的有 {known}。",
)
EMPTY_FILE: Words = ("'{name}' is empty.", "“{name}”是空文件。")
UNREADABLE: Words = ("'{name}' cannot be read: {why}.", "无法读取“{name}”：{why}。")
ENCODING: Words = (
    "'{name}' is no sound text in UTF-8, UTF-16, GB18030 or Windows-1252: save it as UTF-8 (in Excel: "
    "'CSV UTF-8') and take it in again.",
    "“{name}”不是完好的 UTF-8、UTF-16、GB18030 或 Windows-1252：请另存为 UTF-8（Excel 中选“CSV UTF-8”）后重新导入。",
)
NO_PARQUET: Words = ("'{name}' is no parquet file.", "“{name}”不是 parquet 文件。")
ITEMS_OR_EVENTS: Words = (
    "The name '{name}' does not tell whether the file holds items or events: say which (in a terminal by "
    "--kind items or --kind events).",
    "从文件名“{name}”看不出内容是商品还是行为：请在“文件内容”中选定。",
)
NO_COLUMN: Words = (
    "'{name}' has no column for {missing}: rename one, or name it in a terminal by -c {first}=<column>; its columns "
    "are {columns}.",
    "“{name}”缺少对应 {missing} 的列：请改列名，或在终端用 -c {first}=<列名> 指定；现有的列是 {columns}。",
)
NO_MAPPED_COLUMN: Words = ("'{name}' has no column '{column}'; {known}.", "“{name}”中没有“{column}”列；{known}。")
# rows of any file
CELLS: Words = (
    "{found} values where the header has {wanted}.",
    "这一行有 {found} 个值，而表头有 {wanted} 列。",
)
CELLS_WITHOUT_HEADER: Words = (
    "{found} values where {wanted} were expected.",
    "这一行有 {found} 个值，应有 {wanted} 个。",
)
NO_JSON: Words = ("The line is no JSON.", "这一行不是 JSON。")
NO_OBJECT: Words = (
    "A JSON object was expected, found {found}.",
    "应是一个 JSON 对象，实际是 {found}。",
)
# cells
NUMBER: Words = ("{name} must be a number, found '{value}'.", "{name} 应是数字，实际是“{value}”。")
NO_TIME: Words = ("{name} is missing.", "缺少 {name}。")
TIME: Words = (
    "{name} must be a date such as 2026-03-01 08:30 or seconds since 1970, found '{value}'.",
    "{name} 应是 2026-03-01 08:30 这样的日期或自 1970 年起的秒数，实际是“{value}”。",
)
TWO_WAYS: Words = (
    "{name} '{value}' may begin with its day or its month: say which (in a terminal by --dates day-first or "
    "--dates month-first).",
    "{name}“{value}”可能是日在前，也可能是月在前：请在“日期写法”中指明"
    "（终端用 --dates day-first 或 --dates month-first）。",
)
# items and events
ID: Words = (
    "{what} id must be a text of 1 to {most} characters, got {value}.",
    "{what} 的编号应为 1 至 {most} 个字符，实际是 {value}。",
)
NO_TITLE: Words = ("Item '{id}' has no title.", "商品“{id}”没有标题。")
PRICE: Words = (
    "Item '{id}': price must be a number of at least 0, got {value}.",
    "商品“{id}”：价格应是不小于 0 的数字，实际是 {value}。",
)
PRICE_LEFT_OUT: Words = (
    "'{value}' is no price: the item is taken without one.",
    "“{value}”不是价格：已收录该商品，但不带价格。",
)
DATE_LEFT_OUT: Words = ("{why} The item is taken without a date.", "{why}已收录该商品，但不带日期。")
STANDS_AGAIN: Words = (
    "Item '{id}' stands again on line {line}: that row is taken.",
    "商品“{id}”在第 {line} 行再次出现：以该行为准。",
)
NO_TYPE: Words = ("Event '{id}' has no type.", "行为“{id}”没有类型。")
NO_NUMBER: Words = (
    "Event '{id}': value must be a number, got {value}.",
    "行为“{id}”：value 应是数字，实际是 {value}。",
)
UNKNOWN_TYPE: Words = ("Unknown event type '{type}'; {known}.", "未知的行为类型“{type}”；{known}。")
UNKNOWN_ITEM: Words = ("There is no item '{item}': put the item first.", "没有商品“{item}”：请先导入该商品。")
FUTURE: Words = ("Its time {time} lies in the future.", "它的时间 {time} 在将来。")
OUTSIDE_SCALE: Words = (
    "The {type} {value} lies outside of the scale from {worst} to {best}: another scale is a setting of "
    "recommender.events.",
    "{type} 的值 {value} 超出 {worst} 至 {best} 的范围：其他范围请在设置 recommender.events 中指定。",
)
# how a file was understood
IN_ENCODING: Words = ("It was read as {encoding}.", "按 {encoding} 编码读取。")
COLUMN_TAKEN: Words = ("{column} as {field}", "“{column}”作 {field}")
COLUMNS_TAKEN: Words = ("Columns taken: {columns}.", "列的对应：{columns}。")
ATTRIBUTES: Words = ("Kept as attributes only: {columns}.", "仅保留为附加属性的列：{columns}。")
NOT_USED: Words = ("Not used: {columns}.", "未使用的列：{columns}。")
AND_MORE: Words = ("{listed} and {more} more", "{listed}等，另有 {more} 列")
DAY_FIRST: Words = (
    "Dates such as 03/04/2026 begin with their day, as other dates of the file tell.",
    "形如 03/04/2026 的日期按日在前读取（由文件中其他日期判定）。",
)
MONTH_FIRST: Words = (
    "Dates such as 03/04/2026 begin with their month, as other dates of the file tell.",
    "形如 03/04/2026 的日期按月在前读取（由文件中其他日期判定）。",
)
