"""The companies a team follows and by which names texts call them, read from a csv file; with it the best known ones.

Knows names only; finding them in a text is ``gazetteer``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apps.monitor.public_files import table
from core.characters import fold
from core.errors import DataError

_HAN = re.compile(r"[\u4e00-\u9fff]")
COLUMNS = ("id", "name", "aliases", "ticker", "country", "sector", "ambiguous")
WELL_KNOWN = Path(__file__).resolve().parents[2] / "data" / "companies.csv"  # large listed companies of the world


@dataclass(frozen=True, slots=True)
class Company:
    """One company; ``aliases`` are further names in any language, ``ambiguous`` names mean something else too."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    ticker: str = ""
    country: str = ""
    sector: str = ""
    ambiguous: tuple[str, ...] = ()

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
    """Companies of a csv file with columns id, name, aliases, ticker, country, sector and ambiguous.

    Aliases and ambiguous names are parted by |.

    Only id and name are needed. ``DataError`` names a row without them or an id given twice.
    """
    companies = tuple(_companies(path))
    ids = [company.id for company in companies]
    twice = next((id for number, id in enumerate(ids) if id in ids[:number]), None)
    if twice is not None:
        raise DataError(f"'{path.name}' has the company id '{twice}' twice.")
    return companies


def followed(own: Path, well_known: bool) -> tuple[Company, ...]:
    """The companies of a team's own file, and the best known ones that bear none of their names, ids or tickers."""
    companies = read_companies(own)
    if not well_known or not WELL_KNOWN.is_file():
        return companies
    taken = {word for company in companies for word in _marks(company)}
    return (*companies, *(one for one in read_companies(WELL_KNOWN) if not taken & _marks(one)))


def _marks(company: Company) -> set[str]:
    marks = {fold(word) for word in (company.id, company.ticker, *company.names)}
    return marks - {""}


def _parted(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split("|") if part.strip())


def _companies(path: Path) -> Iterator[Company]:
    for number, row in enumerate(table(path, ("id", "name")), start=2):
        cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
        aliases, ambiguous = _parted(cells.pop("aliases")), _parted(cells.pop("ambiguous"))
        try:
            yield Company(aliases=aliases, ambiguous=ambiguous, **cells)
        except DataError as error:
            raise DataError(f"'{path.name}' line {number}: {error}") from None
