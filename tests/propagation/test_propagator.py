"""The result of a step, and how objects enter and leave."""

from __future__ import annotations

import pytest
import torch
from golden.stand_in import golden_frames, golden_masks
from torch.overrides import TorchFunctionMode

from stcn_plugin.network.engine import Engine
from stcn_plugin.network.stcn import STCN
from stcn_plugin.network.variants import LITE
from stcn_plugin.propagation.aggregation import aggregate
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(5)
    return STCN(LITE).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def engine(network):
    return Engine(network)


@pytest.fixture(scope="module")
def images():
    return torch.from_numpy(golden_frames(6, 50, 70)).permute(0, 3, 1, 2).float() / 255


@pytest.fixture(scope="module")
def masks():
    return torch.from_numpy(golden_masks(50, 70)).float()


def test_aggregation_sharpens_as_published():
    """A single object of .6 becomes .692, .7 becomes .845, .3 becomes .155."""
    found = aggregate(torch.tensor([0.6, 0.7, 0.3])[None, None])[1, 0]
    assert found.tolist() == pytest.approx([0.692, 0.845, 0.155], abs=5e-4)


def test_aggregation_sums_to_one_without_nan():
    """Any probabilities, including 0 and 1, become one distribution without NaN."""
    generator = torch.Generator().manual_seed(0)
    own = torch.rand(3, 9, 9, generator=generator).round(decimals=1)
    torch.testing.assert_close(aggregate(own).sum(0), torch.ones(9, 9))


def test_keyframe_step_returns_the_masks(engine, images, masks):
    """On a keyframe the probability of an object is its mask, at the size of the image; others are 0."""
    propagator = Propagator(engine, objects=["a", "b"], settings=PropagationSettings())
    prediction = propagator.step(images[0], {"b": masks[1]})
    assert torch.equal(prediction.own[1], masks[1])
    assert not prediction.own[0].any()
    assert propagator.in_play == (1,)


def test_predict_is_a_step_that_changes_nothing(engine, images, masks):
    """The same bits as a step, also for the image of the keyframe itself, and later steps are as without it."""
    propagator, reference, last = (Propagator(engine, settings=PropagationSettings(interval=2)) for _ in range(3))
    for each in (propagator, reference, last):
        each.step(images[0], dict(zip("abc", masks, strict=True)))
    found = propagator.predict(images[0])
    assert (found.objects, found.own.shape) == (("a", "b", "c"), masks.shape)
    assert torch.equal(found.own, last.step(images[0]).own)
    assert not torch.equal(found.own, masks)
    for image in images[1:]:
        found = propagator.predict(image)
        expected = reference.step(image)
        assert torch.equal(found.own, expected.own)
        assert torch.equal(propagator.step(image).own, expected.own)


def test_retired_objects_do_not_affect_the_others(engine, images, masks):
    """A retired object is 0, and the others have the same values as with it."""
    together = Propagator(engine, objects=["a", "b", "c"], settings=PropagationSettings(interval=99))
    together.step(images[0], dict(zip("abc", masks, strict=True)))
    together.retire(["b"])
    found = together.step(images[1])
    assert together.in_play == (0, 2)
    assert not found.own[1].any()
    reference = Propagator(engine, objects=["a", "b", "c"], settings=PropagationSettings(interval=99))
    reference.step(images[0], dict(zip("abc", masks, strict=True)))
    expected = reference.step(images[1])
    torch.testing.assert_close(found.own[[0, 2]], expected.own[[0, 2]])
    together.retire(["a", "c"])
    assert together.in_play == ()
    assert not together.step(images[2]).own.any()


def test_a_second_keyframe_replaces_an_object(engine, images, masks):
    """A later mask replaces the prediction of its object and is removed from the others."""
    propagator = Propagator(engine, objects=["a", "b"], settings=PropagationSettings())
    propagator.step(images[0], {"a": masks[0], "b": masks[1]})
    corrected = propagator.step(images[1], {"a": masks[2]})
    assert torch.equal(corrected.own[0], masks[2])
    assert not corrected.own[1][masks[2] > 0].any()
    assert set(propagator.in_play) == {0, 1}


