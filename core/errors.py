"""What can go wrong, as few classes; each message is one sentence a user can act on, each class knows its HTTP status.

    TrifoliumError (500)
    ├── SettingsError (400)        a setting is unknown, wrong or contradicts another
    ├── DataError (422)            a file, row, array or request body is not what it must be
    ├── NotFoundError (404)        an id, name or path that does not exist
    ├── ConflictError (409)        the thing changed meanwhile, exists already or is in another state
    ├── BusyError (429 or 503)     too much asked at once; trying again later can help
    ├── ModelError (500)           a model cannot be found, read or trusted
    │   └── AdapterError (422)     a LoRA adapter does not fit, is unsafe or has no effect
    ├── ResourceError (507)        memory or disk will not do for what was asked
    ├── MissingExtraError (501)    an optional package is not installed
    ├── RemoteError (502)          a server elsewhere failed; ``permanent`` says whether trying again can help
    └── CancelledError_ (499)      the asker went away or pressed stop

Doors show ``str(error)`` and nothing else; the log has the stack trace.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class TrifoliumError(Exception):
    """Root of everything this suite raises on purpose; ``status`` is the HTTP status a door answers with."""

    status: int = 500


class SettingsError(TrifoliumError):
    """A setting is unknown, has a wrong value or contradicts another one."""

    status = 400


class DataError(TrifoliumError):
    """Data from outside (a file, a row, an array, a request) is not what it must be."""

    status = 422


class NotFoundError(TrifoliumError):
    """An id, a name or a path that does not exist."""

    status = 404


class ConflictError(TrifoliumError):
    """The thing exists already, changed meanwhile or is in a state that does not allow the act."""

    status = 409


class BusyError(TrifoliumError):
    """Too much is asked at once. 429 when the asker sends too much, 503 when the server is full or not ready yet."""

    status = 429

    def __init__(self, message: str, *, status: int = 429, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class ModelError(TrifoliumError):
    """A model cannot be found, read or trusted."""


class AdapterError(ModelError):
    """A LoRA adapter does not fit its base, is unsafe to load or has no effect."""

    status = 422


class ResourceError(TrifoliumError):
    """Memory or disk will not do; the message says how much is needed, how much is free and what to do."""

    status = 507


class MissingExtraError(TrifoliumError):
    """An optional package is not installed; the message is the pip command.

    >>> str(MissingExtraError("psycopg", "postgres", "PostgreSQL"))
    'PostgreSQL needs the package psycopg: pip install "trifolium[postgres]".'
    """

    status = 501

    def __init__(self, package: str, extra: str, purpose: str = "This") -> None:
        super().__init__(f'{purpose} needs the package {package}: pip install "trifolium[{extra}]".')
        self.package = package
        self.extra = extra


class RemoteError(TrifoliumError):
    """A server elsewhere failed; ``permanent`` is True when trying again cannot help (wrong key, unknown model)."""

    status = 502

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class CancelledError_(TrifoliumError):
    """The asker went away or pressed stop; nothing is wrong."""

    status = 499


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name``, or None when nothing is alike.

    >>> nearest("pasages", ["min_score", "passages"])
    'passages'
    """
    by_lower = {item.lower(): item for item in known}
    found = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def known_names(name: str, known: Iterable[str], most: int = 12) -> str:
    """The tail of an "unknown name" sentence: the nearest known name if one is alike, then the known ones.

    >>> known_names("pasages", ["passages", "min_score"])
    "the nearest known is 'passages' (known here: min_score, passages)"
    >>> known_names("zzz", ["passages", "min_score"])
    'known here: min_score, passages'
    """
    names = sorted(set(known))
    like = nearest(name, names)
    listed = ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
    tail = f"known here: {listed}" if names else "nothing is known here"
    return f"the nearest known is '{like}' ({tail})" if like else tail
