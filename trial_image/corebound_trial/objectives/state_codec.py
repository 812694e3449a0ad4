"""A checkpoint's state as bytes and back, without pickle: a JSON header and the raw arrays behind it.

What could go wrong: a value that is neither JSON nor array; the error names its place in the state.
"""

from __future__ import annotations

import json
import struct
import sys
from typing import TYPE_CHECKING, Any, Final

from corebound.api.errors import ObjectiveError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAGIC: Final = b"CBST1"
_ARRAY: Final = "__array__"


def encode_state(state: Mapping[str, Any]) -> bytes:
    """Raises :class:`ObjectiveError` for what cannot be kept."""
    blobs: list[bytes] = []
    header = json.dumps(_plain(state, "state", blobs)).encode()
    return b"".join((_MAGIC, struct.pack("<Q", len(header)), header, *blobs))


def decode_state(payload: bytes) -> dict[str, Any]:
    """The state that :func:`encode_state` was given."""
    if not payload.startswith(_MAGIC):
        raise ObjectiveError("this checkpoint was not written by Corebound's codec; run the campaign with --fresh")
    start = len(_MAGIC) + 8
    (length,) = struct.unpack("<Q", payload[len(_MAGIC) : start])
    state: dict[str, Any] = _restore(json.loads(payload[start : start + length]), memoryview(payload)[start + length :])
    return state


def _plain(value: Any, place: str, blobs: list[bytes]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict) or hasattr(value, "items"):
        if any(not isinstance(key, str) or key == _ARRAY for key in value):
            raise ObjectiveError(f"{place} has a key that is no text, expected text keys")
        return {key: _plain(part, f"{place}[{key!r}]", blobs) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, f"{place}[{index}]", blobs) for index, part in enumerate(value)]
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    library = None
    if torch is not None and isinstance(value, torch.Tensor):
        library, value = "torch", value.detach().cpu().contiguous().numpy()
    elif numpy is not None and isinstance(value, numpy.ndarray | numpy.generic):
        library, value = "numpy", numpy.ascontiguousarray(value)
    if library is None or value.dtype.hasobject:
        raise ObjectiveError(
            f"{place} is a {type(value).__name__}, expected arrays, tensors, numbers, text, lists or mappings"
        )
    offset = sum(map(len, blobs))
    blobs.append(value.tobytes())
    return {_ARRAY: [library, value.dtype.str, list(value.shape), offset, len(blobs[-1])]}


def _restore(value: Any, blobs: memoryview) -> Any:
    if isinstance(value, list):
        return [_restore(part, blobs) for part in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY not in value:
        return {key: _restore(part, blobs) for key, part in value.items()}
    import numpy

    library, dtype, shape, offset, length = value[_ARRAY]
    array = numpy.frombuffer(blobs[offset : offset + length], dtype=dtype).reshape(shape).copy()
    if library == "numpy":
        return array
    import torch

    return torch.from_numpy(array)
