"""Covers personal data in a text: mail, phone, identity and bank numbers, addresses; English and Chinese.

Numbers are told apart by check digits, form and the nearest word before them: order numbers, prices and dates stay.
Works on a copy of equal length in which full-width characters and odd dashes are plain, so offsets fit.
"""

import re
from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

from core.check_digits import chinese_id, hong_kong_id, iban, is_birthday, luhn, singapore_id
from core.masking_addresses import find_addresses

Found: TypeAlias = tuple[int, int, str]

_PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 32, 0xA0: 32, 0x2009: 32, 0x202F: 32}
_PLAIN |= dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2212), 45)

_NOT_IN_CODE = r"(?<![0-9A-Za-z])(?<![A-Za-z0-9][-_])(?<!\d[.,/])(?<![#$¥€£])(?<![$¥€£] )"
_ENDS = r"(?![0-9A-Z])(?![-.,/]\d)(?! ?(?:元|块|新元|美元|件|积分|points?\b|pts\b|dollars?\b|SGD|USD|RMB|%))"

_MAIL = re.compile(
    r"(?<![A-Za-z0-9_.+%-])[A-Za-z0-9_.+%-]{1,64}(?:@| ?[\[(]at[\])] ?)"
    r"[A-Za-z0-9-]{1,63}(?:(?:\.| ?[\[(]dot[\])] ?)[A-Za-z0-9-]{1,63})+",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(
    r"(?:微信号?|wechat(?: id)?|weixin|\bvx|\bwx)[ :是为]{0,3}([A-Za-z][A-Za-z0-9_-]{5,19})(?![\w.@])", re.I
)

_CHINESE_ID = re.compile(_NOT_IN_CODE + r"(\d{6})[ -]?(\d{8})[ -]?(\d{3}[\dXx])(?![0-9A-Za-z])")
_OLD_CHINESE_ID = re.compile(_NOT_IN_CODE + r"\d{15}(?![0-9A-Za-z])")
_SINGAPORE_ID = re.compile(r"(?<![0-9A-Za-z-])[STFGM]\d{7}[A-Z](?![0-9A-Za-z])", re.IGNORECASE)
_HONG_KONG_ID = re.compile(r"(?<![0-9A-Za-z-])[A-Z]{1,2}\d{6} ?\([0-9A]\)", re.IGNORECASE)
_SOCIAL_SECURITY = re.compile(r"(?<![0-9A-Za-z-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![0-9A-Za-z-])")
_PASSPORT = re.compile(
    r"(?:passport|护照)[^0-9A-Za-z\n]{0,4}(?:no\.?|number|号码?)?[^0-9A-Za-z\n]{0,4}([A-Z]{1,2}\d{6,8}[A-Z]?)\b", re.I
)
_ID_WORD = re.compile(r"身份证|身分證|身份證|证件号|\bNRIC\b|\bFIN\b|\bIC\b|\bID card\b|\bidentity", re.IGNORECASE)

_CARDS = [
    re.compile(_NOT_IN_CODE + form + r"(?![0-9A-Za-z])")
    for form in (
        r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}\1\d{1,3}",
        r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}",
        r"\d{4}([ -])\d{6}\1\d{4,5}",
        r"\d{6}[ -]\d{7,13}",
        r"\d{12,19}",
    )
]
# who issues: Visa 4, Mastercard 51-55 and 2221-2720, Amex 34 37, JCB 35, Diners 30 36 38, UnionPay and others 6
_ISSUER = re.compile(r"4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|3[0-8]|6")
_CARD_WORD = re.compile(
    r"卡号|银行卡|信用卡|储蓄卡|借记卡|\bcard\b|\baccount (?:no|number)|账号|账户|帐号", re.IGNORECASE
)
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![0-9A-Za-z])")

