"""Finishing: matte levels, cleaning of several objects, keyframes, and the sum over objects."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stcn_plugin.matte.edges import feather, grow
from stcn_plugin.matte.finishing import clean, cleans, finish, with_keyframe
from stcn_plugin.presets.matte import Matte


def levels(black, white, objects=1):
    """Return settings with matte levels alone."""
    return [Matte(black=black, white=white)] * objects


def test_finish_applies_matte_levels_exactly():
    """Up to black is exactly 0, from white up exactly 1, and the middle is 0.5."""
    own = torch.tensor([[[0.0, 0.05, 0.5, 0.95, 1.0]]])
    assert finish(own, settings=levels(0.05, 0.95)).flatten().tolist() == pytest.approx([0, 0, 0.5, 1, 1])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_finish_keeps_0_and_1_exactly(value):
    """Without matte levels."""
    assert torch.equal(finish(torch.full((1, 9, 12), value), settings=levels(0, 1)), torch.full((1, 9, 12), value))


def test_finish_limits_the_sum_to_one():
    """Overlapping objects share a pixel in proportion."""
    own = torch.tensor([0.9, 0.6, 0.3])[:, None, None].expand(3, 2, 2)
    mattes = finish(own.clone(), settings=levels(0, 1, 3))
    assert mattes[:, 0, 0].tolist() == pytest.approx([0.5, 1 / 3, 1 / 6])
    untouched = finish(own[1:].clone(), settings=levels(0, 1, 2))
    assert untouched[:, 0, 0].tolist() == pytest.approx([0.6, 0.3])


@pytest.mark.parametrize("objects", [1, 2, 3, 5])
@pytest.mark.parametrize("settings", [Matte(), Matte(grow=1)])
def test_finish_works_in_place(objects, settings):
    """The mattes equal the formula for any number of objects, and are the tensor that was given."""
    own = torch.rand(objects, 12, 18, generator=torch.Generator().manual_seed(0))
    clipped = ((own - 0.15) / (0.85 - 0.15)).clamp(0, 1)
    expected = clipped / clipped.sum(0).clamp(min=1)
    mattes = finish(own, settings=[settings] * objects)
    assert mattes is own
    if not cleans(settings):
        assert torch.equal(mattes, expected)
    elif objects == 1:
        np.testing.assert_array_equal(mattes[0], grow(expected[0].numpy(), 1))


def test_keyframe_replaces_and_attenuates_others():
    """The artist's matte is unchanged; the other mattes are 0 where it is opaque."""
    propagated = {"a": np.full((1, 3), 0.5, np.float32), "b": np.array([[0.8, 0.8, 0.8]], np.float32)}
    artist = {"a": np.array([[0, 0.25, 1]], np.float32)}
    mattes = with_keyframe(propagated, artist)
    np.testing.assert_array_equal(mattes["a"], artist["a"])
    np.testing.assert_allclose(mattes["b"], [[0.8, 0.6, 0]], atol=1e-6)
    assert with_keyframe(propagated, {})["b"] is propagated["b"]


def test_overlapping_keyframes_are_scaled_only_where_they_overlap():
    """Two mattes of the artist with a sum above 1 share the pixel."""
    artist = {"a": np.array([[1, 1, 0.5]], np.float32), "b": np.array([[0, 1, 0.25]], np.float32)}
    mattes = with_keyframe({name: np.zeros((1, 3), np.float32) for name in "ab"}, artist)
    np.testing.assert_allclose(mattes["a"], [[1, 0.5, 0.5]])
    np.testing.assert_allclose(mattes["b"], [[0, 0.5, 0.25]])


def discs(*centres, radius=20.0, softness=4.0):
    """Return soft discs in a frame of 64 x 96 as probabilities."""
    y, x = np.mgrid[:64, :96]
    found = [np.clip((radius - np.hypot(y - cy, x - cx)) / softness + 0.5, 0, 1) for cy, cx in centres]
    return torch.from_numpy(np.array(found, np.float32))


def test_settings_are_per_object():
    """An object is cleaned with its own settings and levels; the others do not change."""
    own = discs((32, 22), (32, 74))
    plain = finish(own.clone(), settings=[Matte(), Matte()])
    mixed = finish(own.clone(), settings=[Matte(grow=-3), Matte(black=0, white=1)])
    alone = finish(own[:1].clone(), settings=[Matte(grow=-3)])
    assert torch.equal(mixed[0], alone[0])
    assert torch.equal(mixed[1], own[1])
    assert float(plain[0].sum()) > float(mixed[0].sum()) > 0


def test_a_growing_object_takes_what_the_others_leave():
    """Where two objects meet, neither pushes the other away, and the sum is at most 1."""
    own = discs((32, 28), (32, 66))
    before = finish(own.clone(), settings=[Matte(), Matte()])
    grown = finish(own.clone(), settings=[Matte(grow=6), Matte()])
    assert torch.equal(grown[1], before[1])
    assert bool((grown[0] >= before[0]).all())
    assert float(grown.sum(0).max()) <= 1 + 1e-6
    alone = finish(own[:1].clone(), settings=[Matte(grow=6)])[0]
    assert bool((grown[0] < alone).any()), "the objects do not meet"
    torch.testing.assert_close(grown[0], torch.minimum(alone, 1 - before[1]))


def test_a_growing_object_takes_what_a_shrinking_one_gives_up():
    """The contour between two objects can be moved."""
    half = torch.zeros(2, 20, 40)
    half[0, :, :20], half[1, :, 20:] = 1, 1
    moved = finish(half, settings=[Matte(grow=3), Matte(grow=-3)])
    assert moved[0, 10].tolist() == [1] * 23 + [0] * 17
    assert torch.equal(moved.sum(0), torch.ones(20, 40))


def test_two_growing_objects_share_the_gap():
    """In proportion to what each would gain."""
    gap = torch.zeros(2, 20, 40)
    gap[0, :, :18], gap[1, :, 22:] = 1, 1
    moved = finish(gap, settings=[Matte(grow=4), Matte(grow=4)])
    assert moved[0, 10, 17:23].tolist() == [1, 0.5, 0.5, 0.5, 0.5, 0]
    assert torch.equal(moved.sum(0), torch.ones(20, 40))


@pytest.mark.parametrize(
    "settings",
    [
        Matte(grow=2.5),
        Matte(grow=-2.5),
        Matte(feather=5),
        Matte(feather=5, feather_side="outside"),
        Matte(fill_holes=40),
    ],
)
def test_sums_of_noise_are_at_most_one(settings):
    """Three objects, with random values."""
    own = torch.rand(3, 60, 100, generator=torch.Generator().manual_seed(1))
    mattes = finish(own, settings=[settings, Matte(grow=1), settings])
    assert float(mattes.min()) >= 0
    assert float(mattes.sum(0).max()) <= 1 + 1e-6


def test_the_order_is_specks_holes_grow_feather():
    """A speck is not grown, and a hole is filled before shrinking enlarges it."""
    matte = np.zeros((60, 60), np.float32)
    matte[10:50, 10:50] = 1
    matte[29:31, 29:31] = 0
    matte[3:5, 3:5] = 1
    settings = Matte(remove_specks=4, fill_holes=4, grow=-3, feather=2)
    solid = np.zeros_like(matte)
    solid[10:50, 10:50] = 1
    np.testing.assert_array_equal(clean(matte, settings), feather(grow(solid, -3), 2))
    assert clean(matte, Matte()) is matte
