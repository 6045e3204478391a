"""Measures the intents of a team's own answers: learnt without one wording each, asked for exactly those wordings."""

from dataclasses import replace

from apps.chatbot.knowledge import Knowledge
from apps.chatbot.library import learn_intents, withheld_questions
from apps.chatbot.records import Status
from apps.chatbot.settings import ChatbotSettings
from apps.chatbot.store import Store
from core.errors import DataError
from core.events import Metric, OnEvent
from core.metrics import accuracy, macro_f1
from core.text import content_hash


def measure_intents(settings: ChatbotSettings, on_event: OnEvent) -> tuple[dict[str, float], dict[str, int], str]:
    """(figures, rows per split, hash of the wordings). ``DataError`` when fewer than two intents have wordings."""
    store = Store.open(settings.database_address)
    knowledge = Knowledge.open(settings, store)
    try:
        answers = [one for one in store.answers(Status.APPROVED, None, 1_000_000, 0) if one.intent]
        held = withheld_questions(answers)
        kept = [replace(one, similar_questions=one.similar_questions[:-1]) for one in answers]
        model = learn_intents(kept, knowledge, settings.chatbot.deciding.rejected_share)
        if model is None or not held:
            raise DataError("Learning intents needs approved answers of two intents with three wordings each.")
        guesses = model.predict_proba([one.question for one in held], [one.language for one in held]).argmax(axis=1)
    finally:
        knowledge.close()
        store.close()
    said, right = [model.labels[guess] for guess in guesses], [one.intent for one in held]
    figures = {"intent_accuracy": accuracy(said, right), "intent_macro_f1": macro_f1(said, right)}
    for name, value in figures.items():
        on_event(Metric(name, value))
    wordings = [wording for one in answers for wording in one.wordings]
    return figures, {"train": len(wordings) - len(held), "test": len(held)}, content_hash("\n".join(wordings))
