"""Only where the memory says that an object may be is anything decoded, and nothing is lost by it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden.stand_in import golden_frames, golden_masks
from job.conftest import STARTER

from stcn_plugin.network.engine import Engine
from stcn_plugin.network.stcn import DecoderContext
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator
from stcn_plugin.propagation.region import Box, bounding_box, crop_context, crop_features, find_region, presence
from stcn_plugin.weights.reading import build_network, read_weights


@pytest.fixture(scope="module")
def engine():
    return Engine(build_network(read_weights(STARTER), device=torch.device("cpu")))


def test_presence_is_the_strongest_pixel_of_an_element():
    """One sure pixel anywhere in an element is enough for the object to be there."""
    probabilities = torch.zeros(2, 32, 48)
    probabilities[0, 31, 15] = 0.7
    probabilities[1, 0, 16:] = 0.2
    assert presence(probabilities)[:, 0].tolist() == [
        [[0, 0, 0], [pytest.approx(0.7), 0, 0]],
        [[0, pytest.approx(0.2), pytest.approx(0.2)], [0, 0, 0]],
    ]


def field(**patches: tuple[slice, slice, float]) -> np.ndarray:
    """A field of 40 x 60 key elements with rectangles of presence in it."""
    values = np.zeros((40, 60), np.float32)
    for rows, columns, value in patches.values():
        values[rows, columns] = value
    return values


def test_nowhere_is_no_region():
    """An object that resembles nothing in the frame is not decoded at all."""
    assert find_region(field()) == []
    assert find_region(field(chance=(slice(3, 5), slice(3, 5), 0.25))) == []


def test_a_patch_is_boxed_with_a_margin():
    """Five elements around what was found are decoded too, as far as the frame reaches."""
    assert find_region(field(object=(slice(10, 16), slice(20, 24), 0.9))) == [Box(5, 15, 21, 29)]
    assert find_region(field(corner=(slice(0, 2), slice(58, 60), 0.9))) == [Box(0, 52, 8, 60)]
    (odd,) = find_region(field(odd=(slice(10, 11), slice(0, 3), 0.9)))
    assert odd.bottom - odd.top == 12, "a size of eleven grows to the next even one"


def test_chance_likenesses_are_left_out():
    """A patch counts by its strongest element: faint ones alone do not, faint ones beside a strong one do."""
    sure = (slice(10, 16), slice(20, 24), 0.9)
    assert find_region(field(sure=sure, faint=(slice(30, 32), slice(50, 52), 0.25))) == find_region(field(sure=sure))
    assert find_region(field(sure=sure, faint=(slice(16, 20), slice(24, 26), 0.15))) == [Box(5, 15, 25, 31)]


def test_far_patches_have_boxes_of_their_own_and_near_ones_share():
    """Two patches become one box where that decodes no more than two would."""
    left, right = (slice(10, 14), slice(6, 10), 0.9), (slice(10, 14), slice(50, 54), 0.9)
    assert sorted(box.left for box in find_region(field(left=left, right=right))) == [1, 45]
    near = (slice(10, 14), slice(13, 17), 0.9)
    assert find_region(field(left=left, near=near)) == [Box(5, 1, 19, 22)]


def test_most_of_the_frame_is_all_of_it():
    """An object that fills the frame is decoded without cutting anything out."""
    assert find_region(field(large=(slice(2, 38), slice(4, 56), 0.9))) == [Box(0, 0, 40, 60)]


def test_crop_keeps_every_stride_in_register():
    """All parts of the context are cut at the same place of the picture."""
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


def test_a_box_is_found_again_within_the_bounding_box():
    """What is made for all boxes at once is cut where each of them lies in it."""
    boxes = [Box(1, 10, 9, 20), Box(8, 14, 18, 30)]
    outer = bounding_box(boxes)
    assert outer == Box(1, 10, 18, 30)
    assert [box.within(outer) for box in boxes] == [Box(0, 0, 8, 10), Box(7, 4, 17, 20)]


def test_the_context_of_a_region_is_that_of_the_whole_frame(engine):
    """Two elements from the edges, what is made of a cut is what is made of the frame; at the frame's own edges too."""
    images = torch.from_numpy(golden_frames(1, 320, 480)).permute(0, 3, 1, 2).float() / 255
    features = engine.encode_key(engine.normalise(images))
    whole = engine.share(features)
    for outer, box in ((Box(4, 6, 12, 20), Box(6, 8, 10, 18)), (Box(0, 22, 6, 30), Box(0, 24, 4, 30))):
        part = crop_context(engine.share(crop_features(features, outer)), box.within(outer))
        for found, expected in zip(part, crop_context(whole, box), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_region_gives_what_the_whole_frame_gives(engine):
    """Two objects in motion: the mattes are those of decoding whole frames, and far less is decoded."""
    images = torch.from_numpy(golden_frames(6, 320, 480)).permute(0, 3, 1, 2).float() / 255
    masks = torch.from_numpy(golden_masks(320, 480)).float()
    keyframe = {"a": masks[0], "b": masks[1]}
    found = []
    for region in (True, False):
        settings = PropagationSettings(interval=2, region=region)
        propagator = Propagator(engine, objects=["a", "b"], settings=settings)
        propagator.step(0, images[0], keyframe=keyframe)
        found.append(torch.stack([propagator.step(index, images[index]).own for index in range(1, 6)]))
    mattes = [((own - 0.15) / 0.7).clamp(0, 1) for own in found]  # as they are written by default
    difference = (mattes[0] - mattes[1]).abs()
    assert float(mattes[1].mean()) > 0.02, "the objects are there"
    assert float(difference.mean()) < 2e-3
    assert float((difference > 0.1).float().mean()) < 2e-3
    assert float((found[0] == 0).float().mean()) > 0.3, "most of the frame was left out"
