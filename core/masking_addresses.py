"""Finds postal addresses, English and Chinese, by their form: a house number beside a street, a unit, a postal code."""

import re
from collections.abc import Iterator

from core.characters import HAN

_LITTLE = (
    r"(?:on|the|off|of|to|in|at|from|by|for|and|or|a|an|per|is|it|was|are|my|your|this|that|down|along|across|"
    r"hours?|minutes?|days?|km|m|x)"
)
_WORD = rf"(?!{_LITTLE}\b)[A-Za-z][A-Za-z'’.-]*"
_PROPER = r"[A-Z][A-Za-z'’.-]*"
_UNIT = r"#[A-Z]?\d{1,2}-\d{1,4}[A-Z]?"
_POSTCODE = (
    r"(?:(?:Singapore|S)[ ,]*\(?\d{6}\)?|(?:postal|post|zip) ?code:? *\d{5,6}"
    r"|[A-Z]{2} \d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})"
)
_TAIL = (
    rf"(?: \d{{1,2}}(?![\d.:]))?(?:[ ,]+{_UNIT})?(?:[ ,]+(?:Apt|Apartment|Unit|Suite|Flat|Floor)\.? ?[\w-]{{1,6}})?"
    rf"(?:(?:, *{_PROPER}(?: {_PROPER}){{0,2}}){{0,2}},? *{_POSTCODE})?"
)
_HEAD = (
    r"(?<![\d.,$#/-])(?<![$¥€£] )(?<!Rs )(?<!Rs\. )(?<![A-Za-z])"
    r"(?:(?:Blk|Block|Apt|Unit|Flat|No)\.? ?)?\d{1,5}[A-Za-z]?,? +"
)
_ENGLISH = [
    re.compile(
        _HEAD + rf"{_WORD}(?: {_WORD}){{0,3}} (?:street|road|avenue|boulevard|crescent|terrace)\b" + _TAIL,
        re.IGNORECASE,
    ),
    re.compile(
        _HEAD
        + rf"{_PROPER}(?: {_PROPER}){{0,3}} (?:St|Rd|Ave|Av|Blvd|Cres|Ln|Lane|Dr|Drive|Ct|Court|Pl|Place|Way|Close|"
        r"Walk|Link|Loop|Grove|Rise|Hill|View|Park|Square|Sq|Quay|Gardens?|Heights|Green|Plain|Central|Hwy|Highway|Pkwy|"
        r"Parkway|Vale|Ring|Field|Mews)\b\.?" + _TAIL
    ),
    re.compile(_HEAD + rf"(?:Jalan|Jln|Lorong|Lor|Taman|Bukit|Kampong) +[A-Z0-9]\w*(?: {_PROPER}){{0,3}}" + _TAIL),
    re.compile(rf"(?<![A-Za-z])(?:Blk|Block)\.? ?\d{{1,4}}[A-Za-z]?,? +{_PROPER}(?: {_PROPER}){{0,3}}" + _TAIL),
    re.compile(r"(?<![A-Za-z])P\.? ?O\.? Box \d{1,6}" + _TAIL, re.IGNORECASE),
]
_PARTS = [
    re.compile(rf"(?<![\w-]){_UNIT}(?![\w-])"),
    re.compile(r"(?<![A-Za-z])(?:Singapore|新加坡) *\(?\d{6}\)?(?!\d)"),
    re.compile(r"(?<![A-Za-z])S ?\(\d{6}\)"),
    re.compile(
        r"(?:邮编|邮政编码|postal code|zip code|postcode)(?: is|是|为)?[: ]{0,3}(\d{5,6})(?![\d-])", re.IGNORECASE
    ),
]

# characters that lead to an address but are hardly ever part of a place's name
_PLACE = rf"(?:(?![我你您他她它住在到寄送是的给请把去至址货件了吗和与及从往发改位于为该])[{HAN}])"
_NUMBER = r"(?:\d{1,5}(?:-\d{1,4})?|[一二三四五六七八九十百]{1,5})"
# "改成上海市…" (change to …): that 成 is no part of the place
_REGION = r"(?!(?<=[改换变])成)" + "".join(
    rf"(?:{_PLACE}{{1,8}}?(?:{ends}) ?)?" for ends in ("省|自治区|特别行政区", "市|自治州|盟", "区|县|旗", "镇|乡|街道")
)
_ESTATE = r"(?:小区|花园|公寓|家园|新村|大厦|宿舍|苑|组屋|广场)"
_INSIDE = (
    rf"(?:[ ,]{{0,2}}(?:{_PLACE}{{2,10}}?(?:{_ESTATE}|中心|广场)(?= ?[0-9A-Za-z])"
    rf"|(?:{_NUMBER}|[A-Za-z]) ?(?:号楼|号院|号|栋|幢|座|单元|楼|层|室|房|户|弄|支弄)"
    rf"|{_UNIT}|(?<=[元楼座栋幢层]) ?\d{{2,5}}(?!\d))){{0,6}}"
)
_STREET = re.compile(
    rf"{_REGION}(?P<road>{_PLACE}{{1,8}}?"
    r"(?:大道|大街|路|街|巷|弄|胡同))"
    rf"(?:[东西南北中]?[一二三四五六七八九]?段)? ?{_NUMBER} ?(?:号院|号|弄|巷)(?!线){_INSIDE}"
)
_ESTATE_FIRST = re.compile(
    rf"{_REGION}{_PLACE}{{2,10}}?{_ESTATE} ?{_NUMBER} ?"
    rf"(?:号楼|号院|栋|幢|座|单元|号)(?!线){_INSIDE}"
)
_ANCHOR = re.compile(rf"(?:路|街|大道|巷|弄|胡同|段|{_ESTATE}) ?{_NUMBER}")
_NO_ROAD = re.compile(r".*(?:线路|网路|电路|铁路|思路|半路|出路|套路|问路|迷路|走路|上路|赶路|带路|逛街|上街)$|一路$")


def find_addresses(text: str) -> Iterator[tuple[int, int, str]]:
    """Spans of addresses in plain-width text."""
    for pattern in _ENGLISH:
        for match in pattern.finditer(text):
            yield *match.span(), "address"
    if _ANCHOR.search(text):
        for match in _STREET.finditer(text):
            if not _NO_ROAD.match(match["road"]):
                yield *match.span(), "address"
        for match in _ESTATE_FIRST.finditer(text):
            yield *match.span(), "address"
    for pattern in _PARTS:
        for match in pattern.finditer(text):
            yield *match.span(pattern.groups), "address"
