import json
from datetime import UTC, date, datetime

import pytest

from apps.chatbot.records import (
    ApprovedAnswer,
    Candidate,
    Decision,
    Dialogue,
    Evidence,
    EvidenceKind,
    IngestReport,
    Outcome,
    Passage,
    Reason,
    RowProblem,
    as_json,
    decision_from_json,
    is_valid,
)
from core.errors import DataError


def test_a_validity_includes_both_days_and_open_ends():
    assert is_valid(date(2026, 1, 1), date(2026, 1, 31), date(2026, 1, 31))
    assert is_valid(date(2026, 1, 1), date(2026, 1, 31), datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    assert not is_valid(date(2026, 1, 1), date(2026, 1, 31), date(2026, 2, 1))
    assert not is_valid(date(2026, 1, 1), None, date(2025, 12, 31))
    assert is_valid(None, None, date(1900, 1, 1))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ApprovedAnswer("1", " ", "yes"), "An approved answer needs a question"),
        (lambda: ApprovedAnswer("1", "q", "a", valid_from=date(2026, 2, 1), valid_until=date(2026, 1, 1)), "before"),
        (lambda: Dialogue("1", ()), "no turns"),
        (lambda: Passage("p", "d", "", "", "text", 5, 5), "start < end"),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(make, words):
    with pytest.raises(DataError, match=words):
        make()


def test_a_decision_survives_json():
    evidence = Evidence("p1", EvidenceKind.PASSAGE, 1, "Kettle", "E1 是干烧保护", 0.5, 1, None, "d1", 3, 9)
    made = Decision(Outcome.COMPOSE, Reason.GROUNDED_PASSAGES, 0.8, "care", 0.7, (Candidate("a", "q?"),), (evidence,))
    assert decision_from_json(json.loads(json.dumps(as_json(made)))) == made
    assert decision_from_json(as_json(made) | {"of_a_later_version": 1}) == made


def test_reports_add_up():
    one = IngestReport(added=2, problems=(RowProblem("a.csv", 3, "no answer"),))
    assert one + IngestReport(unchanged=1) == IngestReport(2, 0, 1, one.problems)
