"""Grey haze: a matte that is soft where the object is sharp and the plate has detail."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stcn_plugin.matte.guard import Guard
from stcn_plugin.matte.haze import Haze
from stcn_plugin.matte.refinement import ObjectEdge, Refiner
from stcn_plugin.network.edges import EdgeNetwork

SIDE = 160
EVERYTHING = slice(0, SIDE), slice(0, SIDE)
CHECKS = np.kron(np.indices((SIDE // 4, SIDE // 4)).sum(0) % 2, np.ones((4, 4))).astype(np.float32)


def ramp(width):
    """Return a vertical edge in the middle, as a linear ramp of a width in pixels."""
    return np.clip((np.arange(SIDE, dtype=np.float32) - SIDE / 2) / width + 0.5, 0, 1) + np.zeros((SIDE, 1), np.float32)


def hazy(matte, plate, width, parts=(EVERYTHING,)):
    """Return the cells that are hazy; the plate has one channel."""
    guard, haze = Guard((SIDE // 8, SIDE // 8)), Haze((SIDE // 8, SIDE // 8))
    alpha = torch.from_numpy(np.ascontiguousarray(matte, np.float32))
    rgb = torch.from_numpy(np.ascontiguousarray(plate, np.float32)).expand(3, -1, -1)
    for part in parts:
        guard.add(part, rgb[:, part[0], part[1]], alpha[part], alpha[part])
        haze.add(part, alpha[part])
    return haze.cells(guard.verdict(1.0).detail, width).numpy()


def test_an_edge_is_hazy_if_it_is_twice_as_wide_as_that_of_the_keyframe():
    """A ramp of 40 pixels over fine detail, around its middle; not if the edge of the keyframe is 26 pixels wide."""
    found = hazy(ramp(40), CHECKS, 18.0)
    assert found[:, 9:11].all()
    assert not found[:, :5].any()
    assert not found[:, 15:].any()
    assert not hazy(ramp(40), CHECKS, 26.0).any()


def test_a_soft_object_is_not_hazy():
    """Defocus, fur or a transparent edge, where the keyframe is as soft; nor is the edge of a sharp object."""
    assert not hazy(ramp(60), CHECKS, 60.0).any()
    assert not hazy(ramp(3), CHECKS, 1.0).any()
    assert not hazy(CHECKS, CHECKS, 1.0).any()


def test_a_flat_grey_is_hazy_whatever_the_width():
    assert hazy(np.full((SIDE, SIDE), 0.4), CHECKS, 50.0).all()
    assert not hazy(np.full((SIDE, SIDE), 0.05), CHECKS, 1.0).any()


@pytest.mark.parametrize(("noise", "is_hazy"), [(0.0, False), (0.02, False), (0.06, True)])
def test_plain_surfaces_and_grain_are_no_detail(noise, is_hazy):
    """The noise of each channel is the same here. A variance of 0.0012 is grain, one of 0.0108 is detail."""
    plate = 0.4 + np.random.default_rng(1).normal(0, noise, (SIDE, SIDE))
    assert bool(hazy(ramp(40), plate, 1.0)[:, 8:12].mean() > 0.5) == is_hazy


def test_haze_does_not_depend_on_tiles():
    rng = np.random.default_rng(2)
    matte = np.kron(rng.random((20, 20)), np.ones((8, 8))) * 0.2 + 0.4
    plate = CHECKS * np.kron(rng.random((5, 5)), np.ones((32, 32))) * 0.3
    whole = hazy(matte, plate, 1.0)
    assert 0.1 < whole.mean() < 0.9
    halves = [(slice(80, 160), slice(0, SIDE)), (slice(0, 80), slice(0, 48)), (slice(0, 80), slice(48, SIDE))]
    np.testing.assert_array_equal(hazy(matte, plate, 1.0, halves), whole)


def test_only_what_was_added_is_hazy():
    part = slice(0, 80), slice(0, SIDE)
    found = hazy(np.full((SIDE, SIDE), 0.5), CHECKS, 1.0, [part])
    assert found[:10].all()
    assert not found[10:].any()


def test_the_last_cells_of_a_frame_may_be_smaller():
    haze, matte = Haze((2, 3)), torch.full((13, 21), 0.5)
    haze.add((slice(0, 13), slice(0, 21)), matte)
    assert haze.cells(torch.full((2, 3), 0.01), 1.0).all()


class Grey(EdgeNetwork):
    """A network that finds nothing: alpha is a wide ramp."""

    def forward(self, rgb, probability, conditions):
        return ((probability - 0.15) / 0.7).clamp(0, 1)


@pytest.mark.parametrize(("width", "least", "most"), [(2.0, 0.2, 0.4), (60.0, 0.0, 0.0)])
def test_haze_is_in_the_report(width, least, most):
    """It counts as doubtful. The same matte of an object that is soft on its keyframe is not hazy."""
    plate, probability = np.repeat(CHECKS[..., None], 3, 2), 0.15 + 0.7 * ramp(60)
    refiner, each = Refiner(Grey()), ObjectEdge("network", 3.0, width)
    _, [report] = refiner.refine(probability[None], lambda rows, columns: plate[rows, columns], [each])
    assert least <= report.hazy <= most
    assert report.hazy <= report.doubtful <= 1.0
