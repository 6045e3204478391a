"""A price as people write it: a currency's sign before the number, its code behind it."""


def money(price: float | None, currency: str) -> str:
    """The price in words; nothing for none.

    >>> money(1299.5, "¥"), money(24.5, "EUR"), money(24.5, ""), money(None, "€")
    ('¥1,299.50', '24.50 EUR', '24.50', '')
    """
    if price is None:
        return ""
    number = f"{price:,.2f}"
    return f"{number} {currency}".strip() if currency.isalpha() or not currency else f"{currency}{number}"
