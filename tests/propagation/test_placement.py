"""Windows: their scale and size on a keyframe, and how they follow."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from stcn_plugin.propagation.placement import (
    Frame,
    Placement,
    box_of,
    parts_of,
    pays_off,
    place,
    sampled,
    touch,
    union,
    widened,
)
from stcn_plugin.window import Window

HD = Frame((1080, 1920), (480, 853), 300)
UHD = Frame((2160, 3840), (480, 853), 300)
ANAMORPHIC = Frame((1080, 1920), (480, 1707), 300)  # pixels of 2:1
TALL = Frame((1920, 1080), (853, 480), 300)
TALL_PIXELS = Frame((1080, 1920), (960, 853), 300)  # pixels of 1:2
SMALL = Frame((270, 480), (270, 480), 300)
FRAMES = [HD, UHD, ANAMORPHIC, TALL, TALL_PIXELS, SMALL]
COUNT = 400


def only(box: Window, frame: Frame) -> Placement:
    """Return the window on one box."""
    ((names, placement),) = place({"a": box}, frame)
    assert names == ("a",)
    return placement


def contains(outer: Window, inner: Window) -> bool:
    return outer.union(inner) == outer


def random_box(rng: np.random.Generator, frame: Frame, largest: float = 1.0) -> Window:
    """Return a box of any size and aspect in the frame."""
    height, width = (max(1, int(extent * largest * rng.random() ** 3)) for extent in frame.shape)
    y, x = (int(rng.integers(0, extent - used + 1)) for extent, used in zip(frame.shape, (height, width), strict=True))
    return Window(x, y, width, height)


def scale(placement: Placement) -> tuple[float, float]:
    """Return the pixels of the plate, down and across, for each pixel of the network."""
    height, width = placement.size
    return placement.window.height / height, placement.window.width / width


def test_a_window_has_context_on_all_sides():
    """About a third of the box's larger dimension on each side, far from the borders."""
    box = Window(900, 500, 150, 100)
    window = only(box, HD).window
    assert contains(window, box)
    for gap in (box.x - window.x, window.right - box.right, box.y - window.y, window.bottom - box.bottom):
        assert 45 <= gap <= 75
    assert abs(window.x + window.width / 2 - (box.x + box.width / 2)) <= 1
    assert abs(window.y + window.height / 2 - (box.y + box.height / 2)) <= 1


@pytest.mark.parametrize("frame", [UHD, HD, TALL], ids=["UHD", "HD", "tall"])
def test_a_small_object_is_seen_at_the_scale_of_the_plate(frame):
    """One to one, but not larger."""
    for size in (1, 20, 100, 160):
        placement = only(Window(500, 700, size, size), frame)
        assert placement.element == (16, 16)
        assert placement.size == placement.window.shape


def test_an_object_is_not_larger_than_those_of_the_training():
    """A larger one is reduced to their size, as long as this is more than the whole frame would give."""
    object_size = 100
    frame = Frame((2160, 3840), (480, 853), object_size)
    for size in (150, 200, 300):
        placement = only(Window(1500, 900, size, size), frame)
        down, across = scale(placement)
        assert size / down == pytest.approx(object_size, rel=0.06)
        assert size / across == pytest.approx(object_size, rel=0.06)
    huge = only(Window(1000, 300, 1700, 1700), frame)
    assert huge.element == (72, 72), "it is never seen smaller than in the whole frame: 4.5 lines for each"


def test_a_larger_object_costs_as_much_as_its_share():
    """The window's image has about the share of the frame's pixels that windows may have, at a smaller scale."""
    sizes = [400, 500, 600]
    placements = [only(Window(800, 600, size, size), UHD) for size in sizes]
    for placement in placements:
        assert 0.5 * UHD.cost < placement.cost < 0.75 * UHD.cost
    elements = [placement.element[0] for placement in placements]
    assert elements == sorted(set(elements))


def test_anamorphic_pixels_are_square_for_the_network():
    """An element covers half as many columns as lines; no pixel of the plate is enlarged."""
    placement = only(Window(900, 500, 50, 100), ANAMORPHIC)
    across, down = placement.element
    assert (across, down) == (16, 32)
    assert scale(placement) == pytest.approx((2, 1))
    assert placement.window.width * 2 == pytest.approx(placement.window.height, rel=0.2)
    tall = only(Window(900, 500, 100, 50), TALL_PIXELS)
    assert tall.element == (32, 16)
    assert scale(tall)[0] >= 1


