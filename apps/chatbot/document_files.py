"""Documents out of md, txt, html, pdf, docx and jsonl files, their text kept in Markdown so that headings are known."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from apps.chatbot import columns
from apps.chatbot.columns import DOCUMENT
from apps.chatbot.passages import audience_of
from apps.chatbot.records import Audience, Document
from apps.chatbot.row_problems import EMPTY_CELL, LOCKED, NAMES, NO_HTML, NO_PDF, NO_TEXT, NO_WORD
from apps.chatbot.tables import Reading, Rows, read_rows, text_of
from core.errors import DataError
from core.reasons import reason
from core.text import content_hash, normalise
from core.text import language as language_of

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*\n", re.DOTALL)
_TITLE = re.compile(r"\s*#[ \t]+(.+?)[ \t#]*(?:\n|\Z)")
STAFF_WORDS = ("staff", "internal", "employee", "employees", "员工", "内部", "客服")


def read_documents(path: Path, language: str | None = None, source: str | None = None) -> Rows[Document]:
    """The document of a file, or the documents of a jsonl, json or csv file with columns title and text.

    ``source`` is what the document is known by (default: the file's name): reading the same source again replaces it.
    A file without text, such as a scan, is a problem; one that cannot be opened is a ``DataError``.
    """
    named = source or path.name
    reading: Reading[Document] = Reading(named)
    ending = path.suffix.lower()
    if ending in READERS:
        title, text, facts = READERS[ending](path)
        reading.take(0, lambda: _document(title or _pretty(path), text, named, facts, language))
    else:
        for row in read_rows(path, lambda name: columns.is_known(name, DOCUMENT), reading):
            cells = {name: values[0] for name, values in columns.renamed(row.cells, DOCUMENT).items()}
            reading.take(row.line, lambda cells=cells: _of_row(cells, named, language))  # type: ignore[misc]
    return reading.done()


def _document(
    title: str, text: str, source: str, facts: Mapping[str, Any], language: str | None, id_: str | None = None
) -> Document:
    if not re.search(r"\w", text):
        raise DataError(reason(NO_TEXT))
    return Document(
        id=id_ or content_hash(source)[:16],
        title=title,
        text=text,
        source=source,
        language=str(facts.get("language") or language or language_of(text)),
        audience=_audience(facts, title, text),
        valid_from=_day(facts, "valid_from"),
        valid_until=_day(facts, "valid_until"),
    )


def _of_row(cells: Mapping[str, Any], source: str, language: str | None) -> Document:
    title, text = columns.text(cells.get("title", "")), columns.long_text([cells.get("text", "")])
    if not title or not text:
        raise DataError(reason(EMPTY_CELL, name=reason(NAMES["text" if title else "title"])))
    own = columns.text(cells["id"]) if "id" in cells else content_hash(f"{source}\n{title}")[:16]
    return _document(title, text, columns.text(cells.get("source", own)), cells, language, own)


def _audience(facts: Mapping[str, Any], title: str, text: str) -> Audience:
    """As the file says; else as title and text suggest."""
    if "audience" in facts:
        return Audience.STAFF if str(facts["audience"]).strip().lower() in STAFF_WORDS else Audience.CUSTOMER
    return audience_of(title, text)


def _day(facts: Mapping[str, Any], name: str) -> date | None:
    return columns.day(facts[name], name) if facts.get(name) else None


def _pretty(path: Path) -> str:
    return re.sub(r"[\s_-]+", " ", re.sub(r"\.(en|zh)$", "", path.stem)).strip() or path.name


Parts = tuple[str, str, dict[str, Any]]  # title, text, facts from a front matter


def _markdown(path: Path) -> Parts:
    text = text_of(path).replace("\r\n", "\n").replace("\r", "\n")
    facts: dict[str, Any] = {}
    if front := _FRONT.match(text):
        lines = (line.partition(":") for line in front[1].splitlines())
        cells = {name.strip(): value.strip().strip("\"'") for name, colon, value in lines if colon}
        facts = {name: values[0] for name, values in columns.renamed(cells, DOCUMENT).items()}
        text = text[front.end() :]
    heading = _TITLE.match(text)
    return str(facts.get("title") or (heading[1] if heading else "")), text.strip(), facts


def _plain(path: Path) -> Parts:
    text = normalise(text_of(path))
    first, _, rest = text.partition("\n")
    is_title = rest and len(first) <= 80 and not first.endswith((".", "。", ",", "，", ";", "；"))
    return first.lstrip("# ") if is_title else "", text, {}


def _html(path: Path) -> Parts:
    import trafilatura
    from lxml import html

    source = path.read_bytes()
    try:
        tree = html.fromstring(source)
    except (ValueError, TypeError, html.etree.ParserError) as error:
        raise DataError(reason(NO_HTML, name=path.name, why=error)) from error
    title = columns.text(tree.findtext(".//title") or tree.findtext(".//h1") or "")
    text = trafilatura.extract(source, output_format="markdown", include_tables=True, favor_recall=True)
    if not text:
        for part in tree.xpath("//script|//style|//noscript"):
            part.drop_tree()
        text = tree.text_content()
    return title, normalise(text), {}


def _pdf(path: Path) -> Parts:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise DataError(reason(LOCKED, name=path.name))
        pages = [normalise(page.extract_text() or "") for page in reader.pages]
        title = columns.text(reader.metadata.title or "") if reader.metadata else ""
    except (PyPdfError, ValueError, KeyError, OSError) as error:
        raise DataError(reason(NO_PDF, name=path.name, why=error)) from error
    return title, "\n\n".join(page for page in pages if page), {}


def _docx(path: Path) -> Parts:
    from zipfile import BadZipFile

    import docx
    from docx.opc.exceptions import PackageNotFoundError
    from docx.table import Table

    try:
        document = docx.Document(str(path))
    except (PackageNotFoundError, BadZipFile, KeyError, ValueError) as error:
        raise DataError(reason(NO_WORD, name=path.name, why=error)) from error
    parts = [_table(one) if isinstance(one, Table) else _paragraph(one) for one in document.iter_inner_content()]
    text = "\n\n".join(part for part in parts if part.strip())
    heading = _TITLE.match(text)
    return columns.text(document.core_properties.title or (heading[1] if heading else "")), text, {}


def _paragraph(paragraph: Any) -> str:
    text, style = normalise(paragraph.text), (paragraph.style.name or "") if paragraph.style else ""
    level = 1 if style == "Title" else int(style[8:]) if re.fullmatch(r"Heading [1-6]", style) else 0
    if level and text:
        return f"{'#' * level} {text}"
    return f"- {text}" if style.startswith("List") and text else text


def _table(table: Any) -> str:
    rows = [" | ".join(columns.text(cell.text) for cell in row.cells) for row in table.rows]
    return "\n".join(f"| {row} |" for row in rows)


READERS: dict[str, Callable[[Path], Parts]] = {
    ".md": _markdown,
    ".markdown": _markdown,
    ".txt": _plain,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
    ".docx": _docx,
}
