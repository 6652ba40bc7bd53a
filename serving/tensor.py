"""V2 tensors: JSON or binary data in, values out, and back. What they say of shapes and sizes must be true."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.problem import RefusedError, kind

DATATYPES: dict[str, str | None] = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "BYTES": None,
}
"""V2 datatype -> numpy's; BYTES, which is text here, has none. BF16 is not taken: numpy does not know it."""

_JSON_TYPES: dict[str, set[type]] = {
    "BYTES": {str, type(None)},
    "B": {bool, type(None)},
    "U": {int, type(None)},
    "I": {int, type(None)},
    "F": {int, float, type(None)},
}
"""What JSON data of a datatype may be, by its first letter except for BYTES. null is a missing value."""
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named tensor of a request, its values flat, in row-major order."""

    name: str
    shape: tuple[int, ...]
    values: list[Any] | NDArray[Any]


def read_tensor(given: Any, binary: "Binary") -> Tensor:
    """One input of an inference request. Raises RefusedError (400) where what it says does not hold."""
    if type(given) is not dict:
        raise _malformed(f"an input must be an object, not {kind(given)}")
    name = given.get("name")
    if type(name) is not str:
        raise _malformed("an input needs a name")
    datatype = given.get("datatype")
    if type(datatype) is not str or datatype not in DATATYPES:
        raise _malformed(f"input {name[:100]!r}: datatype must be one of {', '.join(DATATYPES)}")
    shape = _shape(name, given.get("shape"))
    size = _binary_size(name, given)
    if size is not None:
        if "data" in given:
            raise _malformed(f"input {name[:100]!r} has both data and binary_data_size")
        return Tensor(name, shape, _from_bytes(name, datatype, math.prod(shape), binary.take(name, size)))
    return Tensor(name, shape, _from_json(name, datatype, shape, given.get("data")))


class Binary:
    """The bytes behind a request's JSON, taken in the order of its inputs."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def take(self, name: str, size: int) -> memoryview:
        """The next ``size`` bytes. Raises RefusedError where there are fewer."""
        left = len(self._data) - self._at
        if size > left:
            raise _malformed(f"input {name[:100]!r}: binary_data_size is {size}, {left} bytes are left")
        self._at += size
        return self._data[self._at - size : self._at]

    def finish(self) -> None:
        """Raise RefusedError where bytes are left over."""
        if self._at != len(self._data):
            raise _malformed(f"{len(self._data) - self._at} bytes of binary data belong to no input")


def to_binary(array: NDArray[Any] | Sequence[str]) -> bytes:
    """An output's binary form."""
    if isinstance(array, np.ndarray):
        return array.tobytes()
    encoded = [text.encode() for text in array]
    return b"".join(_LENGTH.pack(len(text)) + text for text in encoded)


def _shape(name: str, shape: Any) -> tuple[int, ...]:
    if type(shape) is not list or not shape or not all(type(size) is int and 0 <= size < 2**31 for size in shape):
        raise _malformed(f"input {name[:100]!r}: shape must be an array of whole numbers")
    if len(shape) > 2:
        raise _malformed(f"input {name[:100]!r}: shape must be [rows], [rows, 1] or [rows, features]")
    return tuple(shape)


def _binary_size(name: str, given: dict[str, Any]) -> int | None:
    parameters = given.get("parameters", {})
    if type(parameters) is not dict:
        raise _malformed(f"input {name[:100]!r}: parameters must be an object, not {kind(parameters)}")
    size = parameters.get("binary_data_size")
    if size is not None and (type(size) is not int or size < 0):
        raise _malformed(f"input {name[:100]!r}: binary_data_size must be a number of bytes")
    return size


def _from_json(name: str, datatype: str, shape: tuple[int, ...], data: Any) -> list[Any]:
    if type(data) is not list:
        raise _malformed(f"input {name[:100]!r}: data must be an array, not {kind(data)}")
    flat = _flat(name, shape, data)
    if len(flat) != math.prod(shape):
        raise _malformed(
            f"input {name[:100]!r}: shape {list(shape)} needs {math.prod(shape)} values, data has {len(flat)}"
        )
    wanted = _JSON_TYPES["BYTES" if datatype == "BYTES" else datatype[0]]
    if not wanted.issuperset(map(type, flat)):
        value = next(value for value in flat if type(value) not in wanted)
        raise _malformed(f"input {name[:100]!r}: datatype {datatype} cannot hold {kind(value)}")
    if datatype[0] in "UI":
        _in_range(name, datatype, flat)
    return flat


def _flat(name: str, shape: tuple[int, ...], data: list[Any]) -> list[Any]:
    """Values of nested or flat data; nesting, where there is any, must be the shape's."""
    if not data or type(data[0]) is not list:
        return data
    if len(shape) != 2 or len(data) != shape[0] or any(type(row) is not list or len(row) != shape[1] for row in data):
        raise _malformed(f"input {name[:100]!r}: data is not nested as shape {list(shape)} says")
    return [value for row in data for value in row]


def _in_range(name: str, datatype: str, values: list[Any]) -> None:
    info = np.iinfo(np.dtype(DATATYPES[datatype]))
    for value in values:
        if value is not None and not info.min <= value <= info.max:
            raise _malformed(f"input {name[:100]!r}: {value} does not fit into {datatype}")


def _from_bytes(name: str, datatype: str, count: int, data: memoryview) -> list[Any] | NDArray[Any]:
    kind_of = DATATYPES[datatype]
    if kind_of is None:
        return _texts(name, count, data)
    dtype = np.dtype(kind_of)
    if len(data) != count * dtype.itemsize:
        raise _malformed(
            f"input {name[:100]!r}: {count} values of {datatype} are {count * dtype.itemsize} bytes, not {len(data)}"
        )
    if datatype == "BOOL" and any(byte > 1 for byte in data):
        raise _malformed(f"input {name[:100]!r}: a byte of BOOL must be 0 or 1")
    return np.frombuffer(data, dtype)


def _texts(name: str, count: int, data: memoryview) -> list[Any]:
    texts: list[Any] = []
    at = 0
    while at < len(data):
        if len(texts) == count or at + 4 > len(data):
            raise _malformed(f"input {name[:100]!r}: its bytes are not {count} lengths and texts")
        (length,) = _LENGTH.unpack_from(data, at)
        at += 4 + length
        if at > len(data):
            raise _malformed(f"input {name[:100]!r}: text {len(texts)} is said to have {length} bytes, there are fewer")
        try:
            texts.append(str(data[at - length : at], "utf-8"))
        except UnicodeDecodeError as exc:
            raise _malformed(f"input {name[:100]!r}: text {len(texts)} is not UTF-8") from exc
    if len(texts) != count:
        raise _malformed(f"input {name[:100]!r}: shape needs {count} texts, the bytes hold {len(texts)}")
    return texts


def _malformed(message: str) -> RefusedError:
    return RefusedError(400, "malformed", message)
