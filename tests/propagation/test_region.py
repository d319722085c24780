"""Only regions that may hold an object are decoded, with the same result as whole frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden.stand_in import golden_frames, golden_masks
from job.conftest import STARTER

from stcn_plugin.network.blocks import DecoderContext
from stcn_plugin.network.engine import Engine
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator
from stcn_plugin.propagation.region import Box, bounding_box, crop_context, crop_features, find_region, presence
from stcn_plugin.weights.reading import build_network, read_weights


@pytest.fixture(scope="module")
def engine():
    return Engine(build_network(read_weights(STARTER), device=torch.device("cpu")))


def test_presence_is_the_maximum_of_an_element():
    """One certain pixel anywhere in an element marks the object as present."""
    probabilities = torch.zeros(2, 32, 48)
    probabilities[0, 31, 15] = 0.7
    probabilities[1, 0, 16:] = 0.2
    assert presence(probabilities)[:, 0].tolist() == [
        [[0, 0, 0], [pytest.approx(0.7), 0, 0]],
        [[0, pytest.approx(0.2), pytest.approx(0.2)], [0, 0, 0]],
    ]


def field(**patches: tuple[slice, slice, float]) -> np.ndarray:
    """40 x 60 key elements with rectangles of presence."""
    values = np.zeros((40, 60), np.float32)
    for rows, columns, value in patches.values():
        values[rows, columns] = value
    return values


def test_an_object_that_is_not_found_has_no_region():
    """An object without a match in the frame is not decoded."""
    assert find_region(field()) == []
    assert find_region(field(chance=(slice(3, 5), slice(3, 5), 0.25))) == []


def test_a_patch_has_a_margin():
    """The box has five more elements on each side, within the frame."""
    assert find_region(field(object=(slice(10, 16), slice(20, 24), 0.9))) == [Box(5, 15, 21, 29)]
    assert find_region(field(corner=(slice(0, 2), slice(58, 60), 0.9))) == [Box(0, 52, 8, 60)]
    (odd,) = find_region(field(odd=(slice(10, 11), slice(0, 3), 0.9)))
    assert odd.bottom - odd.top == 12, "a size of 11 is rounded up to the next even one"


def test_chance_matches_are_ignored():
    """A patch counts if its strongest element does: faint elements alone are ignored, those next to a strong one are not."""
    sure = (slice(10, 16), slice(20, 24), 0.9)
    assert find_region(field(sure=sure, faint=(slice(30, 32), slice(50, 52), 0.25))) == find_region(field(sure=sure))
    assert find_region(field(sure=sure, faint=(slice(16, 20), slice(24, 26), 0.15))) == [Box(5, 15, 25, 31)]


def test_near_patches_share_a_box_and_far_ones_do_not():
    """Two patches become one box if its area is not larger than both."""
    left, right = (slice(10, 14), slice(6, 10), 0.9), (slice(10, 14), slice(50, 54), 0.9)
    assert sorted(box.left for box in find_region(field(left=left, right=right))) == [1, 45]
    near = (slice(10, 14), slice(13, 17), 0.9)
    assert find_region(field(left=left, near=near)) == [Box(5, 1, 19, 22)]


def test_a_large_object_is_decoded_in_the_whole_frame():
    """If the box would cover most of the frame, the whole frame is decoded."""
    assert find_region(field(large=(slice(2, 38), slice(4, 56), 0.9))) == [Box(0, 0, 40, 60)]


def test_all_strides_are_cropped_to_the_same_area():
    """All parts of the context cover the same pixels."""
    ramp = torch.arange(40.0)[:, None] * 1000 + torch.arange(60)
    context = DecoderContext(
        ramp[None, None],
        -ramp[None, None],
        ramp.repeat_interleave(2, 0).repeat_interleave(2, 1)[None, None],
        ramp.repeat_interleave(4, 0).repeat_interleave(4, 1)[None, None],
    )
    part = crop_context(context, Box(6, 16, 20, 28))
    expected = ramp[6:20, 16:28]
    assert torch.equal(part.residual[0, 0], expected)
    assert torch.equal(part.identity[0, 0], -expected)
    assert torch.equal(part.skip8[0, 0, ::2, 1::2], expected)
    assert torch.equal(part.skip4[0, 0, 3::4, ::4], expected)


def test_a_box_relative_to_the_bounding_box():
    """Features of the bounding box are cropped at the relative position of each box."""
    boxes = [Box(1, 10, 9, 20), Box(8, 14, 18, 30)]
    outer = bounding_box(boxes)
    assert outer == Box(1, 10, 18, 30)
    assert [box.within(outer) for box in boxes] == [Box(0, 0, 8, 10), Box(7, 4, 17, 20)]


def test_the_context_of_a_region_equals_that_of_the_whole_frame(engine):
    """From two elements inside the crop, and at the edges of the frame, the context is that of the whole frame."""
    images = torch.from_numpy(golden_frames(1, 320, 480)).permute(0, 3, 1, 2).float() / 255
    features = engine.encode_key(engine.normalise(images))
    whole = engine.decoder_context(features)
    for outer, box in ((Box(4, 6, 12, 20), Box(6, 8, 10, 18)), (Box(0, 22, 6, 30), Box(0, 24, 4, 30))):
        part = crop_context(engine.decoder_context(crop_features(features, outer)), box.within(outer))
        for found, expected in zip(part, crop_context(whole, box), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_region_decoding_gives_the_mattes_of_whole_frames(engine):
    """Two moving objects: nearly the same mattes, and far less is decoded."""
    images = torch.from_numpy(golden_frames(6, 320, 480)).permute(0, 3, 1, 2).float() / 255
    masks = torch.from_numpy(golden_masks(320, 480)).float()
    keyframe = {"a": masks[0], "b": masks[1]}
    found = []
    for region in (True, False):
        settings = PropagationSettings(interval=2, region=region)
        propagator = Propagator(engine, objects=["a", "b"], settings=settings)
        propagator.step(images[0], keyframe)
        found.append(torch.stack([propagator.step(images[index]).own for index in range(1, 6)]))
    mattes = [((own - 0.15) / 0.7).clamp(0, 1) for own in found]  # default matte levels
    difference = (mattes[0] - mattes[1]).abs()
    assert float(mattes[1].mean()) > 0.02, "the objects are visible"
    assert float(difference.mean()) < 2e-3
    assert float((difference > 0.1).float().mean()) < 2e-3
    assert float((found[0] == 0).float().mean()) > 0.3, "most of the frame was not decoded"
