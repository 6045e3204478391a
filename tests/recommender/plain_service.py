"""The true service over a true database, with the plain engine as its model and a small bilingual shop."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from apps.recommender.fallback import Fallback
from apps.recommender.live import LiveModel
from apps.recommender.model_shelf import ModelShelf
from apps.recommender.records import Event, Item
from apps.recommender.service import RecommenderService
from apps.recommender.settings import load_settings
from apps.recommender.store import Store
from tests.recommender.plain_engine import PlainEngine


def item(id_: str, title: str, category: str, price: float, age_days: float, **more) -> Item:
    return Item(
        id_, title, category=category, price=price, created_at=datetime.now(UTC) - timedelta(days=age_days), **more
    )


def shop() -> list[Item]:
    return [
        item("tea", "Roasted oolong", "drinks", 12, 60, description="Dark and sweet.", tags=("tea",), brand="Lantern"),
        item("cha", "茉莉花茶", "drinks", 9, 50, language="zh", description="清香。"),
        item("cup", "Tasting cup", "ware", 20, 40),
        item("pot", "Clay pot", "ware", 48, 30),
        item("lamp", "Paper lamp", "home", 35, 20),
        item("rug", "Wool rug", "home", 120, 3),
        item("fan", "Bamboo fan", "home", 8, 1),
    ]


def click(id_: str, user: str, item_id: str, minutes_ago: float = 5, kind: str = "click", **more) -> Event:
    return Event(id_, user, item_id, kind, datetime.now(UTC) - timedelta(minutes=minutes_ago), **more)


def habits() -> list[Event]:
    rows = [
        ("ann", "tea", 50),
        ("ann", "cup", 40),
        ("bob", "tea", 90),
        ("bob", "pot", 80),
        ("曹", "cha", 70),
        ("曹", "cup", 60),
    ]
    return [click(f"h{n}", *row) for n, row in enumerate(rows)]


def open_plain(home: Path, model: bool = True, fill: bool = True, **overrides: object) -> RecommenderService:
    """A service in ``home``; ``model`` False leaves it to the fall-back, ``fill`` False leaves the shop empty."""
    settings = load_settings(None, {"home": str(home), **overrides})
    store, shelf = Store.open(settings.database_address), ModelShelf(settings.home)
    if model and shelf.live() is None:
        shelf.promote(add_model(shelf, home, "plain-1"))
    fallback = Fallback(settings.recommender.events.meanings())
    service = RecommenderService(settings, store, LiveModel(store, shelf, fallback, PlainEngine.load), shelf)
    if fill and not store.counts()["items"]:
        service.put_items(shop())
        service.add_events(habits())
    return service


def add_model(shelf: ModelShelf, home: Path, version: str) -> str:
    """A saved plain engine on the shelf; its name there."""
    folder = home / "saved" / version
    PlainEngine(version).save(folder)
    return shelf.add(folder, {"ndcg10": 0.2}, source=f"run-{version}").name