@pytest.mark.parametrize("frame", FRAMES, ids=["HD", "UHD", "anamorphic", "tall", "tall pixels", "small"])
def test_windows_on_random_boxes(frame):
    """In the frame, around the box, between the scale of the frame and that of the plate, of whole elements."""
    rng = np.random.default_rng(1)
    for _ in range(COUNT):
        box = random_box(rng, frame)
        placement = only(box, frame)
        window, (across, down) = placement.window, placement.element
        assert contains(frame.window, window) and contains(window, box), box
        assert 16 <= across <= math.ceil(16 * max(1, frame.shape[1] / frame.size[1])), box
        assert 16 <= down <= math.ceil(16 * max(1, frame.ratio)), box
        for start, length, limit, element in (
            (window.x, window.width, frame.shape[1], across),
            (window.y, window.height, frame.shape[0], down),
        ):
            assert length == limit or (length % element == 0 and length >= 12 * element), (box, start)
        assert scale(placement) == pytest.approx((down / 16, across / 16), rel=0.01)
        margin = 0.35 * max(box.width, box.height / frame.pixel_aspect) - 1
        if box.x - margin >= 0 and box.right + margin <= frame.shape[1]:
            assert window.x <= box.x - margin + across and window.right >= box.right + margin - across, box


@pytest.mark.parametrize("frame", FRAMES, ids=["HD", "UHD", "anamorphic", "tall", "tall pixels", "small"])
def test_windows_that_follow_random_paths(frame):
    """Size and scale remain while the box does not grow; each move is of whole elements, up to the border."""
    rng = np.random.default_rng(2)
    for _ in range(COUNT // 8):
        box = random_box(rng, frame, largest=0.3)
        placement = first = only(box, frame)
        for _ in range(12):
            shift = rng.normal(0, 0.4, 2) * (box.width, box.height)
            box = Window(box.x + int(shift[0]), box.y + int(shift[1]), box.width, box.height)
            box = frame.clamped(box)
            moved = placement.following(box, frame)
            window, before = moved.window, placement.window
            assert contains(frame.window, window) and contains(window, box)
            assert moved.element == first.element
            assert window.shape == first.window.shape
            for at, was, length, limit, element in (
                (window.x, before.x, window.width, frame.shape[1], moved.element[0]),
                (window.y, before.y, window.height, frame.shape[0], moved.element[1]),
            ):
                assert (at - was) % element == 0 or at in (0, limit - length) or was in (0, limit - length)
            margin = math.ceil(0.15 * max(box.width, box.height)) - 1
            for low, high, start, end, limit in (
                (box.x, box.right, window.x, window.right, frame.shape[1]),
                (box.y, box.bottom, window.y, window.bottom, frame.shape[0]),
            ):
                if end - start >= high - low + 2 * margin:
                    assert start <= max(0, low - margin) and end >= min(limit, high + margin)
            placement = moved


def test_a_window_rests_while_the_box_is_well_inside():
    """The same window, so that what does not move gives the same keys."""
    box = Window(900, 500, 150, 100)
    placement = only(box, HD)
    for shift in (-12, 0, 12):
        assert placement.following(Window(900 + shift, 500 - shift, 150, 100), HD) == placement


def test_a_window_moves_by_whole_elements():
    """As few as keep the margin."""
    placement = only(Window(900, 500, 150, 100), HD)
    moved = placement.following(Window(1000, 500, 150, 100), HD)
    assert moved.window.shape == placement.window.shape
    assert moved.window.y == placement.window.y
    assert (moved.window.x - placement.window.x) % placement.element[0] == 0
    assert 0 <= moved.window.right - (1150 + 23) < placement.element[0]
    back = moved.following(Window(800, 500, 150, 100), HD)
    assert 0 <= (800 - 23) - back.window.x < placement.element[0]


@pytest.mark.parametrize("corner", [(0, 0), (1770, 0), (0, 980), (1770, 980)])
def test_a_window_stops_at_the_border(corner):
    """It keeps its size."""
    placement = only(Window(900, 500, 150, 100), HD)
    moved = placement.following(Window(*corner, 150, 100), HD)
    assert moved.window.shape == placement.window.shape
    assert contains(HD.window, moved.window)
    assert moved.window.x in (0, 1920 - moved.window.width)
    assert moved.window.y in (0, 1080 - moved.window.height)


def test_a_window_grows_with_its_object_up_to_a_limit():
    """By whole elements and at the same scale; beyond the limit, it stays on the middle of the object."""
    placement = only(Window(1800, 1000, 200, 200), UHD)
    limit = 0.9 * UHD.cost
    sizes = []
    for size in range(200, 2000, 100):
        box = Window(1900 - size // 2, 1080 - size // 2, size, size)
        moved = placement.following(box, UHD)
        assert moved.element == placement.element
        assert moved.cost <= limit
        assert contains(UHD.window, moved.window)
        if not contains(moved.window, box):
            assert abs(moved.window.x + moved.window.width / 2 - 1900) <= 1
            assert abs(moved.window.y + moved.window.height / 2 - 1080) <= 1
        else:
            assert moved.window.width % moved.element[0] == moved.window.height % moved.element[1] == 0
        sizes.append(moved.window.width)
        placement = moved
    assert sizes == sorted(sizes)
    assert sizes[-1] == 528, "as many elements as cost at most 0.9 times the frame: 33 by 33, with 34 it is more"
    assert sizes[-1] == sizes[-3], "the limit is never reached"


def test_the_surroundings_of_a_keyframe():
    """All around, at the same scale and grid, up to twice the cost of the frame, or to all of the frame."""
    placement = only(Window(1800, 1000, 200, 200), UHD)
    wide = placement.with_surroundings(UHD)
    assert wide.element == placement.element
    assert contains(wide.window, placement.window)
    across, down = placement.element
    assert (placement.window.x - wide.window.x) % across == (placement.window.y - wide.window.y) % down == 0
    assert 1.7 * UHD.cost < wide.cost <= 2 * UHD.cost
    tiny = only(Window(100, 100, 20, 20), SMALL)
    assert tiny.with_surroundings(SMALL).window == SMALL.window
    for frame in FRAMES:
        rng = np.random.default_rng(3)
        for _ in range(COUNT // 8):
            placement = only(random_box(rng, frame), frame)
            wide = placement.with_surroundings(frame)
            assert contains(frame.window, wide.window) and contains(wide.window, placement.window)
            assert wide.cost <= max(2 * frame.cost, placement.cost)


def test_near_boxes_share_a_window():
    """Their windows would overlap."""
    boxes = {"a": Window(900, 500, 150, 100), "b": Window(1080, 520, 100, 100), "c": Window(1200, 560, 90, 60)}
    ((names, placement),) = place(boxes, UHD)
    assert sorted(names) == ["a", "b", "c"]
    for box in boxes.values():
        assert contains(placement.window, box)


def test_far_boxes_have_a_window_each():
    """A common one would cost more."""
    boxes = {"a": Window(200, 200, 100, 100), "b": Window(3400, 1800, 100, 100), "c": Window(3400, 200, 80, 120)}
    placements = dict(place(boxes, UHD))
    assert sorted(placements) == [("a",), ("b",), ("c",)]
    for (name,), placement in placements.items():
        assert contains(placement.window, boxes[name])
        assert placement.element == (16, 16)


def test_no_box_has_no_window():
    """An empty list."""
    assert place({}, HD) == []


@pytest.mark.parametrize("frame", [HD, UHD, ANAMORPHIC], ids=["HD", "UHD", "anamorphic"])
def test_groups_of_random_boxes(frame):
    """Each object is in one group, whose window holds it and costs no more than the frame."""
    rng = np.random.default_rng(4)
    for _ in range(COUNT // 8):
        boxes = {str(number): random_box(rng, frame, largest=0.3) for number in range(int(rng.integers(1, 7)))}
        groups = place(boxes, frame)
        assert sorted(name for names, _ in groups for name in names) == sorted(boxes)
        for names, placement in groups:
            for name in names:
                assert contains(placement.window, boxes[name])
        assert all(placement.cost <= frame.cost for _, placement in groups)


def test_windows_that_do_not_pay_off():
    """One that is most of the frame, or several that cost more than the frame."""
    coarse = 0.25 * UHD.cost
    small = only(Window(1800, 1000, 100, 100), UHD)
    assert pays_off([small], UHD, coarse)
    assert not pays_off([only(Window(200, 100, 3300, 1900), UHD)], UHD, coarse)
    assert not pays_off([only(Window(1400, 300, 1400, 1400), UHD)] * 2, UHD, coarse)
    half = Placement(Window(0, 0, 800, 256), (16, 16))
    assert half.cost < 0.75 * UHD.cost < 2 * half.cost
    assert pays_off([half], UHD, coarse) and not pays_off([half, half], UHD, coarse)
    assert pays_off([half, small], UHD, UHD.cost - half.cost - small.cost)
    assert not pays_off([half, small], UHD, UHD.cost - half.cost - small.cost + 1)
    assert not pays_off([only(Window(10, 10, 400, 200), SMALL)], SMALL, 0.25 * SMALL.cost)


def test_the_box_of_a_mask():
    """In pixels of the plate: the smallest box that covers all pixels of the mask."""
    mask = np.zeros((10, 20), bool)
    assert box_of(mask, Window(0, 0, 20, 10)) is None
    mask[3:5, 6] = mask[4, 9] = True
    assert box_of(mask, Window(0, 0, 20, 10)) == Window(6, 3, 4, 2)
    assert box_of(mask, Window(-8, 100, 80, 30)) == Window(-8 + 24, 100 + 9, 16, 6)
    assert box_of(mask, Window(0, 0, 50, 25)) == Window(15, 7, 10, 6)


def test_the_parts_of_a_mask():
    """Box and area of each connected part, also over corners."""
    mask = np.zeros((20, 40), bool)
    mask[2:4, 3:8] = True
    mask[10, 30] = mask[11, 31] = True
    found = parts_of(mask, Window(100, 50, 160, 40))
    assert found == [(Window(112, 54, 20, 4), 10 * 8.0), (Window(220, 70, 8, 4), 2 * 8.0)]
    assert parts_of(np.zeros((4, 4), bool), Window(0, 0, 4, 4)) == []
    rng = np.random.default_rng(5)
    noise = rng.random((30, 50)) < 0.2
    parts = parts_of(noise, Window(0, 0, 50, 30))
    assert sum(area for _, area in parts) == noise.sum()
    assert union([box for box, _ in parts]) == box_of(noise, Window(0, 0, 50, 30))


def test_boxes_that_touch():
    """They have pixels in common."""
    box = Window(10, 10, 5, 5)
    assert touch(box, Window(14, 14, 9, 9))
    assert not touch(box, Window(15, 10, 5, 5))
    assert touch(widened(box, 1), Window(15, 10, 5, 5))
    assert widened(box, 3) == Window(7, 7, 11, 11)


@pytest.mark.parametrize(
    ("target", "size"),
    [
        (Window(0, 0, 40, 20), (20, 40)),
        (Window(8, 4, 16, 8), (8, 16)),
        (Window(5, 3, 21, 13), (39, 63)),
        (Window(30, 12, 10, 8), (4, 5)),
    ],
)
def test_a_sample_of_planes(target, size):
    """Equal to the same part of the whole planes that torch enlarges to this scale."""
    planes = torch.rand(3, 10, 20, generator=torch.Generator().manual_seed(1))
    found = sampled(planes, Window(0, 0, 40, 20), target, size)
    scale = size[0] / target.height
    whole = functional.interpolate(
        planes[None], size=(round(20 * scale), round(40 * scale)), mode="bilinear", align_corners=False
    )[0]
    top, left = round(target.y * scale), round(target.x * scale)
    torch.testing.assert_close(found, whole[:, top : top + size[0], left : left + size[1]], rtol=0, atol=1e-5)


def test_several_windows_need_a_gain_in_scale():
    """One window does not; the gain is relative to the whole frame."""
    fine, plain = Placement(Window(0, 0, 600, 600), (36, 36)), Placement(Window(0, 0, 600, 600), (60, 60))
    assert fine.gain(UHD) == pytest.approx(2) and plain.gain(UHD) == pytest.approx(1.2)
    assert pays_off([plain], UHD, 0) and pays_off([fine, fine], UHD, 0)
    assert not pays_off([fine, plain], UHD, 0)
