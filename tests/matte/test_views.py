"""Enlargement and blending of what the passes found in windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from stcn_plugin.matte.views import View, add_enlarged, blend, response_of, sample
from stcn_plugin.response import KNOTS, Response
from stcn_plugin.window import Window

SHAPE = 120, 200
WHOLE = Window(0, 0, 200, 120)
COARSE = 30, 50


def view(seed: int, window: Window, size: tuple[int, int], *names: str) -> View:
    """Return a view of random probabilities."""
    generator = np.random.default_rng(seed)
    return View(window, {name: generator.random(size).astype(np.float16) for name in names})


def enlarged(plane: np.ndarray, size: tuple[int, int], number: torch.dtype = torch.float64) -> Tensor:
    """Return a whole plane at another size, by torch."""
    tensor = torch.from_numpy(plane.astype(np.float32)).to(number)
    return functional.interpolate(tensor[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]


def fade(window: Window, plane: np.ndarray) -> Tensor:
    """Return the weight of a window, pixel by pixel: one key element of 16 pixels of the network at inner borders."""
    down, across = window.height / plane.shape[0], window.width / plane.shape[1]
    weights = torch.zeros(window.shape, dtype=torch.float64)
    for row in range(window.height):
        for column in range(window.width):
            distances = [1.0]
            if window.y > 0:
                distances.append((row + 0.5) / (16 * down))
            if window.bottom < SHAPE[0]:
                distances.append((window.height - row - 0.5) / (16 * down))
            if window.x > 0:
                distances.append((column + 0.5) / (16 * across))
            if window.right < SHAPE[1]:
                distances.append((window.width - column - 0.5) / (16 * across))
            weights[row, column] = min(distances)
    return weights


def expected(views: list[View], name: str) -> Tensor:
    """Return what a pass found of an object, over the whole plate."""
    frame, *windows = [each for each in views if name in each.planes]
    found = enlarged(frame.planes[name], SHAPE)
    for each in windows:
        plane, place = each.planes[name], each.window.slices_in(WHOLE)
        weight = fade(each.window, plane)
        found[place] = found[place] * (1 - weight) + enlarged(plane, each.window.shape) * weight
    return found


INNER = Window(40, 30, 80, 60)
CORNER = Window(120, 72, 80, 48)
WIDE = Window(0, 24, 200, 64)


@pytest.mark.parametrize("size", [(120, 200), (240, 400), (45, 75), (30, 50)])
@pytest.mark.parametrize("objects", [1, 3])
def test_the_whole_frame_is_enlarged_as_by_torch(size, objects):
    """The bits of torch's bilinear enlargement, one pass alone and the weighted sum of two."""
    names = list("abc")[:objects]
    first, second = view(1, WHOLE, COARSE, *names), view(2, WHOLE, COARSE, *names)
    alone = blend([([first], dict.fromkeys(names, 1.0))], names, shape=SHAPE, size=size)
    for own, name in zip(alone, names, strict=True):
        assert torch.equal(own, enlarged(first.planes[name], size, torch.float32))
    weights = {name: 0.25 * (1 + number) for number, name in enumerate(names)}
    others = {name: 1 - weight for name, weight in weights.items()}
    both = blend([([first], weights), ([second], others)], names, shape=SHAPE, size=size)
    for own, name in zip(both, names, strict=True):
        planes = [enlarged(each.planes[name], size, torch.float32) for each in (first, second)]
        torch.testing.assert_close(own, weights[name] * planes[0] + others[name] * planes[1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("windows", [(), (INNER,), (CORNER,)])
def test_0_and_1_remain_exact(value, windows):
    """Enlarged, within windows and at their borders."""
    views = [View(WHOLE, {"a": np.full(COARSE, value, np.float16)})]
    views += [View(window, {"a": np.full((33, 47), value, np.float16)}) for window in windows]
    found = blend([(views, {"a": 1.0})], ["a"], shape=SHAPE, size=SHAPE)
    assert torch.equal(found, torch.full((1, *SHAPE), value))


def test_edges_do_not_shift():
    """A centred edge stays centred, and a ramp stays a ramp."""
    ramp = np.broadcast_to(np.linspace(0, 1, 12), (4, 12)).astype(np.float32).astype(np.float16)
    large = blend([([View(Window(0, 0, 48, 16), {"a": ramp})], {"a": 1.0})], ["a"], shape=(16, 48), size=(16, 48))[0]
    torch.testing.assert_close(large, 1 - large.flip(1), rtol=0, atol=1e-3)  # half floats
    # At 4 times the size, pixel x is at (x + .5) / 4 - .5.
    inside = torch.arange(4, 44)
    torch.testing.assert_close(large[0, inside], ((inside + 0.5) / 4 - 0.5) / 11, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("window", "size"),
    [
        (INNER, (60, 80)),
        (INNER, (40, 55)),
        (CORNER, (40, 66)),
        (WIDE, (32, 100)),
        (Window(0, 0, 100, 120), (60, 50)),
        (Window(160, 0, 40, 30), (30, 40)),
    ],
    ids=str,
)
def test_a_window_replaces_the_whole_frame(window, size):
    """It fades over one key element at its borders, but not at those of the frame."""
    views = [view(1, WHOLE, COARSE, "a"), view(2, window, size, "a")]
    found = blend([(views, {"a": 1.0})], ["a"], shape=SHAPE, size=SHAPE)[0]
    torch.testing.assert_close(found.double(), expected(views, "a"), rtol=0, atol=1e-6)


def test_values_at_the_borders_of_a_window():
    """Independent of the formula: 1 in the middle and at the border of the frame, half way in the middle of the fade."""
    size = (96, 160)  # half of the plate's pixels, so that a key element is 32 of them
    shape = (192, 320)
    views = [
        View(Window(0, 0, 320, 192), {"a": np.zeros((24, 40), np.float16)}),
        View(Window(128, 0, 192, 192), {"a": np.ones((96, 96), np.float16)}),
    ]
    assert size == tuple(extent // 2 for extent in shape)
    (found,) = blend([(views, {"a": 1.0})], ["a"], shape=shape, size=shape)
    assert not found[:, :128].any()
    torch.testing.assert_close(found[:, 128:160], ((torch.arange(32) + 0.5) / 32).expand(192, 32))
    assert torch.equal(found[:, 160:], torch.ones(192, 160))


def test_a_window_has_no_effect_on_other_objects():
    """An object that is not in it comes from the whole frame."""
    views = [view(1, WHOLE, COARSE, "a", "b"), view(2, INNER, (60, 80), "a")]
    found = blend([(views, {"a": 1.0, "b": 1.0})], ["b", "a"], shape=SHAPE, size=SHAPE)
    assert torch.equal(found[0], enlarged(views[0].planes["b"], SHAPE, torch.float32))
    torch.testing.assert_close(found[1].double(), expected(views, "a"), rtol=0, atol=1e-6)


def test_both_directions_with_different_windows():
    """Each has its own windows, or none; an object may be in one direction only."""
    forward = [view(1, WHOLE, COARSE, "a", "b", "c"), view(2, INNER, (60, 80), "a"), view(3, CORNER, (48, 80), "b")]
    backward = [view(4, WHOLE, (60, 100), "a", "b"), view(5, WIDE, (32, 100), "a", "b")]
    passes = [(forward, {"a": 0.3, "b": 0.0, "c": 1.0}), (backward, {"a": 0.7, "b": 1.0, "c": 0.0})]
    found = blend(passes, ["a", "b", "c", "d"], shape=SHAPE, size=SHAPE)
    a = 0.3 * expected(forward, "a") + 0.7 * expected(backward, "a")
    for own, truth in zip(found, [a, expected(backward, "b"), expected(forward, "c")], strict=False):
        torch.testing.assert_close(own.double(), truth, rtol=0, atol=1e-6)
    assert not found[3].any()


def test_one_direction_with_a_window_and_one_without():
    """Where only one of them has a window."""
    forward, backward = [view(1, WHOLE, COARSE, "a")], [view(4, WHOLE, COARSE, "a"), view(5, INNER, (60, 80), "a")]
    for passes in ([(forward, {"a": 0.4}), (backward, {"a": 0.6})], [(backward, {"a": 0.6}), (forward, {"a": 0.4})]):
        found = blend(passes, ["a"], shape=SHAPE, size=SHAPE)[0]
        truth = 0.4 * expected(forward, "a") + 0.6 * expected(backward, "a")
        torch.testing.assert_close(found.double(), truth, rtol=0, atol=1e-6)


def test_nothing_is_found_outside():
    """0 exactly where the whole frame has nothing, next to a window and far from it."""
    coarse = np.zeros(COARSE, np.float16)
    coarse[10:14, 20:24] = 1
    close = np.zeros((60, 80), np.float16)
    close[20:40, 30:50] = 1
    found = blend(
        [([View(WHOLE, {"a": coarse}), View(INNER, {"a": close})], {"a": 1.0})], ["a"], shape=SHAPE, size=SHAPE
    )
    reached = torch.zeros(SHAPE, dtype=torch.bool)
    reached[INNER.slices_in(WHOLE)] = True
    reached[4 * 9 : 4 * 15, 4 * 19 : 4 * 25] = True
    assert not found[0][~reached].any()
    truth = expected([View(WHOLE, {"a": coarse}), View(INNER, {"a": close})], "a")
    torch.testing.assert_close(found[0].double(), truth, rtol=0, atol=1e-6)


@pytest.mark.parametrize("row", [0, 29])
@pytest.mark.parametrize("column", [0, 49])
def test_a_single_pixel_in_a_corner(row, column):
    """All of its enlargement is in the result, beside a window that has nothing."""
    coarse = np.zeros(COARSE, np.float16)
    coarse[row, column] = 1
    views = [View(WHOLE, {"a": coarse}), View(INNER, {"a": np.zeros((60, 80), np.float16)})]
    found = blend([(views, {"a": 1.0})], ["a"], shape=SHAPE, size=SHAPE)[0]
    torch.testing.assert_close(found.double(), enlarged(coarse, SHAPE), rtol=0, atol=1e-6)


def test_random_windows():
    """Any number of windows and sizes, at plate resolution."""
    generator = np.random.default_rng(6)
    for seed in range(30):
        views = [view(seed, WHOLE, COARSE, "a", "b")]
        for name in "ab":
            width, height = int(generator.integers(20, 200)), int(generator.integers(20, 120))
            window = Window(
                int(generator.integers(0, 201 - width)), int(generator.integers(0, 121 - height)), width, height
            )
            size = max(1, height // int(generator.integers(1, 4))), max(1, width // int(generator.integers(1, 4)))
            views.append(view(seed + 100, window, size, name))
        found = blend([(views, {"a": 1.0, "b": 1.0})], ["a", "b"], shape=SHAPE, size=SHAPE)
        for own, name in zip(found, "ab", strict=True):
            torch.testing.assert_close(own.double(), expected(views, name), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(60, 100), (30, 50), (33, 47)])
def test_a_smaller_result(size):
    """For overlays: the window is at the same place, and nothing is shifted by more than a pixel."""
    views = [
        View(WHOLE, {"a": np.zeros(COARSE, np.float16)}),
        View(INNER, {"a": np.ones((60, 80), np.float16)}),
    ]
    (large,) = blend([(views, {"a": 1.0})], ["a"], shape=SHAPE, size=SHAPE)
    (small,) = blend([(views, {"a": 1.0})], ["a"], shape=SHAPE, size=size)
    truth = functional.interpolate(large[None, None], size=size, mode="area")[0, 0]
    assert small.shape == size
    assert float((small - truth).abs().mean()) < 0.02
    assert float(small.mean()) == pytest.approx(float(large.mean()), rel=0.1)


@pytest.mark.parametrize(
    ("placed", "target"),
    [
        (WHOLE, WHOLE),
        (WHOLE, INNER),
        (WHOLE, CORNER),
        (WHOLE, Window(0, 0, 1, 1)),
        (WHOLE, Window(199, 119, 1, 1)),
        (INNER, INNER),
        (INNER, Window(50, 41, 13, 22)),
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [COARSE, (1, 1), (7, 200), (120, 3), (23, 37)])
def test_a_sample_is_a_part_of_the_whole_enlargement(placed, target, size):
    """Equal to cropping what torch enlarges."""
    plane = np.random.default_rng(7).random(size).astype(np.float32)
    found = sample(torch.from_numpy(plane), placed, target)
    truth = enlarged(plane, placed.shape)[target.slices_in(placed)]
    torch.testing.assert_close(found.double(), truth, rtol=0, atol=1e-6)


def test_a_sample_beyond_the_border_repeats_it():
    """On all sides."""
    plane = np.random.default_rng(8).random(COARSE).astype(np.float32)
    outer = Window(-9, -7, 220, 140)
    found = sample(torch.from_numpy(plane), WHOLE, outer)
    padded = functional.pad(enlarged(plane, SHAPE)[None, None], (9, 11, 7, 13), mode="replicate")[0, 0]
    torch.testing.assert_close(found.double(), padded, rtol=0, atol=1e-6)


def test_the_planes_of_a_look_are_not_changed():
    """They are also written to the cache."""
    views = [view(1, WHOLE, COARSE, "a"), view(2, INNER, (60, 80), "a"), view(3, WHOLE, SHAPE, "b")]
    before = [{name: plane.copy() for name, plane in each.planes.items()} for each in views]
    found = blend([(views, {"a": 1.0, "b": 1.0})], ["a", "b"], shape=SHAPE, size=SHAPE)
    found.zero_()
    for each, planes in zip(views, before, strict=True):
        for name, plane in planes.items():
            np.testing.assert_array_equal(each.planes[name], plane)


@pytest.mark.parametrize("part", [Window(40, 20, 120, 80), Window(0, 0, 60, 120), Window(150, 90, 50, 30)])
@pytest.mark.parametrize("window", [Window(60, 30, 80, 64), Window(120, 0, 80, 48)])
def test_a_part_is_that_part_of_the_whole(part, window):
    """Windows may reach out of it, and do not fade at its borders."""
    passes = [([view(1, WHOLE, COARSE, "a", "b"), view(2, window, (16, 20), "a")], {"a": 0.7, "b": 1.0})]
    whole = blend(passes, ["a", "b"], shape=SHAPE, size=SHAPE)
    found = blend(passes, ["a", "b"], shape=SHAPE, size=part.shape, part=part)
    rows, columns = part.slices_in(WHOLE)
    torch.testing.assert_close(found, whole[:, rows, columns], rtol=0, atol=1e-5)


def test_a_part_at_the_size_of_its_look_is_the_look():
    """Where it does not fade."""
    window = Window(40, 24, 128, 64)
    passes = [([view(1, WHOLE, COARSE, "a"), close := view(2, window, (64, 128), "a")], {"a": 1.0})]
    found = blend(passes, ["a"], shape=SHAPE, size=(64, 128), part=window)[0]
    plane = torch.from_numpy(close.planes["a"].astype(np.float32))
    torch.testing.assert_close(found[16:-16, 16:-16], plane[16:-16, 16:-16], rtol=0, atol=1e-6)


def test_what_is_added_is_enlarged_like_a_look():
    """Also at the border of the plate and where it is 0."""
    plane = np.zeros((16, 24), np.float32)
    plane[3:9, 0:7] = np.random.default_rng(3).normal(0, 1, (6, 7))
    window = Window(0, 20, 96, 64)
    own = torch.zeros(SHAPE)
    add_enlarged(own, plane, window)
    expected = torch.zeros(SHAPE, dtype=torch.float64)
    expected[window.slices_in(WHOLE)] = enlarged(plane, window.shape)
    torch.testing.assert_close(own.double(), expected, rtol=0, atol=1e-5)


def test_the_response_is_that_of_the_closest_look_blended_like_the_probabilities():
    """Of both passes by weight; a pass that does not know it does not count."""
    low, high = Response((0.0,) * KNOTS), Response((1.0,) * KNOTS)
    plane = {"a": np.zeros(COARSE, np.float16)}
    forward, backward = (
        [View(WHOLE, plane, {"a": high}), View(INNER, plane, {"a": low})],
        [View(WHOLE, plane, {"a": high})],
    )
    found = response_of([(forward, {"a": 0.75}), (backward, {"a": 0.25})], "a")
    assert found is not None
    np.testing.assert_allclose(found.alpha, 0.25)
    assert response_of([(forward, {"a": 0.75}), ([View(WHOLE, plane)], {"a": 0.25})], "a") == low
    assert response_of([(forward, {"a": 0.0}), ([View(WHOLE, plane)], {"a": 1.0})], "a") is None
    assert response_of([], "a") is None