_CHINESE_MOBILE = re.compile(_NOT_IN_CODE + r"(?:(?:\+ ?|00)?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}" + _ENDS)
_INTERNATIONAL = re.compile(r"(?<![0-9A-Za-z+])(?:\+ ?|\(\+)[1-9](?:[ .()-]{0,2}\d){7,14}(?!\d)")
_AMERICAN = re.compile(_NOT_IN_CODE + r"(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-. ]\d{4}" + _ENDS)
_CHINESE_LANDLINE = re.compile(
    _NOT_IN_CODE + r"(?:\(0\d{2,3}\) ?|0\d{2,3}[- ])[2-8]\d{2,3}[ -]?\d{4}(?:(?:-|转| ext\.? ?)\d{1,5})?" + _ENDS
)
_SINGAPORE = re.compile(_NOT_IN_CODE + r"[3689]\d{3}[ -]\d{4}" + _ENDS)
_ANY_NUMBER = re.compile(_NOT_IN_CODE + r"\(?\d(?:[ .()-]{0,2}\d){6,14}" + _ENDS)
_DATE = re.compile(r"(?:19|20)\d\d(?:[-./ ]?(?:0?[1-9]|1[0-2])){1}[-./ ]?\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d")
_HOTLINE = re.compile(
    r"\(?(?:1[-. ]?)?(?:400|800|888|877|866|855|844|833)[). -]|[48]00\d{7}$|1800[ -]?\d{3}"
)  # firms', not persons'
_SUBSCRIBER_DIGITS = {
    "65": 8,
    "86": 11,
    "852": 8,
    "853": 8,
    "886": 9,
    "1": 10,
    "44": 10,
    "61": 9,
    "81": 10,
    "91": 10,
    "60": 10,
}

_PHONE_AFTER = re.compile(r"[^\d\n。.]{0,6}?(?:打不通|打得通|打给我|打过来|联系我|随时打|找我)")
# the nearest such word before a number says what the number is
_WORD_BEFORE = re.compile(
    r"(?P<order>订单(?:号码?|编号)?|[运快]?[单递]号|运单|快递|物流|发票|编号|工单|流水|交易|小票|型号|货号|"
    r"\border(?: (?:number|no|id))?|\btracking(?: (?:number|no))?|\binvoice|\breceipt|\bref(?:erence)?\b|\bUEN\b|"
    r"\bSKU\b|\bmodel\b|"
    r"\bcase\b|\bticket\b|\bserial|\bparcel|\bversion|\bbarcode|\bprice|\bcosts?\b|\bpaid\b|价格|付了|金额)|"
    r"(?P<phone>电话|手机|联系|号码|致电|打给|拨打|拨|传真|微信|短信|座机|\bQQ\b|\bcall|\bphone|\btel\b|"
    r"\bmobile|\bcell\b|\bhp\b|"
    r"\bwhats ?app|\bcontact|\breach|\bring\b|\btext\b|\bsms\b|\bfax\b|\bhotline|\b(?:my|new|his|her|our) number|"
    r"\bcontact number)",
    re.IGNORECASE,
)


def mask_personal_data(text: str, keep: Collection[str] = ()) -> tuple[str, tuple[str, ...]]:
    """The text with personal data replaced by ``[mail]``, ``[phone]``, ``[id_card]``, ``[bank_card]``, ``[address]`` or
    ``[account]``, and the kinds found in order of appearance.

    ``keep`` lists contacts that are no secret, such as a firm's own mail and hotline. Names of people are not found.

    >>> mask_personal_data("Order LL-204817, call 9123 4567 or mail ada@example.com")
    ('Order LL-204817, call [phone] or mail [mail]', ('phone', 'mail'))
    >>> mask_personal_data("订单20260302123456，价格1299元，手机13812345678")
    ('订单20260302123456，价格1299元，手机[phone]', ('phone',))
    """
    plain = text.translate(_PLAIN)
    taken: list[Found] = [
        (m.start(), m.end(), "") for word in keep for m in re.finditer(re.escape(word.translate(_PLAIN)), plain)
    ]
    for find in _FINDERS:
        for start, end, kind in find(plain):
            if all(end <= other_start or start >= other_end for other_start, other_end, _ in taken):
                taken.append((start, end, kind))
    found = sorted(item for item in taken if item[2])
    pieces, at = [], 0
    for start, end, kind in found:
        pieces += [text[at:start], f"[{kind}]"]
        at = end
    return "".join([*pieces, text[at:]]), tuple(dict.fromkeys(kind for _, _, kind in found))


def _find_mails(text: str) -> Iterator[Found]:
    for match in _MAIL.finditer(text):
        yield *match.span(), "mail"
    for match in _ACCOUNT.finditer(text):
        yield *match.span(1), "account"


