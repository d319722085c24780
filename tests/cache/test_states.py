"""States of a pass: a restored tracker goes on to the same bits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from golden.stand_in import golden_frames, golden_masks
from torch import Tensor

import stcn_plugin
from stcn_plugin.cache.states import encode_state, read_state
from stcn_plugin.network.engine import Engine
from stcn_plugin.propagation.placement import Frame, Placement
from stcn_plugin.propagation.propagator import PropagationSettings, PropagatorState
from stcn_plugin.propagation.tracker import GroupState, Track, Tracker, TrackerState
from stcn_plugin.response import KNOTS, Response
from stcn_plugin.weights.reading import build_network, read_weights
from stcn_plugin.window import Window

RESPONSE = Response(tuple((np.linspace(0, 1, KNOTS) ** 2).tolist()))
STARTER = Path(stcn_plugin.__file__).parent / "weights" / "starter" / "lite.safetensors"


@pytest.fixture(scope="module")
def engine():
    return Engine(build_network(read_weights(STARTER), device=torch.device("cpu")))


@pytest.fixture(scope="module")
def images():
    return torch.from_numpy(golden_frames(9, 64, 96)).permute(0, 3, 1, 2).float() / 255


def masks_of(number):
    """One object from the start, a second one from image 2."""
    mask = torch.from_numpy(golden_masks(64, 96, number)).float()
    return {0: {"a": mask[0]}, 2: {"b": mask[2]}}.get(number, {})


PLAIN = PropagationSettings(size=None)


@dataclass
class Frame64:
    """The images of a frame that is only looked at as a whole."""

    picture: Tensor
    given: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def boxes(self) -> Mapping[str, Window]:
        return dict.fromkeys(self.given, Window(20, 20, 40, 40))

    def image(self, window: Window, size: tuple[int, int]) -> Tensor:
        assert (window, size) == (Window(0, 0, 96, 64), (64, 96))
        return self.picture

    def masks(self, names: Collection[str], window: Window, size: tuple[int, int]) -> Mapping[str, Tensor]:
        return {name: self.given[name] for name in names}

    def mattes(self, names: Collection[str], window: Window) -> Mapping[str, np.ndarray]:
        return {name: self.given[name].numpy() for name in names}


def tracker_with(engine, settings=PLAIN):
    return Tracker(engine, Frame((64, 96), (64, 96), 300), settings=settings, is_windowed=True)


SETTINGS = [
    PropagationSettings(size=None, interval=2),
    PropagationSettings(size=None, interval=1, max_frames=1),  # elements are evicted
    PropagationSettings(size=None, interval=2, include_last=True, max_frames=None),
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("after", [0, 3, 6])
def test_a_restored_tracker_goes_on_to_the_same_bits(engine, images, tmp_path, settings, after):
    """Whatever the memory holds when it is saved, also with elements for one step and after evictions."""
    whole, first = (tracker_with(engine, settings) for _ in range(2))
    frames = [Frame64(image, masks_of(number)) for number, image in enumerate(images)]
    expected = [whole.step(frame)[0].own for frame in frames]
    for frame in frames[: after + 1]:
        first.step(frame)
    path = tmp_path / "forward.1001.safetensors"
    path.write_bytes(encode_state(first.state(), frame=1001 + after, made_from="abc"))
    frame, state = read_state(path, {1001 + after: "abc"})
    assert frame == 1001 + after
    second = tracker_with(engine, settings)
    second.restore(state)
    for number in range(after + 1, len(images)):
        (found,) = second.step(frames[number])
        assert torch.equal(found.own, expected[number]), number


def test_a_state_is_a_copy(engine, images):
    """Going on does not change it."""
    tracker = tracker_with(engine, PropagationSettings(size=None, interval=1, max_frames=1))
    tracker.step(Frame64(images[0], masks_of(0)))
    state = tracker.state()
    bank = state.whole.cohorts[0][1]
    keys = bank.keys.clone()
    for image in images[1:5]:
        tracker.step(Frame64(image))
    assert torch.equal(bank.keys[:, : bank.used], keys[:, : bank.used])


def assert_same(first: PropagatorState, second: PropagatorState) -> None:
    assert (first.objects, first.since_memory) == (second.objects, second.since_memory)
    assert [objects for objects, _ in first.cohorts] == [objects for objects, _ in second.cohorts]
    for (_, one), (_, other) in zip(first.cohorts, second.cohorts, strict=True):
        for one_value, other_value in zip(astuple(one), astuple(other), strict=True):
            is_tensor = isinstance(one_value, Tensor)
            assert torch.equal(one_value, other_value) if is_tensor else one_value == other_value


@pytest.mark.parametrize("is_coarse", [True, False, None])
def test_groups_are_read_back_exactly(engine, images, tmp_path, is_coarse):
    """Windows, boxes, areas and memories; a group that is lost has no box."""
    memories = []
    for count in (1, 3, 4):
        tracker = tracker_with(engine)
        for number in range(count):
            tracker.step(Frame64(images[number], masks_of(number)))
        memories.append(tracker.state().whole)
    here, lost = Track(Window(0, 250, 60, 30), 1234.5678901234567, is_seen=False), Track(None, 1 / 3, is_seen=True)
    groups = (
        GroupState({"b": here, "a": lost}, Placement(Window(3, 5, 192, 176), (16, 17)), memories[1], {"b": RESPONSE}),
        GroupState({"ü.1": lost}, Placement(Window(0, 900, 432, 1), (36, 72)), memories[2]),
    )
    path = tmp_path / "s.safetensors"
    path.write_bytes(
        encode_state(TrackerState(memories[0], is_coarse, groups, {"c": RESPONSE}), frame=7, made_from="abc")
    )
    frame, state = read_state(path, {7: "abc", 8: "abc"})
    assert (frame, state.is_coarse, state.responses) == (7, is_coarse, {"c": RESPONSE})
    assert_same(state.whole, memories[0])
    for found, expected in zip(state.groups, groups, strict=True):
        assert list(found.tracks.items()) == list(expected.tracks.items())
        assert (found.placement, found.responses) == (expected.placement, expected.responses)
        assert_same(found.propagator, expected.propagator)


def test_states_that_do_not_fit_are_not_used(engine, images, tmp_path):
    """Made from something else, of a frame that is not asked for, cut off, or not a state."""
    tracker = tracker_with(engine)
    tracker.step(Frame64(images[0], masks_of(0)))
    path = tmp_path / "s.safetensors"
    content = encode_state(tracker.state(), frame=1001, made_from="abc")
    path.write_bytes(content)
    assert read_state(path, {1001: "abc"}) is not None
    assert read_state(path, {1001: "other"}) is None
    assert read_state(path, {1002: "abc"}) is None
    for size in (0, 7, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        assert read_state(path, {1001: "abc"}) is None
    path.write_bytes(b"{}" * 50)
    assert read_state(path, {1001: "abc"}) is None
    assert read_state(tmp_path / "absent", {1001: "abc"}) is None
    path.write_bytes(STARTER.read_bytes())
    assert read_state(path, {1001: "abc"}) is None


def test_damaged_states_are_not_used(engine, images, tmp_path):
    """A bit that changed in a tensor or in a number, which safetensors does not notice."""
    tracker = tracker_with(engine)
    tracker.step(Frame64(images[0], masks_of(0)))
    content = encode_state(tracker.state(), frame=1001, made_from="abc")
    path = tmp_path / "s.safetensors"
    in_numbers = content.index(b"since_memory") + len(b'since_memory\\": ')
    for place in (in_numbers, *range(len(content) // 2, len(content), len(content) // 7)):
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        assert read_state(path, {1001: "abc"}) is None, place
