"""A fitted scikit-learn pipeline as a skops file: no pickle, and no type that ``evenkeel.learning.allowed`` lacks.

A file with any other type is neither written nor read.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.pipeline import Pipeline
from skops.io.exceptions import UntrustedTypesFoundException

from evenkeel.errors import BundleError, EncodingError, ModelError
from evenkeel.learning import allowed
from evenkeel.learning.crossfit import raw_answers
from evenkeel.prediction import FloatArray

_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_NOTHING_ELSE = "is listed in evenkeel/learning/allowed.py"


def dump_pipeline(pipeline: Pipeline) -> bytes:
    """The file of a fitted pipeline: the same bytes for the same pipeline, in every process.

    Raises ModelError naming each type in it that is not on the list.
    """
    data = _canonical(skops.io.dumps(pipeline))
    if strangers := _strangers(data):
        raise ModelError(
            f"the fitted {type(pipeline[-1]).__name__} holds {', '.join(strangers)}, which no bundle may hold;"
            f" use another estimator or other parameters: what may be saved {_NOTHING_ELSE}"
        )
    return data


def load_pipeline(path: Path) -> Pipeline:
    """The pipeline in a file that ``dump_pipeline`` wrote. Raises BundleError where it holds anything else."""
    data = path.read_bytes()
    try:
        if strangers := _strangers(data):
            raise BundleError(
                f"{path}: holds {', '.join(strangers)}; it is not loaded, for only what {_NOTHING_ELSE} may be"
            )
        pipeline = skops.io.loads(data, trusted=sorted(allowed.TYPES))
    except (zipfile.BadZipFile, UntrustedTypesFoundException, KeyError, ValueError, TypeError) as exc:
        raise BundleError(f"{path}: is not a pipeline this version can read: {exc}") from exc
    if not isinstance(pipeline, Pipeline):
        raise BundleError(f"{path}: holds a {type(pipeline).__name__}, not a pipeline")
    return pipeline


def skops_scores(path: Path, classes: int) -> Callable[[FloatArray], FloatArray]:
    """Matrix -> raw answers by the pipeline's last step; ``classes`` is 0 for regression.

    They raise EncodingError for rows that scikit-learn refuses, such as numbers that overflow float32 in a forest.
    """
    model = load_pipeline(path)[-1]

    def scores(matrix: FloatArray) -> FloatArray:
        try:
            with np.errstate(over="ignore"):  # it refuses the row in the next line
                return raw_answers(model, matrix, classes)
        except ValueError as exc:
            raise EncodingError(f"scikit-learn refuses these rows: {exc}") from exc

    return scores


def _strangers(data: bytes) -> list[str]:
    """Types, and ways of reading, that the file names and the lists do not."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        nodes = list(_nodes(json.loads(archive.read(_SCHEMA))))
    types = {f"{node['__module__']}.{node['__class__']}" for node in nodes}
    return sorted(types - allowed.TYPES) + sorted({str(node["__loader__"]) for node in nodes} - allowed.LOADERS)


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every node of a schema, parents first, in the order of the file."""
    if isinstance(schema, dict):
        if "__loader__" in schema:
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _nodes(part)


def _canonical(data: bytes) -> bytes:
    """The same file without what differs between two processes: memory addresses, times, bytes between fields."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read(_SCHEMA))
        contents = {name: archive.read(name) for name in archive.namelist()}
    identities: dict[int, int] = {}
    files: dict[str, str] = {}
    for number, node in enumerate(_nodes(schema), start=1):
        if node["__loader__"] == "JsonNode":  # whether equal numbers are one object is up to the interpreter
            node["__id__"] = number
        elif "__id__" in node:
            node["__id__"] = identities.setdefault(node["__id__"], number)
        if "file" in node:
            node["file"] = files.setdefault(node["file"], f"{len(files)}{Path(node['file']).suffix}")
    parts = {new: _clean(contents[old]) for old, new in files.items()}
    return _zipped({_SCHEMA: json.dumps(schema, indent=1).encode(), **parts})


def _clean(content: bytes) -> bytes:
    """An array's file with nothing in it but the array."""
    if zipfile.is_zipfile(io.BytesIO(content)):  # a sparse matrix
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _zipped({name: archive.read(name) for name in archive.namelist()})
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    zeroed = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        zeroed[name] = array[name]
    buffer = io.BytesIO()
    np.save(buffer, zeroed, allow_pickle=False)
    return buffer.getvalue()


def _zipped(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    return buffer.getvalue()
