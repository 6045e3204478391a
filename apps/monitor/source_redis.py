"""A Redis stream read as one of a consumer group: several monitors share it, an entry is acknowledged once stored.

Needs the extra ``redis``. What a dead consumer had taken is taken over after a minute.
"""

import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

from apps.monitor.row_problems import NO_JSON_MESSAGE, NO_OBJECT_MESSAGE, NO_STREAM
from apps.monitor.rows import Row
from core.errors import DataError, MissingExtraError, RemoteError
from core.reasons import reason

IDLE_MS = 60_000  # an entry taken and not acknowledged for so long belongs to nobody
COUNT = 256  # entries of one look
JSON_FIELDS = ("item", "json", "data")  # a field of this name holds the whole item


def take(
    address: str, stream: str, group: str, consumer: str, timeout_s: float
) -> tuple[list[Row], Callable[[], None]]:
    """Rows that wait for this consumer, and how to acknowledge them once they are stored."""
    try:
        import redis
    except ModuleNotFoundError as error:
        raise MissingExtraError("redis", "redis", "A Redis stream") from error
    try:
        client = redis.Redis.from_url(address, socket_timeout=timeout_s, decode_responses=False)
        _group(client, stream, group)
        entries = _entries(client, stream, group, consumer)
    except (redis.RedisError, ValueError, OSError) as error:
        raise RemoteError(reason(NO_STREAM, stream=stream, why=error)) from error

    def acknowledge() -> None:
        if entries:
            client.xack(stream, group, *[key for key, _ in entries])
        client.close()

    return [_row(stream, key, fields) for key, fields in entries], acknowledge


def name() -> str:
    """This machine's consumer name: a restart takes up what it had."""
    return f"trifolium-{socket.gethostname()}"


def _group(client: Any, stream: str, group: str) -> None:
    import redis

    try:
        client.xgroup_create(stream, group, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def _entries(client: Any, stream: str, group: str, consumer: str) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
    """What we had taken before, what others left lying, then what is new."""
    own = _flat(client.xreadgroup(group, consumer, {stream: "0"}, count=COUNT))
    left = client.xautoclaim(stream, group, consumer, min_idle_time=IDLE_MS, count=COUNT)[1]
    new = _flat(client.xreadgroup(group, consumer, {stream: ">"}, count=COUNT))
    found = {key: fields for key, fields in [*own, *left, *new] if fields}
    return sorted(found.items())


def _flat(answer: Any) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
    lists = answer.values() if isinstance(answer, Mapping) else [entries for _, entries in answer or []]
    flat: list[tuple[bytes, Mapping[bytes, bytes]]] = []
    for entries in lists:
        inner = entries[0] if entries and isinstance(entries[0], list) else entries
        flat += [(key, fields) for key, fields in inner]
    return flat


def _row(stream: str, key: bytes, fields: Mapping[bytes, bytes]) -> Row:
    texts = {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in fields.items()}
    whole = next((texts[one] for one in JSON_FIELDS if one in texts), None)
    if whole is None:
        return {"id": f"{stream}:{key.decode()}"} | texts
    try:
        value = json.loads(whole)
    except (ValueError, RecursionError):
        return DataError(reason(NO_JSON_MESSAGE, key=key.decode(), stream=stream))
    if not isinstance(value, dict):
        return DataError(reason(NO_OBJECT_MESSAGE, key=key.decode(), stream=stream))
    return {"id": f"{stream}:{key.decode()}"} | value
