"""A file's encoding is the one that all of it is in; what would become nonsense is of none."""

import io

import pytest

from core.text_encoding import PIECE, encoding_of

SHOP = "编号,名称\n1,茶杯和茶壶\n2,焙火乌龙茶\n3,竹编台灯\n"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("utf-8", "utf-8-sig"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("gbk", "gb18030"),
        ("gb18030", "gb18030"),
    ],
)
def test_the_encodings_that_excel_writes_are_told_apart(written: str, found: str) -> None:
    assert encoding_of(io.BytesIO(SHOP.encode(written))) == found
    assert SHOP.encode(written).decode(found) == SHOP


def test_what_only_the_end_of_a_long_file_tells_is_found() -> None:
    plain = b"a,b\n" * (PIECE // 2)
    assert encoding_of(io.BytesIO(plain)) == "utf-8-sig"
    assert encoding_of(io.BytesIO(plain + SHOP.encode("gbk"))) == "gb18030"
    parted = b" " * (PIECE - 1) + ("茶" * 30).encode()  # the first of them lies across two pieces
    assert encoding_of(io.BytesIO(parted)) == "utf-8-sig"
    assert encoding_of(io.BytesIO(parted[:-1])) is None


def test_western_text_of_excel_is_told_from_chinese() -> None:
    assert encoding_of(io.BytesIO("id,name\n1,Müller\n2,Café crème – 5 €\n".encode("cp1252"))) == "cp1252"


def test_damaged_text_and_what_is_no_text_are_of_none() -> None:
    assert encoding_of(io.BytesIO(SHOP.encode().replace("茶壶".encode(), b"\xe8\x8c"))) is None
    assert encoding_of(io.BytesIO(b"PK\x03\x04\x00\x00\xff\xd8")) is None
