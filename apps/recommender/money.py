"""A price as people write it: a currency's sign before the number, its code behind it; and the number of such a text.

Knows no rates: what currency a text names is left out, all prices of a shop are in its own.
"""

import re
from unicodedata import normalize

_CODES = (
    "CNY|RMB|USD|EUR|GBP|JPY|HKD|TWD|MOP|KRW|SGD|AUD|CAD|NZD|CHF|SEK|NOK|DKK|PLN|CZK|HUF|RON|BGN|TRY|RUB|UAH|ILS|AED|"
    "SAR|ZAR|INR|IDR|MYR|THB|VND|PHP|BRL|MXN"
)
_CURRENCY = rf"(?:{_CODES}|(?:US|HK|NT|AU|CA|[ACS])?\$|[€£¥₩₹]|人民币|美元|欧元|英镑|日元|港[元币]|元|圆|块)"
_PRICED = re.compile(rf"{_CURRENCY}?\s*(?P<number>[+-]?\d[\d.,' ]*|[+-]?\.\d+)\s*{_CURRENCY}?", re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[ ']\d{3})+(?![\d '])")  # 1 299 and 1'299
_COMMAS = re.compile(r"[+-]?\d+(?:,\d{2,3})*,\d{3}(?:\.\d*)?")  # 1,299.50
_DECIMAL_COMMA = re.compile(r"[+-]?\d+(?:\.\d{3})*,\d{1,2}")  # 12,50 and 1.299,50; 1,250 is no decimal
_POINTS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3}){2,}")  # 1.234.567; 1.299 alone is a decimal


def money(price: float | None, currency: str) -> str:
    """The price in words; nothing for none.

    >>> money(1299.5, "¥"), money(24.5, "EUR"), money(24.5, ""), money(None, "€")
    ('¥1,299.50', '24.50 EUR', '24.50', '')
    """
    if price is None:
        return ""
    number = f"{price:,.2f}"
    return f"{number} {currency}".strip() if currency.isalpha() or not currency else f"{currency}{number}"


def amount(text: str) -> float:
    """The number of a price without its currency, in either way to part thousands; ``ValueError`` for none.

    >>> amount("￥59"), amount("899元"), amount("1,299.00 CNY"), amount("1 299,50"), amount("1.299,50 €")
    (59.0, 899.0, 1299.0, 1299.5, 1299.5)
    """
    try:
        return float(text)  # most cells are plain numbers
    except ValueError:
        found = _PRICED.fullmatch(normalize("NFKC", text).strip())
        if found is None:
            raise
    return float(_plain(found["number"].strip()))


def _plain(number: str) -> str:
    """The number with nothing between its thousands and a point before its decimals."""
    if grouped := _GROUPED.match(number):
        number = re.sub("[ ']", "", grouped[0]) + number[grouped.end() :]
    if _COMMAS.fullmatch(number):
        return number.replace(",", "")
    if _DECIMAL_COMMA.fullmatch(number):
        return number.replace(".", "").replace(",", ".")
    return number.replace(".", "") if _POINTS.fullmatch(number) else number