def _find_ids(text: str) -> Iterator[Found]:
    for match in _CHINESE_ID.finditer(text):
        if chinese_id("".join(match.groups())) or _named(text, match.start(), _ID_WORD):
            yield *match.span(), "id_card"
    for match in _OLD_CHINESE_ID.finditer(text):
        if is_birthday("19" + match[0][6:12]) and _named(text, match.start(), _ID_WORD):
            yield *match.span(), "id_card"
    for match in _SINGAPORE_ID.finditer(text):
        if singapore_id(match[0]) or _named(text, match.start(), _ID_WORD):
            yield *match.span(), "id_card"
    for match in _HONG_KONG_ID.finditer(text):
        if hong_kong_id(re.sub(r"[ ()]", "", match[0])) or _named(text, match.start(), _ID_WORD):
            yield *match.span(), "id_card"
    for match in _SOCIAL_SECURITY.finditer(text):
        if _word_before(text, match.start()) != "order":
            yield *match.span(), "id_card"
    for match in _PASSPORT.finditer(text):
        yield *match.span(1), "id_card"


def _find_cards(text: str) -> Iterator[Found]:
    for pattern in _CARDS:
        for match in pattern.finditer(text):
            digits = re.sub(r"\D", "", match[0])
            is_card = len(digits) > 12 and _ISSUER.match(digits) and luhn(digits)
            if _named(text, match.start(), _CARD_WORD) or (is_card and _word_before(text, match.start()) != "order"):
                yield *match.span(), "bank_card"
    for match in _IBAN.finditer(text):
        number = match[0]
        while len(number) > 14:  # a following word in capitals may have been taken along
            if iban(number.replace(" ", "")):
                yield match.start(), match.start() + len(number), "bank_card"
                break
            number = number.rpartition(" ")[0]


def _find_phones(text: str) -> Iterator[Found]:
    for match in _INTERNATIONAL.finditer(text):
        yield match.start(), _end_of_number(match), "phone"
    for pattern in (_CHINESE_MOBILE, _AMERICAN, _CHINESE_LANDLINE, _SINGAPORE):
        for match in pattern.finditer(text):
            if not (_HOTLINE.match(match[0]) or _round_range(match[0]) or _word_before(text, match.start()) == "order"):
                yield *match.span(), "phone"
    for match in _ANY_NUMBER.finditer(text):
        likely = not (_HOTLINE.match(match[0]) or _DATE.match(match[0]) or _round_range(match[0]))
        word = _word_before(text, match.start())
        if likely and (word == "phone" or (word is None and _PHONE_AFTER.match(text, match.end()))):
            yield *match.span(), "phone"


def _end_of_number(match: re.Match[str]) -> int:
    """Where an international number ends by the length its country has, should other digits follow it."""
    digits = [place for place, c in enumerate(match[0]) if c.isdigit()]
    number = "".join(match[0][place] for place in digits)
    for code, size in _SUBSCRIBER_DIGITS.items():
        if number.startswith(code) and len(digits) > len(code) + size:
            return match.start() + digits[len(code) + size - 1] + 1
    return match.end()


def _round_range(number: str) -> bool:
    """``8000-9000`` is a range, not a phone number."""
    return bool(re.fullmatch(r"\d{2,}00[ -]\d{2,}00", number))


def _word_before(text: str, start: int) -> str | None:
    """``order`` or ``phone`` by the last telling word in the 28 characters before ``start``, None without one."""
    words = list(_WORD_BEFORE.finditer(text, max(0, start - 28), start))
    return words[-1].lastgroup if words else None


def _named(text: str, start: int, word: re.Pattern[str]) -> bool:
    """Whether ``word`` stands shortly before ``start`` and no order word after it."""
    found = list(word.finditer(text, max(0, start - 20), start))
    if not found:
        return False
    nearer = _WORD_BEFORE.search(text, found[-1].end(), start)
    return nearer is None or nearer.lastgroup != "order"


_FINDERS: tuple[Callable[[str], Iterator[Found]], ...] = (
    _find_mails,
    _find_ids,
    _find_cards,
    _find_phones,
    find_addresses,
)
