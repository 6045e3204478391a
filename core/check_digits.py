"""Check digits of identity and bank numbers: pure yes/no answers about a string of characters."""

from datetime import date

from core.characters import word_set

# first two digits of a Chinese id number: provinces, Taiwan, Hong Kong, Macau (GB/T 2260), residents' permits 81-83
_PROVINCES = word_set(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83"
)
_NRIC_LETTERS = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}


def luhn(digits: str) -> bool:
    """ISO/IEC 7812 check of a card number.

    >>> luhn("4539578763621486"), luhn("4539578763621487")
    (True, False)
    """
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0 and digits.strip("0") != ""


def chinese_id(number: str) -> bool:
    """GB 11643-1999: 18 characters, a province, a real birthday, ISO 7064 mod 11-2 check character.

    >>> chinese_id("11010519491231002X"), chinese_id("110105194912310021")
    (True, False)
    """
    if number[:2] not in _PROVINCES or not is_birthday(number[6:14]):
        return False
    weighted = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[weighted % 11] == number[17].upper()


def is_birthday(digits: str) -> bool:
    """Whether eight digits are a day from 1900 on that a living person can be born on."""
    try:
        return 1900 <= date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year <= 2099
    except ValueError:
        return False


def singapore_id(number: str) -> bool:
    """NRIC or FIN: letter, seven digits, check letter.

    >>> singapore_id("S1234567D"), singapore_id("S1234567A"), singapore_id("M1234567K")
    (True, False, True)
    """
    series = number[0].upper()
    weighted = sum(int(digit) * weight for digit, weight in zip(number[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True))
    place = (weighted + {"T": 4, "G": 4, "M": 3}.get(series, 0)) % 11
    return _NRIC_LETTERS[series][place] == number[8].upper()


def hong_kong_id(number: str) -> bool:
    """One or two letters, six digits, check character; brackets removed.

    >>> hong_kong_id("A1234563"), hong_kong_id("A1234564")
    (True, False)
    """
    padded = number.upper().rjust(9)
    values = [36 if c == " " else int(c, 36) for c in padded[:8]]
    check = 11 - sum(value * weight for value, weight in zip(values, range(9, 1, -1), strict=True)) % 11
    return padded[8] == {10: "A", 11: "0"}.get(check, str(check))


def iban(number: str) -> bool:
    """ISO 13616: remainder 1 by 97 with the first four characters moved to the end.

    >>> iban("GB82WEST12345698765432"), iban("GB82WEST12345698765433")
    (True, False)
    """
    return 15 <= len(number) <= 34 and int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1