def test_a_second_keyframe_starts_its_object_afresh(engine, images, masks):
    """From then on, its result is the one without the first keyframe, bit for bit."""
    settings = PropagationSettings(interval=1, region=False)
    found = []
    for first in (masks[0], masks[1]):
        propagator = Propagator(engine, objects=["a"], settings=settings)
        propagator.step(images[0], {"a": first})
        propagator.step(images[1])
        propagator.step(images[2], {"a": masks[2]})
        found.append(torch.stack([propagator.step(images[index]).own for index in (3, 4)]))
    alone = Propagator(engine, objects=["a"], settings=settings)
    alone.step(images[2], {"a": masks[2]})
    found.append(torch.stack([alone.step(images[index]).own for index in (3, 4)]))
    assert found[0].any()
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_the_other_objects_keep_their_memory(engine, images, masks):
    """A keyframe of one object does not empty the memory of another."""
    settings = PropagationSettings(interval=99, region=False)
    propagator = Propagator(engine, objects=["a", "b"], settings=settings)
    propagator.step(images[0], {"a": masks[0], "b": masks[1]})
    propagator.step(images[1], {"a": masks[2]}, memorise=False)
    assert propagator.in_play == (1, 0)
    with pytest.raises(ValueError, match="nothing has been memorised"):
        propagator.step(images[2])


def test_the_order_of_objects_does_not_matter(engine, images, masks):
    """Another order of the objects only permutes the result."""
    settings = PropagationSettings(interval=2)
    one = Propagator(engine, objects=["a", "b"], settings=settings)
    other = Propagator(engine, objects=["b", "a"], settings=settings)
    for index, image in enumerate(images):
        keyframe = {"a": masks[0], "b": masks[1]} if index == 0 else {}
        first = one.step(image, keyframe)
        second = other.step(image, dict(reversed(keyframe.items())))
        torch.testing.assert_close(first.own, second.own.flip(0), atol=1e-5, rtol=1e-4)


def test_bfloat16_is_close_to_float32(network, images, masks):
    """bfloat16 changes the mean probability by less than 2 %."""
    found = []
    for precision in (torch.float32, torch.bfloat16):
        propagator = Propagator(Engine(network, precision=precision), objects=["a"], settings=PropagationSettings())
        propagator.step(images[0], {"a": masks[0]})
        found.append(propagator.step(images[1]).own)
    assert found[1].dtype == torch.float32
    assert float((found[0] - found[1]).abs().mean()) < 0.02


class FromPython(TorchFunctionMode):
    """Records every tensor created from Python numbers, since creating one makes a GPU wait."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        is_indexed = func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__)
        makers = (torch.tensor, torch.as_tensor, torch.from_numpy, torch.Tensor.new_tensor)
        if func in makers or (is_indexed and isinstance(args[1], list)):
            self.found.append(func.__name__)
        return func(*args, **(kwargs or {}))


def test_a_step_copies_nothing_to_the_device(engine, images, masks):
    """When decoding whole frames, only a change of the objects in play is copied to the device."""
    settings = PropagationSettings(interval=1, region=False)
    propagator = Propagator(engine, objects=["a", "b"], settings=settings)
    with FromPython() as coming:
        propagator.step(images[0], {"b": masks[1], "a": masks[0]})
    assert coming.found == ["tensor"]
    with FromPython() as staying:
        propagator.retire([])
        propagator.step(images[1])
        propagator.step(images[2])
    assert staying.found == []
    with FromPython() as again:
        propagator.step(images[2], {"a": masks[0]})
        propagator.step(images[3])
    assert again.found == ["tensor"]
    propagator.retire(["b"])
    assert propagator.step(images[4]).own.flatten(1).any(1).tolist() == [True, False]
    with FromPython() as gone:
        propagator.retire(["b"])  # again, as a job does for every frame after the end of an object
        propagator.step(images[5])
    assert gone.found == []


def test_objects_that_are_propagated_elsewhere_are_not_background(engine, images, masks):
    """Their probabilities have the effect on the memory that the objects themselves have."""
    settings = PropagationSettings(interval=10, region=False)
    together, alone, unaware = (Propagator(engine, settings=settings) for _ in range(3))
    together.step(images[0], {"a": masks[0], "b": masks[1]})
    alone.step(images[0], {"a": masks[0]}, others=masks[1:2])
    unaware.step(images[0], {"a": masks[0]})
    expected = together.step(images[1])["a"]
    difference, without = (float((each.step(images[1])["a"] - expected).abs().max()) for each in (alone, unaware))
    assert difference < 0.1 * without, "this network has random weights, so the effect is small"
