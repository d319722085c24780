"""The connectivity error compared with values computed by hand, and with a direct implementation of its definition."""

from __future__ import annotations

import numpy as np
import pytest

from stcn_plugin.evaluation.connectivity import connectivity_error


def parts(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    """Return the parts of a mask, joined along sides."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}
    found = []
    while left:
        part, front = set(), [left.pop()]
        while front:
            y, x = front.pop()
            part.add((y, x))
            near = {(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)} & left
            left -= near
            front += near
        found.append(part)
    return found


def published(matte: np.ndarray, truth: np.ndarray) -> float:
    """The definition, as it is commonly computed: thresholds in steps of 0.1, and a tolerance of 0.15."""
    level = -np.ones(matte.shape)
    for step in range(1, 11):
        both = (matte >= np.float32(step / 10)) & (truth >= np.float32(step / 10))
        largest = max(parts(both), key=len, default=set())
        inside = np.zeros(matte.shape, bool)
        for place in largest:
            inside[place] = True
        level[(level == -1) & ~inside] = (step - 1) / 10
    level[level == -1] = 1
    ours, theirs = (1 - (each - level) * (each - level >= 0.15) for each in (matte, truth))
    return float(np.abs(ours - theirs).sum()) / 1000


def test_a_detached_part_counts_with_its_value() -> None:
    """A speck of 3 pixels at 0.8, which the truth does not have, is 2.4 pixels; faint ones are within the tolerance."""
    truth = np.zeros((10, 20), np.float32)
    truth[2:8, 2:8] = 1
    matte = truth.copy()
    matte[4, 12:15] = 0.8
    assert connectivity_error(matte, truth) == pytest.approx(0.0024)
    matte[4, 12:15] = 0.1
    assert connectivity_error(matte, truth) == 0


def test_a_cut_detaches_what_is_beyond() -> None:
    """A bar of 10 pixels that is cut by one pixel loses the smaller part: 3 pixels, and the cut itself."""
    truth = np.zeros((3, 12), np.float32)
    truth[1, 1:11] = 1
    matte = truth.copy()
    matte[1, 7] = 0
    # Beyond the cut both have the same value, so both are disconnected to the same degree; the cut itself is 1 in the truth.
    assert connectivity_error(matte, truth) == pytest.approx(0.001)
    matte[1, 8:11] = 0.5
    assert connectivity_error(matte, truth) == pytest.approx(0.001 + 3 * 0.5e-3)


def test_soft_values_at_the_object_are_connected() -> None:
    """A soft edge beside the object has its own level, and differences up to the tolerance do not count."""
    truth = np.zeros((6, 12), np.float32)
    truth[:, :6], truth[:, 6] = 1, 0.55
    matte = truth.copy()
    matte[:, 6] = 0.62
    assert connectivity_error(matte, truth) == 0


@pytest.mark.parametrize("seed", range(6))
def test_it_equals_the_definition(seed: int) -> None:
    """On smooth random mattes, at odd sizes."""
    from scipy.ndimage import gaussian_filter

    generator = np.random.default_rng(seed)
    shape = (23, 31)
    truth, matte = (
        np.clip(0.5 + 2.5 * gaussian_filter(generator.normal(0, 1, shape), 2), 0, 1).astype(np.float32) for _ in "ab"
    )
    assert published(matte, truth) > 0.01
    assert connectivity_error(matte, truth) == pytest.approx(published(matte, truth), rel=1e-6)


def test_empty_mattes_are_equally_connected() -> None:
    """Neither has anything; and a matte without any object in the truth is detached everywhere."""
    empty = np.zeros((5, 7), np.float32)
    assert connectivity_error(empty, empty) == 0
    assert connectivity_error(np.full_like(empty, 0.5), empty) == pytest.approx(5 * 7 * 0.5e-3)
