"""A checkpoint's state survives as bytes, without pickle."""

from __future__ import annotations

import subprocess
import sys
from types import MappingProxyType
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from corebound.api.errors import ObjectiveError
from corebound_trial.objectives.protocol import MOST_CHECKPOINT_BYTES
from corebound_trial.objectives.state_codec import decode_state, encode_state

from .attempts import Ledger, attempt_context

text = st.text(max_size=8).filter(lambda key: key != "__array__")
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**130), 2**130) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
shapes = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
dtypes = arrays.scalar_dtypes() | arrays.byte_string_dtypes() | arrays.unicode_string_dtypes()


@given(st.dictionaries(text, plain, max_size=5))
def test_json_values_come_back(state: dict[str, Any]) -> None:
    assert decode_state(encode_state(state)) == state


@given(arrays.arrays(dtypes, shapes), st.booleans())
def test_numpy_arrays_come_back_byte_for_byte(array: Any, fortran: bool) -> None:
    found = decode_state(
        encode_state({"deep": [{"a": numpy.asfortranarray(array) if fortran and array.ndim else array}]})
    )["deep"][0]["a"]
    assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert found.flags.writeable


@given(arrays.arrays(dtypes, ()))
def test_numpy_scalars_stay_scalars(array: Any) -> None:
    found = decode_state(encode_state({"a": array[()]}))["a"]
    assert type(found) is type(array[()])
    assert found.tobytes() == array[()].tobytes()


TORCH_DTYPES = [
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64),
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool),
]


@given(st.sampled_from(TORCH_DTYPES), st.lists(st.integers(0, 3), max_size=3))
def test_tensors_come_back_with_their_dtype(dtype: torch.dtype, shape: list[int]) -> None:
    tensor = (torch.arange(27)[: torch.Size(shape).numel()] % 2).reshape(shape).to(dtype)
    found = decode_state(encode_state({"t": tensor.T if tensor.dim() == 2 else tensor}))["t"]
    expected = tensor.T if tensor.dim() == 2 else tensor
    assert isinstance(found, torch.Tensor)
    assert found.dtype == dtype
    assert found.shape == expected.shape
    assert torch.equal(found, expected)


def test_random_generators_go_on_where_they_were() -> None:
    generator = numpy.random.default_rng(3)
    torch_generator = torch.Generator().manual_seed(3)
    generator.random(5)
    found = decode_state(
        encode_state({"numpy": generator.bit_generator.state, "torch": torch_generator.get_state(), "deep": (1, 2)})
    )
    other, torch_other = numpy.random.default_rng(), torch.Generator()
    other.bit_generator.state = found["numpy"]
    torch_other.set_state(found["torch"])
    assert (other.random(4) == generator.random(4)).all()
    assert torch.equal(torch.rand(4, generator=torch_other), torch.rand(4, generator=torch_generator))
    assert found["deep"] == [1, 2]


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1: 2},
        {"__array__": 1},
        lambda: 1,
        {1, 2},
        numpy.array([object()]),
        numpy.zeros(2, dtype=[("x", "i4")]),
        torch.eye(2).to_sparse(),
    ],
)
def test_what_cannot_be_kept_is_named_by_its_place(value: object) -> None:
    with pytest.raises(ObjectiveError, match=r"state\['a'\]\[1\]"):
        encode_state({"a": [0, value]})


def test_a_state_is_a_mapping_without_an_end_in_itself() -> None:
    assert decode_state(encode_state(MappingProxyType({"a": 1}))) == {"a": 1}
    with pytest.raises(ObjectiveError, match="state is a list"):
        encode_state([1])
    endless: dict[str, Any] = {}
    endless["again"] = endless
    with pytest.raises(ObjectiveError, match="contains itself"):
        encode_state(endless)


def test_neither_library_is_imported_for_a_state_without_arrays() -> None:
    program = (
        "import sys; from corebound_trial.objectives.state_codec import encode_state, decode_state;"
        "assert decode_state(encode_state({'a': [1, 'x']})) == {'a': [1, 'x']};"
        "assert not {'numpy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_context_loads_what_it_saved_and_refuses_what_no_row_could_hold() -> None:
    ledger = Ledger()
    attempt = attempt_context(ledger)
    assert attempt.load() is None
    attempt.save({"step": 3})
    assert attempt.load() == {"step": 3}
    with pytest.raises(ObjectiveError, match=r"256\.0 MiB, expected at most 256 MiB"):
        attempt.save({"large": numpy.zeros(MOST_CHECKPOINT_BYTES, dtype=numpy.uint8)})
    assert len(ledger.saved) == 1


def test_a_checkpoint_is_due_when_its_time_has_passed_and_not_after_a_save() -> None:
    assert attempt_context(every=0.0).checkpoint_due()
    waiting = attempt_context(every=3600.0)
    assert not waiting.checkpoint_due()
    waiting._saved_at -= 3601
    assert waiting.checkpoint_due()
    waiting.save({})
    assert not waiting.checkpoint_due()
