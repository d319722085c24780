"""The public API on arrays: three lines, names, any size, and the numbers of a job."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden.stand_in import golden_frames, golden_masks
from job.conftest import clip, engine, plates, propagated  # noqa: F401 - fixtures

from stcn_plugin import PropagationSettings, Propagator
from stcn_plugin.memory.bank import MemoryBank
from stcn_plugin.propagation.images import internal_size

SIZE = 96, 144
BLACK, WHITE = 0.15, 0.85  # the default matte levels

ROUNDED = 0.5 / 1024 / (0.85 - 0.15)
"""Largest change of a matte by the rounding of probabilities in a job."""


@pytest.fixture(scope="module")
def frames():
    """Eight ``(96, 144, 3)`` uint8 arrays."""
    return golden_frames(8, *SIZE)


@pytest.fixture(scope="module")
def masks():
    """Boolean ``(96, 144)`` masks of the first frame."""
    return dict(zip("abc", golden_masks(*SIZE) > 0, strict=True))


@pytest.mark.parametrize("size", [None, 64])
def test_probabilities_are_those_of_a_job(clip, engine, propagated, frames, masks, size):  # noqa: F811
    """At plate size and at a smaller internal size, arrays in give the mattes that a job writes, before clipping."""
    setting = "size=native" if size is None else f"size={size}"
    propagated({1001: clip.keyframe(1001, 0)}, setting, "output.depth=float", "matte.edges=off", "matte.stabilise=off")
    propagator = Propagator(engine, settings=PropagationSettings(size=size))
    propagator.step(frames[0], {"a0": masks["a"]})
    for number, frame in enumerate(frames[1:], start=1002):
        found = propagator.step(frame).numpy()["a0"]
        matte = np.clip((found - BLACK) / (WHITE - BLACK), 0, 1)
        # The job reduces plates with Pillow, this with torch: the same filter, other rounding.
        np.testing.assert_allclose(matte, clip.matte(number), rtol=0, atol=ROUNDED + (1e-6 if size is None else 1e-4))
        assert matte.sum() > 100


def test_arrays_and_tensors_give_the_same(engine, frames, masks):  # noqa: F811
    """Channels first or last, uint8 or float: the same bits."""
    arrays, tensors = Propagator(engine), Propagator(engine)
    arrays.step(frames[0], masks)
    tensors.step(
        torch.from_numpy(frames[0]).permute(2, 0, 1).float() / 255, {n: torch.from_numpy(m) for n, m in masks.items()}
    )
    found, expected = arrays.step(frames[1]), tensors.step(torch.from_numpy(frames[1]).permute(2, 0, 1))
    assert list(found) == ["a", "b", "c"] == list(expected)
    for name, probability in found.items():
        assert probability.dtype == torch.float32
        assert torch.equal(probability, expected[name])
        assert np.array_equal(probability.numpy(), found.numpy()[name])
    with pytest.raises(KeyError):
        found["d"]


def test_objects_enter_with_their_first_mask(engine, frames, masks):  # noqa: F811
    """Before any mask a prediction is empty; objects join in the order of their masks, and each from its own frame."""
    propagator = Propagator(engine)
    assert dict(propagator.step(frames[0])) == {} == propagator.step(frames[0], {}).numpy()
    assert list(propagator.step(frames[1], {"b": masks["b"]})) == ["b"]
    prediction = propagator.step(frames[2], {"a": masks["a"]})
    assert list(prediction) == ["b", "a"]
    assert torch.equal(prediction["a"] > 0, torch.from_numpy(masks["a"]))
    propagator.retire(["b"])
    after = propagator.step(frames[3])
    assert not after["b"].any()
    assert float(after["a"].max()) > 0.9
    with pytest.raises(KeyError):
        propagator.retire(["hero"])


def test_a_stream_and_numbered_frames_are_the_same(engine, frames, masks):  # noqa: F811
    """Without an index, frames count up from 0: the same frames are memorised."""
    settings = PropagationSettings(interval=3)
    counted, numbered = Propagator(engine, settings=settings), Propagator(engine, settings=settings)
    for index, frame in enumerate(frames):
        given = masks if index == 0 else None
        found, expected = counted.step(frame, given), numbered.step(frame, given)
        assert all(torch.equal(found[name], expected[name]) for name in masks)


def test_memory_stays_constant(engine, frames, masks, monkeypatch):  # noqa: F811
    """By default memory holds the frame with masks and two more, however many frames come."""
    elements, add = [], MemoryBank.add

    def counted(bank, *arguments, **named):
        add(bank, *arguments, **named)
        elements.append(bank.elements)

    monkeypatch.setattr(MemoryBank, "add", counted)
    propagator = Propagator(engine, settings=PropagationSettings(interval=1))
    propagator.step(frames[0], masks)
    for number in range(12):
        propagator.step(frames[number % 8])
    one = SIZE[0] * SIZE[1] // 256
    assert elements == [one, 2 * one, *[3 * one] * 11]


def test_the_internal_size_is_limited_by_default(engine, masks, monkeypatch):  # noqa: F811
    """An HD image is seen at 480 lines, and its probabilities have the size of the image."""
    seen, encode = [], engine.encode_key
    monkeypatch.setattr(
        engine, "encode_key", lambda image: seen.append(tuple(image.shape[-2:])) or encode(image), raising=False
    )
    image = np.zeros((540, 960, 3), np.float32)
    found = Propagator(engine).step(image, {"hero": np.eye(540, 960, dtype=bool)})
    assert seen == [(480, 864)]
    assert internal_size((540, 960), size="480") == (480, 853)
    assert found["hero"].shape == (540, 960) == found.numpy()["hero"].shape


def test_results_may_be_changed(engine, frames, masks):  # noqa: F811
    """A probability is the caller's own: changing it in place changes neither the prediction nor the next step."""
    propagator, untouched = Propagator(engine), Propagator(engine)
    for each in (propagator, untouched):
        each.step(frames[0], masks)
    prediction = propagator.step(frames[1])
    prediction["a"].zero_()
    prediction.numpy()["a"][:] = 0
    assert torch.equal(prediction["a"], untouched.step(frames[1])["a"])
    assert torch.equal(propagator.step(frames[2])["a"], untouched.step(frames[2])["a"])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full((*SIZE, 3), 255.0), "the image must have values in 0-1, got 255"),
        (np.zeros((3, *SIZE)), "array of shape"),
    ],
)
def test_a_refused_step_changes_nothing(engine, frames, masks, image, message):  # noqa: F811
    """After an error the stream goes on as if the step had not been taken."""
    propagator = Propagator(engine)
    with pytest.raises(ValueError, match=message):
        propagator.step(image, masks)
    assert dict(propagator.step(frames[0])) == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "size must be at least 1, got 0"),
        ({"interval": 0}, "interval must be at least 1"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"max_frames": -1}, "max_frames must be at least 1, got -1"),
    ],
)
def test_invalid_settings_are_refused(settings, message):
    """The error names the setting and its value."""
    with pytest.raises(ValueError, match=message):
        PropagationSettings(**settings)


@pytest.mark.parametrize(("device", "budget", "expected"), [("cpu", 8, 8), ("cuda", 8, 256), ("cuda", 512, 512)])
def test_a_gpu_reads_memory_in_larger_tiles(device, budget, expected):
    """Tiles that fit the cache of a CPU would leave a GPU idle."""
    settings = PropagationSettings(budget_bytes=budget << 20)
    assert settings.read_settings(torch.device(device)).budget_bytes == expected << 20
