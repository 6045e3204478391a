"""Index files: one ``npz`` each, arrays and JSON only, never pickle; a crash while writing leaves the old file.

A zip member carries its own CRC, so a torn or altered file is noticed when it is read.
"""

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import DataError


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
    """Writes the arrays and a JSON object of facts to ``path`` in one atomic step, flushed to disk first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = np.frombuffer(json.dumps(facts, ensure_ascii=False).encode(), dtype=np.uint8)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, facts=packed, **arrays)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What ``write_arrays`` wrote. Raises ``DataError`` when the file is missing, torn, altered or not ours."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return arrays, json.loads(arrays.pop("facts").tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"The index file '{path.name}' cannot be read and must be built again: {error}.") from error
