"""What people call the columns of their files of items and events, and which column of a row is which of our fields."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from apps.recommender.row_problems import NO_COLUMN, NO_MAPPED_COLUMN
from core.errors import DataError, known_names
from core.reasons import known, reason

# our field -> the names people use in small letters, blanks and hyphens as _; the first one found is taken
ITEM_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": (
        *("id", "item_id", "item", "movieid", "movie_id", "itemid", "asin", "sku", "product_id", "product_code"),
        *("item_code", "article_id", "article_no", "goods_id", "编号", "商品编号", "商品id", "商品编码", "货号"),
    ),
    "title": (
        *("title", "name", "item_title", "movie_title", "product_name", "product_title", "item_name", "headline"),
        *("product", "标题", "名称", "商品名称", "商品名", "商品标题", "品名", "商品"),
    ),
    "description": (
        *("description", "text", "abstract", "plot", "body", "summary", "desc", "descr", "product_description"),
        *("item_description", "product_desc", "long_description", "short_description", "details"),
        *("描述", "商品描述", "简介", "商品简介", "介绍", "商品介绍", "详情", "商品详情", "说明"),
    ),
    "tags": ("tags", "genres", "genre", "class", "keywords", "labels", "tag", "标签", "关键词"),
    "category": (
        *("category", "categories", "main_category", "type", "product_category", "product_type"),
        *("品类", "类别", "分类", "商品分类", "商品类别", "类目"),
    ),
    "brand": ("brand", "brands", "author", "maker", "publisher", "manufacturer", "vendor", "品牌", "厂商", "作者"),
    "price": ("price", "cost", "unit_price", "sale_price", "价格", "售价", "单价", "商品价格"),
    "language": ("language", "lang", "语言"),
    "created_at": (
        *("created_at", "created", "published_at", "date", "release_date", "launched", "launched_at", "launch_date"),
        *("creation_date", "date_added", "added_at", "上架时间", "上架日期", "发布时间", "发布日期", "日期"),
    ),
    "available": ("available", "in_stock", "is_available", "有货", "是否有货", "在售", "是否在售"),
}
EVENT_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "event_id", "编号", "行为编号"),
    "user": (
        *("user", "user_id", "userid", "visitor_id", "person", "uid", "customer", "customer_id", "client", "client_id"),
        *("member", "member_id", "visitor", "用户", "用户id", "用户编号", "会员", "会员id", "会员编号", "会员号"),
        *("顾客", "客户", "客户id", "客户编号", "买家"),
    ),
    "item": (
        *("item", "item_id", "movieid", "movie_id", "itemid", "asin", "product_id", "product", "sku", "article"),
        *("article_id", "product_code", "goods_id", "商品", "商品id", "商品编号", "商品编码", "货号"),
    ),
    "type": (
        *("type", "event", "event_type", "feedback_type", "action", "behavior", "behaviour", "behavior_type"),
        *("event_name", "行为", "行为类型", "动作", "事件", "类型"),
    ),
    "time": (
        *("time", "timestamp", "ts", "datetime", "date", "when", "event_time", "occurred_at", "created_at"),
        *("时间", "行为时间", "发生时间", "时间戳", "日期"),
    ),
    "value": ("value", "rating", "stars", "score", "评分", "分值", "数值"),
    "position": ("position", "rank", "位置", "排名"),
    "list_id": ("list_id", "impression_id", "request_id", "session_id", "列表编号"),
}
PATIENCE = 100  # rows looked at for the needed columns: objects of a jsonl file may leave some out


class Columns:
    """The fields of one file's rows: by ``mapping``, else by the names people use; ``DataError`` for no such field."""

    def __init__(
        self, file: str, mapping: Mapping[str, str], names: Mapping[str, tuple[str, ...]], needed: Sequence[str]
    ) -> None:
        unknown = next((name for name in mapping if name not in names), None)
        if unknown is not None:
            raise DataError(f"There is no field '{unknown}' to map; {known_names(unknown, names)}.")
        self._file, self._mapping, self._names, self._needed = file, mapping, names, needed
        self._by_shape: dict[tuple[str, ...], dict[str, str]] = {}
        self._met: dict[str, None] = {}
        self._looked, self._whole, self._wrong = 0, False, DataError()

    def of(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Our field's name → this row's column. ``DataError`` when none of many rows had the needed ones."""
        shape = tuple(row)
        if shape not in self._by_shape:
            self._by_shape[shape] = self._chosen(row)
            self._met |= dict.fromkeys(str(name) for name in row)
        if not self._whole:
            self._look(row, self._by_shape[shape])
        return self._by_shape[shape]

    @property
    def renamed(self) -> dict[str, tuple[str, ...]]:
        """Our fields with the columns taken for them, where a column has another name."""
        taken: dict[str, dict[str, None]] = {}
        for chosen in self._by_shape.values():
            for name, column in chosen.items():
                taken.setdefault(name, {})[column] = None
        return {name: tuple(columns) for name, columns in taken.items() if {_plain(one) for one in columns} != {name}}

    @property
    def others(self) -> tuple[str, ...]:
        """Columns that were taken for no field, in the order of the file."""
        taken = {column for chosen in self._by_shape.values() for column in chosen.values()}
        return tuple(name for name in self._met if name and name not in taken)

    def check(self) -> None:
        """``DataError`` when there were rows and none had the needed columns."""
        if self._looked and not self._whole:
            raise self._wrong

    def _look(self, row: Mapping[str, Any], chosen: Mapping[str, str]) -> None:
        missing = [name for name in self._needed if name not in chosen]
        absent = next((column for column in self._mapping.values() if column not in row), None)
        self._whole = not missing and absent is None
        self._looked += 1
        if self._looked == 1 and not self._whole:
            self._wrong = self._error([str(one) for one in row], missing, absent)
        if self._looked == PATIENCE:
            self.check()

    def _error(self, columns: Sequence[str], missing: Sequence[str], absent: str | None) -> DataError:
        if absent is not None:
            return DataError(reason(NO_MAPPED_COLUMN, name=self._file, column=absent, known=known(absent, columns)))
        listed, needed = ", ".join(columns), ", ".join(missing)
        return DataError(reason(NO_COLUMN, name=self._file, missing=needed, first=missing[0], columns=listed))

    def _chosen(self, row: Mapping[str, Any]) -> dict[str, str]:
        by_plain = {_plain(str(name)): str(name) for name in row}
        found = {name: column for name, column in self._mapping.items() if column in row}
        for name, theirs in self._names.items():
            if name not in self._mapping:
                free = (by_plain[one] for one in theirs if one in by_plain and by_plain[one] not in found.values())
                if (column := next(free, None)) is not None:
                    found[name] = column
        return found


def _plain(name: str) -> str:
    """As the names above are written: "Launch Date" and "launch-date" are launch_date."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower())
