"""Reads reading-comprehension files into ``ReadingSet``: SQuAD's layout (XQuAD, CMRC 2018, DRCD) and our own passages.

Text only; which model reads it, and to what end, is not known here.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from apps.chatbot.grounded_examples import ReadingPassage, ReadingQuestion
from apps.chatbot.grounded_sources import ReadingSet
from core.errors import DataError, NotFoundError
from core.text import language as language_of

# Known names of the public files inside their folder, tried in order.
FILES = ("xquad.en.json", "cmrc2018_dev.json", "DRCD_dev.json", "dev-v1.1.json", "train-v1.1.json", "dev.json")


def reading_comprehension(path: Path) -> ReadingSet:
    """The questions of a SQuAD-shaped JSON file, or of a folder that holds one under a known name.

    An answer must stand in its passage as written; ``answer_start`` is not trusted (200 of CMRC 2018's do not fit).
    Raises ``NotFoundError`` when no file is there and ``DataError`` for another layout or when no question is left.
    """
    file = _file(path)
    try:
        articles = json.loads(file.read_text(encoding="utf-8-sig"))["data"]
        rows = list(_rows(articles))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"'{file.name}' is not in SQuAD's layout (data → paragraphs → context, qas).") from error
    passages = [ReadingPassage(title, context, title, language_of(context)) for title, context, _ in rows]
    questions = [
        ReadingQuestion(question["question"].strip(), answers, number, passages[number].language)
        for number, (_, context, asked) in enumerate(rows)
        for question in asked
        if (answers := _answers(question, context))
    ]
    if not questions:
        raise DataError(f"'{file.name}' holds no question whose answer stands in its passage.")
    return ReadingSet(tuple(passages), tuple(questions))


def reading_passages(path: Path) -> ReadingSet:
    """Our own layout, one passage a line: ``{"title", "passage", "questions": [{"question", "answer"}]}``."""
    if not path.is_file():
        raise NotFoundError(f"There is no file '{path}'.")
    passages: list[ReadingPassage] = []
    questions: list[ReadingQuestion] = []
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(text)
            language = language_of(row["passage"])
            passages.append(ReadingPassage(row["title"], row["passage"], row["title"], language))
            for one in row["questions"]:
                answer = (str(one["answer"]),)
                questions.append(ReadingQuestion(str(one["question"]), answer, len(passages) - 1, language))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"Line {line} of '{path.name}' is not a passage with its questions.") from error
    return ReadingSet(tuple(passages), tuple(questions))


def _file(path: Path) -> Path:
    if path.is_file():
        return path
    found = next((path / name for name in FILES if (path / name).is_file()), None)
    if found is None:
        raise NotFoundError(f"There is no reading-comprehension file at '{path}' (looked for {', '.join(FILES)}).")
    return found


def _rows(articles: list[Any]) -> Iterator[tuple[str, str, list[Any]]]:
    for article in articles:
        for paragraph in article["paragraphs"]:
            yield str(article.get("title", "")), str(paragraph["context"]), list(paragraph["qas"])


def _answers(question: dict[str, Any], context: str) -> tuple[str, ...]:
    """The accepted wordings that stand in the passage, each once, shortest first."""
    texts = {str(answer["text"]).strip() for answer in question["answers"]}
    return tuple(sorted((text for text in texts if text and text in context), key=lambda text: (len(text), text)))
