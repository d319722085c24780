"""States of a pass: a restored propagator goes on to the same bits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from golden.stand_in import golden_frames, golden_masks

import stcn_plugin
from stcn_plugin.cache.states import encode_state, read_state
from stcn_plugin.network.engine import Engine
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator
from stcn_plugin.weights.reading import build_network, read_weights

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
    return {0: {"a": mask[0]}, 2: {"b": mask[2]}}.get(number)


SETTINGS = [
    PropagationSettings(interval=2),
    PropagationSettings(interval=1, max_frames=1),  # elements are evicted
    PropagationSettings(interval=2, include_last=True, max_frames=None),
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("after", [0, 3, 6])
def test_a_restored_propagator_goes_on_to_the_same_bits(engine, images, tmp_path, settings, after):
    """Whatever the memory holds when it is saved, also with elements for one step and after evictions."""
    whole, first = (Propagator(engine, settings=settings) for _ in range(2))
    expected = [whole.step(image, masks_of(number)).own for number, image in enumerate(images)]
    for number, image in enumerate(images[: after + 1]):
        first.step(image, masks_of(number))
    path = tmp_path / "forward.1001.safetensors"
    path.write_bytes(encode_state(first.state(), frame=1001 + after, made_from="abc"))
    frame, state = read_state(path, {1001 + after: "abc"})
    assert frame == 1001 + after
    second = Propagator(engine, settings=settings)
    second.restore(state)
    for number in range(after + 1, len(images)):
        found = second.step(images[number], masks_of(number))
        assert torch.equal(found.own, expected[number]), number


def test_a_state_is_a_copy(engine, images):
    """Going on does not change it."""
    propagator = Propagator(engine, settings=PropagationSettings(interval=1, max_frames=1))
    propagator.step(images[0], masks_of(0))
    state = propagator.state()
    keys = state.cohorts[0][1].keys.clone()
    for image in images[1:5]:
        propagator.step(image)
    used = state.cohorts[0][1].used
    assert torch.equal(state.cohorts[0][1].keys[:, :used], keys[:, :used])


def test_states_that_do_not_fit_are_not_used(engine, images, tmp_path):
    """Made from something else, of a frame that is not asked for, cut off, or not a state."""
    propagator = Propagator(engine)
    propagator.step(images[0], masks_of(0))
    path = tmp_path / "s.safetensors"
    content = encode_state(propagator.state(), frame=1001, made_from="abc")
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
    propagator = Propagator(engine)
    propagator.step(images[0], masks_of(0))
    content = encode_state(propagator.state(), frame=1001, made_from="abc")
    path = tmp_path / "s.safetensors"
    in_numbers = content.index(b"since_memory") + len(b'since_memory\\": ')
    for place in (in_numbers, *range(len(content) // 2, len(content), len(content) // 7)):
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        assert read_state(path, {1001: "abc"}) is None, place
