"""RSS, Atom and web pages over HTTP: asked only for what changed, never more than a size, read into raw rows.

Knows no database. A failure is a ``RemoteError`` or ``DataError`` in one sentence.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.monitor.row_problems import BAD_ADDRESS, NO_FEED, NO_PAGE_TEXT, REFUSED, TOO_LARGE, UNREACHABLE
from core.errors import BusyError, DataError, RemoteError
from core.reasons import reason
from core.text import content_hash

AGENT = "Trifolium-Monitor/1.0 (+feed reader; conditional requests)"
ENTRIES = 1000  # of one feed at a time


@dataclass(frozen=True)
class Answer:
    """What came: the body (None when nothing changed) and the headers to ask with next time."""

    body: bytes | None
    kind: str
    place: Mapping[str, str]


def get(address: str, place: Mapping[str, str], timeout_s: float, largest: int) -> Answer:
    """The address' content if it changed since ``place``; ``RemoteError``, or ``BusyError`` with a time to wait."""
    import httpx

    asked = {"User-Agent": AGENT, "Accept-Encoding": "gzip, deflate"}
    asked |= {name: place[key] for name, key in _ASKED.items() if key in place}
    try:
        with httpx.stream("GET", address, headers=asked, timeout=timeout_s, follow_redirects=True) as answer:
            if answer.status_code == 304:
                return Answer(None, "", place)
            _check(answer.status_code, answer.headers.get("retry-after", ""), address)
            body = _body(answer.iter_bytes(), address, largest)
            found = {key: answer.headers[name] for name, key in _KEPT.items() if name in answer.headers}
            return Answer(body, answer.headers.get("content-type", ""), found)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise RemoteError(reason(BAD_ADDRESS, address=address, why=error), permanent=True) from error
    except httpx.HTTPError as error:
        raise RemoteError(reason(UNREACHABLE, address=address, why=type(error).__name__)) from error


_ASKED = {"If-None-Match": "etag", "If-Modified-Since": "modified"}
_KEPT = {"etag": "etag", "last-modified": "modified"}


def _check(status: int, retry_after: str, address: str) -> None:
    refused = reason(REFUSED, address=address, status=status)
    if status in (429, 503):
        wait = float(retry_after) if retry_after.isdigit() else 0.0
        raise BusyError(refused, status=503, retry_after_s=wait)
    if status >= 400:
        raise RemoteError(refused, permanent=status in (401, 403, 404, 410))


def _body(pieces: Any, address: str, largest: int) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > largest:
            raise DataError(reason(TOO_LARGE, address=address, most=largest // 1_000_000))
    return bytes(body)


def feed_rows(answer: Answer, address: str) -> list[Mapping[str, Any]]:
    """The entries of a feed; dates stay as written, so that the source's zone can be put to those without one."""
    import feedparser

    headers = {"content-type": answer.kind, "content-location": address}
    parsed = feedparser.parse(io.BytesIO(answer.body or b""), response_headers=headers)
    if not parsed.entries and not parsed.get("version"):
        raise DataError(reason(NO_FEED, address=address))
    return [_row(entry) for entry in parsed.entries[:ENTRIES]]


def _row(entry: Any) -> Mapping[str, Any]:
    content = entry.get("content") or []
    bodies = [part.get("value", "") for part in content if isinstance(part, Mapping)]
    date = entry.get("published") or entry.get("updated") or ""
    return {
        "id": entry.get("id") or "",
        "title": entry.get("title", ""),
        "text": max([*bodies, entry.get("summary", "")], key=len),
        "url": entry.get("link", ""),
        "published_at": date,
        "author": entry.get("author", ""),
    }


def page_rows(answer: Answer, address: str, known: str) -> tuple[list[Mapping[str, Any]], str]:
    """The page's text as one row, none when its text is still the one with the hash ``known``; and its hash."""
    import trafilatura
    from trafilatura.settings import use_config

    config = use_config()
    config.set("DEFAULT", "EXTRACTION_TIMEOUT", "0")  # its timer is a signal, which only the main thread may set
    found = trafilatura.bare_extraction(answer.body or b"", url=address, config=config, with_metadata=True)
    values: dict[str, Any] = found if isinstance(found, dict) else found.as_dict() if found is not None else {}
    text = str(values.get("text") or "").strip()
    if not text:
        raise DataError(reason(NO_PAGE_TEXT, address=address))
    mark = content_hash(text)
    if mark == known:
        return [], mark
    date = str(values.get("date") or "")
    row = {"title": values.get("title") or "", "text": text, "url": address, "author": values.get("author") or ""}
    # trafilatura knows the day alone; midnight would come before the page was seen, so a page's time is its receipt
    return [row | {"published_at": date if "T" in date else ""}], mark
