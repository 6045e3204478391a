"""The companies a team follows and by which names texts call them, read from a csv file.

Knows names only; finding them in a text is ``gazetteer``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apps.monitor.public_files import table
from core.errors import DataError

_HAN = re.compile(r"[\u4e00-\u9fff]")
COLUMNS = ("id", "name", "aliases", "ticker", "country", "sector")


@dataclass(frozen=True, slots=True)
class Company:
    """One company; ``aliases`` are further names in any language."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    ticker: str = ""
    country: str = ""
    sector: str = ""

    def __post_init__(self) -> None:
        if not self.id.strip() or not self.name.strip():
            raise DataError("A company needs an id and a name.")

    @property
    def names(self) -> tuple[str, ...]:
        """Every name, the full one first; the ticker is none."""
        return tuple(dict.fromkeys((self.name, *self.aliases)))

    def name_in(self, language: str) -> str:
        """The name to show: for Chinese the first that has Chinese characters, else the full one.

        >>> Company("alba", "Alba Bank", ("Alba", "阿尔巴银行")).name_in("zh")
        '阿尔巴银行'
        """
        chinese = (name for name in self.names if _HAN.search(name))
        return next(chinese, self.name) if language == "zh" else self.name


def read_companies(path: Path) -> tuple[Company, ...]:
    """Companies of a csv file with columns id, name, aliases (parted by |), ticker, country and sector.

    Only id and name are needed. ``DataError`` names a row without them or an id given twice.
    """
    companies = tuple(_companies(path))
    ids = [company.id for company in companies]
    twice = next((id for number, id in enumerate(ids) if id in ids[:number]), None)
    if twice is not None:
        raise DataError(f"'{path.name}' has the company id '{twice}' twice.")
    return companies


def _companies(path: Path) -> Iterator[Company]:
    for number, row in enumerate(table(path, ("id", "name")), start=2):
        cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
        aliases = tuple(alias.strip() for alias in cells.pop("aliases").split("|") if alias.strip())
        try:
            yield Company(aliases=aliases, **cells)
        except DataError as error:
            raise DataError(f"'{path.name}' line {number}: {error}") from None
