"""A checkpoint's state as bytes and back, without pickle: a JSON header and the raw arrays behind it.

numpy arrays and scalars come back as such, torch tensors as tensors on the CPU (every dense dtype, bfloat16 too), tuples as
lists; neither library is imported unless the state holds something of it. What could go wrong: a value that is neither
JSON nor array; the error names its place in the state.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Mapping
from typing import Any, Final

from corebound.api.errors import ObjectiveError

_MAGIC: Final = b"CBST2"
_ARRAY: Final = "__array__"
_EXPECTED: Final = "expected arrays, dense tensors, numbers, text, lists or mappings with text keys"
_NUMPY_KINDS: Final = "biufcmMSU"
"""Kinds of numpy dtypes that are plain bytes; objects would need pickle, records would lose their field names."""


def encode_state(state: Mapping[str, Any]) -> bytes:
    """Raises :class:`ObjectiveError` that names what cannot be kept, for example ``state['best'][2]``."""
    if not isinstance(state, Mapping):
        raise ObjectiveError(f"state is a {type(state).__name__}, expected a mapping with text keys")
    arrays = _Arrays()
    try:
        header = json.dumps(_plain(state, "state", arrays)).encode()
    except RecursionError:
        raise ObjectiveError("state is nested too deeply or contains itself; keep it flat") from None
    return b"".join((_MAGIC, struct.pack("<Q", len(header)), header, *arrays.pieces))


def decode_state(payload: bytes) -> dict[str, Any]:
    """The state that :func:`encode_state` was given."""
    if not payload.startswith(_MAGIC):
        raise ObjectiveError("this checkpoint is of a form this version does not know; run the campaign with --fresh")
    start = len(_MAGIC) + 8
    (length,) = struct.unpack("<Q", payload[len(_MAGIC) : start])
    state: dict[str, Any] = _restored(
        json.loads(payload[start : start + length]), memoryview(payload)[start + length :]
    )
    return state


class _Arrays:
    """The raw bytes behind the header, in order."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self._size = 0

    def add(self, kind: str, dtype: str, shape: tuple[int, ...], content: bytes) -> dict[str, Any]:
        entry = {_ARRAY: [kind, dtype, list(shape), self._size, len(content)]}
        self.pieces.append(content)
        self._size += len(content)
        return entry


def _plain(value: Any, place: str, arrays: _Arrays) -> Any:
    # What is no array can only be an instance of a library's type if somebody has imported it.
    if (torch := sys.modules.get("torch")) is not None and isinstance(value, torch.Tensor):
        return _plain_tensor(value, place, arrays)
    if (numpy := sys.modules.get("numpy")) is not None and isinstance(value, numpy.ndarray | numpy.generic):
        if value.dtype.kind not in _NUMPY_KINDS:
            raise ObjectiveError(f"{place} is an array of {value.dtype}, {_EXPECTED}")
        kind = "numpy" if isinstance(value, numpy.ndarray) else "numpy scalar"
        return arrays.add(kind, value.dtype.str, value.shape, value.tobytes())
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or key == _ARRAY:
                raise ObjectiveError(f"{place} has the key {key!r}, expected text keys other than {_ARRAY}")
        return {key: _plain(part, f"{place}[{key!r}]", arrays) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, f"{place}[{index}]", arrays) for index, part in enumerate(value)]
    raise ObjectiveError(f"{place} is a {type(value).__name__}, {_EXPECTED}")


def _plain_tensor(tensor: Any, place: str, arrays: _Arrays) -> dict[str, Any]:
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized:
        raise ObjectiveError(f"{place} is a sparse or quantized tensor, {_EXPECTED}")
    dense = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    # As bytes, since numpy has no bfloat16; flat, since a tensor without dimensions has no such view.
    content = dense.reshape(-1).view(torch.uint8).numpy().tobytes()
    return arrays.add("torch", str(dense.dtype).removeprefix("torch."), tuple(dense.shape), content)


def _restored(value: Any, content: memoryview) -> Any:
    if isinstance(value, list):
        return [_restored(part, content) for part in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY not in value:
        return {key: _restored(part, content) for key, part in value.items()}
    kind, dtype, shape, offset, length = value[_ARRAY]
    piece = content[offset : offset + length]
    return _restored_tensor(dtype, shape, piece) if kind == "torch" else _restored_array(kind, dtype, shape, piece)


def _restored_tensor(dtype: str, shape: list[int], content: memoryview) -> Any:
    import torch

    if not content:  # frombuffer refuses an empty buffer
        return torch.empty(shape, dtype=getattr(torch, dtype))
    return torch.frombuffer(bytearray(content), dtype=torch.uint8).view(getattr(torch, dtype)).reshape(shape)


def _restored_array(kind: str, dtype: str, shape: list[int], content: memoryview) -> Any:
    import numpy

    # Not frombuffer, which refuses items without size: the empty text.
    array = numpy.ndarray(shape, dtype=dtype, buffer=bytearray(content))
    return array[()] if kind == "numpy scalar" else array
