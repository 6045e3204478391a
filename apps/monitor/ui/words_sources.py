"""Interface strings of the Sources page: who is heard, files taken in, channels and messages. English and Chinese."""

SOURCES: dict[str, tuple[str, str]] = {
    # who is heard
    "section_sources": ("Sources", "来源"),
    "section_channels": ("Notifications", "通知渠道"),
    "sources_none": ("No source yet: add one below.", "还没有来源，请在下方添加。"),
    "source_add": ("Add a source", "添加来源"),
    "source_kind": ("Kind", "类型"),
    "source_kind_rss": ("RSS or Atom feed", "RSS/Atom 订阅"),
    "source_kind_page": ("Web page", "网页"),
    "source_kind_file": ("File (jsonl, csv)", "文件（jsonl、csv）"),
    "source_kind_folder": ("Folder watched", "监视文件夹"),
    "source_kind_push": ("Pushed over HTTP", "HTTP 推送"),
    "source_kind_brought": ("Taken in: a file or over HTTP", "已导入：文件或 HTTP 推送"),
    "source_kind_redis": ("Redis stream", "Redis 流"),
    "source_kind_replay": ("Replay", "回放"),
    "source_address": ("Address or path", "地址或路径"),
    "source_zone": ("Time zone of its dates", "其日期所用时区"),
    "source_every": ("Look every (seconds)", "轮询间隔（秒）"),
    "source_silent": ("Silent after (minutes)", "静默判定（分钟）"),
    "source_columns": ("Columns (ours=yours, …)", "列名对应（本方字段=对方列名）"),
    "source_columns_help": (
        "Only where the names are not known: title=headline, text=body, published_at=when, source=site, url=link. "
        "Fields: {fields}.",
        "仅当列名无法识别时填写：title=headline, text=body, published_at=when, source=site, url=link。"
        "可用字段：{fields}。",
    ),
    "source_dates": ("Dates such as 03/04/2026", "日期写法（如 03/04/2026）"),
    "source_dates_help": (
        "Where some date of the file has a number over 12, that tells; else say it here. Dates that may be read two "
        "ways are never guessed.",
        "文件中只要有大于 12 的数字即可判定；否则请在此指明。有两种读法的日期不会猜测。",
    ),
    "date_order_": ("as the file's other dates tell", "由文件中其他日期判定"),
    "date_order_day-first": ("day first", "日在前"),
    "date_order_month-first": ("month first", "月在前"),
    "source_two_ways": (
        "{n} dates may begin with their day or their month and were not used: say which comes first (add the source "
        "again under its name, with its dates).",
        "{n} 个日期可能日在前，也可能月在前，未采用：请指明写法（用同一名称再次添加该来源，并选择日期写法）。",
    ),
    "source_added": ("Added: it is looked at from now on.", "已添加，立即开始接收。"),
    "source_pause": ("Pause", "暂停"),
    "source_resume": ("Resume", "恢复"),
    "source_remove": ("Remove", "移除"),
    "source_remove_sure": ("Its items stay, it is no longer looked at.", "已有内容保留，不再接收新内容。"),
    "source_forget": ("Take its items out", "撤回其内容"),
    "source_forget_sure": (
        "{n} items ({m} corrected by hand) are deleted and no longer counted, as if they had never come. "
        "Alerts and their history stay.",
        "将删除 {n} 条内容（其中 {m} 条经人工更正），并从统计中扣除，如同从未收到。告警及其历史保留。",
    ),
    "source_forgotten": ("{n} items are gone.", "已撤回 {n} 条内容。"),
    "source_paused": ("Paused.", "已暂停。"),
    "source_resumed": ("Resumed.", "已恢复。"),
    "source_removed": ("Removed.", "已移除。"),
    "source_state_ok": ("heard", "正常"),
    "source_state_silent": ("silent", "静默"),
    "source_state_failing": ("failing", "失败"),
    "source_state_paused": ("paused", "已暂停"),
    "source_state_waiting": ("not yet heard", "尚未收到"),
    "health_ok": ("Heard.", "正常。"),
    "health_waiting": ("Nothing has come from here yet.", "尚未收到任何内容。"),
    "health_silent": ("Silent for longer than usual: what happens there is unknown.", "静默时间超出往常，情况未知。"),
    "health_failing": ("{n} looks in a row failed: {error}", "连续 {n} 次读取失败：{error}"),
    "health_paused": ("Paused by hand.", "已手动暂停。"),
    "source_delay": ("typically {length} behind", "通常延迟 {length}"),
    "source_last": ("last item {time}", "最近一条 {time}"),
    "source_never": ("no item yet", "尚无内容"),
    "source_ago": ("last item {ago} ago", "最近一条在 {ago}前"),
    "source_counts": (
        "{items} items · {reposts} reposts · {duplicates} doubles · {late} late · {undated} undated · {dropped} bad",
        "{items} 条 · 转载 {reposts} · 重复 {duplicates} · 迟到 {late} · 无日期 {undated} · 未收录 {dropped}",
    ),
    "source_counts_help": (
        "Reposts are copies of a story already told. Doubles were sent again and changed nothing. Late: published more "
        "than {late} before it came in; it counts at the time it was published. Undated: without a date that can be "
        "used; it counts at the moment it came in. Bad: not taken.",
        "转载：已知事件的再次发布。重复：再次发送，未产生变化。迟到：发布后超过 {late}才收到，按发布时间计入。"
        "无日期：没有可用的日期，按收到的时间计入。未收录：无法采用的内容。",
    ),
    "push_line": (
        "Any program may push items: POST them to /v1/monitor/items. Sending the same again does no harm.",
        "任何程序都可以向 /v1/monitor/items 推送（POST）。重复发送不会重复计数。",
    ),
    # a file taken in
    "upload": ("Take in a file now", "立即导入文件"),
    "upload_file": ("File of items", "条目文件"),
    "upload_help": (
        "jsonl or csv with id, published_at (with its time zone), title, text, url, language, reach.",
        "jsonl 或 csv，字段：id、published_at（含时区）、title、text、url、language、reach。",
    ),
    "upload_go": ("Take in", "导入"),
    "upload_look": ("Look first, store nothing", "先预览，不存储"),
    "preview": (
        "Nothing was stored. Rows that could be taken in: {n}, that could not: {m}. The first ones:",
        "未存储任何内容。可收录 {n} 行，不可收录 {m} 行；前几条：",
    ),
    "preview_none": ("(none)", "（无）"),
    "preview_title": ("Title", "标题"),
    "preview_text": ("Text", "正文"),
    "report_columns": ("Columns taken: {used}. Not used: {unused}.", "采用的列：{used}。未采用：{unused}。"),
    "report_dates": ("Dates such as 03/04/2026 are read: {order}.", "形如 03/04/2026 的日期按“{order}”读取。"),
    "upload_source": ("the file's name", "文件名"),
    "upload_none": ("Choose a file first.", "请先选择文件。"),
    "report_added": ("Added", "新增"),
    "report_duplicates": ("Doubles", "重复"),
    "report_late": ("Late", "迟到"),
    "report_late_help": (
        "Published more than {late} before it came in: it counts at the time it was published and "
        "raises no alert a day afterwards.",
        "发布后超过 {late}才收到：按发布时间计入，超过一天的不再触发告警。",
    ),
    "report_duplicates_help": (
        "Sent before, same id or same content: nothing changes.",
        "此前已收到（编号或内容相同），未产生变化。",
    ),
    "report_dropped": ("Not taken", "未收录"),
    "zoneless": (
        "{n} dates name no time zone: they were read in their source's, else as UTC.",
        "{n} 个日期没有时区，已按来源的时区读取，来源未设时按 UTC。",
    ),
    "problem_row": ("File and line", "文件与行号"),
    "problem_why": ("Why it was not taken", "未收录的原因"),
    "report_undated": (
        "{n} items have no date that can be used: they are kept and count at the moment they came in.",
        "{n} 条没有可用的日期：已收录，按收到的时间计入。",
    ),
    "undated_date": ("Date found", "原日期"),
    "undated_why": ("Why it is not used", "未采用的原因"),
    "date_unreadable": (
        "cannot be read; write 2026-03-01T08:30:00+08:00",
        "无法识别，请写成 2026-03-01T08:30:00+08:00",
    ),
    "date_two_ways": (
        "may begin with its day or its month; say which under Dates",
        "可能日在前，也可能月在前；请在“日期写法”中指明",
    ),
    "date_ahead": ("lies in the future", "晚于当前时间"),
    "date_old": ("lies too far back (monitor.intake.oldest_days)", "过于久远（见 monitor.intake.oldest_days）"),
    # channels
    "channels_none": ("No channel yet: alerts show on the pages only.", "还没有通知渠道，告警仅在页面显示。"),
    "channel_add": ("Add a channel", "添加渠道"),
    "channel_how": (
        "Addresses hold passwords, so they stand in the settings file `trifolium.toml` and not in the database:",
        "地址中含有密码，因此写在设置文件 `trifolium.toml` 中，不存入数据库：",
    ),
    "channel_help": (
        "mailto://user:password@mail.example · json://host/hook · slack://… · dingtalk://… · feishu://… · wecombot://…",
        "mailto://用户:密码@邮件服务器 · json://主机/路径 · slack://… · dingtalk://… · feishu://… · wecombot://…",
    ),
    "channel_try": ("Send a test", "发送测试"),
    "channel_tried": ("Sent: look whether it has arrived.", "已发送，请查看是否收到。"),
    "outbox_title": ("Messages", "通知记录"),
    "outbox_none": ("No message yet.", "还没有通知。"),
    "outbox_channel": ("Channel", "渠道"),
    "outbox_kind": ("About", "内容"),
    "outbox_tries": ("Tries", "尝试次数"),
    "outbox_error": ("What went wrong", "失败原因"),
    "outbox_failed": (
        "Some messages were given up: look at what went wrong and send a test.",
        "有通知已放弃发送，请查看原因并发送测试。",
    ),
    "message_firing": ("alert", "告警"),
    "message_repeat": ("still firing", "持续告警"),
    "message_resolved": ("resolved", "已恢复"),
    "message_test": ("test", "测试"),
    "delivery_waiting": ("waiting", "待发"),
    "delivery_claimed": ("being sent", "发送中"),
    "delivery_sent": ("sent", "已发送"),
    "delivery_failed": ("given up", "已放弃"),
}
