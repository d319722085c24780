"""The light variant equals an independent implementation, `golden.plain_light`, and stays within its budget."""

from __future__ import annotations

import pytest
import torch
from golden.plain_light import PlainLight
from golden.stand_in import golden_frames, golden_masks
from torch.utils.flop_counter import FlopCounterMode

from stcn_plugin.network.engine import Engine
from stcn_plugin.network.stcn import STCN
from stcn_plugin.network.variants import KEY_CHANNELS, LIGHT, STRIDE
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator

SIZE = (96, 144)  # an odd number of elements at stride 16 across
FRAMES = 5


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    return torch.from_numpy(golden_frames(FRAMES, *SIZE)).permute(0, 3, 1, 2).float() / 255


@pytest.fixture(scope="module")
def masks() -> torch.Tensor:
    return torch.from_numpy(golden_masks(*SIZE)).float()


@pytest.fixture
def plain(networks) -> PlainLight:
    return PlainLight(networks["light"].state_dict())


def test_features_are_those_of_the_plain_network(networks, plain, frames):
    """Features at stride 4, 8 and 16, and the key."""
    network = networks["light"]
    found = network.encode_key(network.normalise(frames[:1]))
    f4, f8, f16 = plain.key_features(2 * frames[:1] - 1)
    for ours, theirs in ((found.f4, f4), (found.f8, f8), (found.f16, f16)):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found.query_key, plain.conv3("key_proj.key_proj", f16), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("objects", "interval"), [([0], 2), ([0, 1, 2], 3)])
def test_propagation_is_that_of_the_plain_network(networks, plain, frames, masks, objects, interval):
    """Probabilities after aggregation on every frame, with memory frames in between."""
    names = [f"{number}" for number in objects]
    settings = PropagationSettings(interval=interval, region=False)
    propagator = Propagator(Engine(networks["light"]), objects=names, settings=settings)
    given = dict(zip(names, masks[objects], strict=True))
    expected = plain.propagated(2 * frames - 1, masks[objects], interval)
    for index, frame in enumerate(frames):
        found = propagator.step(frame, {} if index else given).aggregated
        torch.testing.assert_close(found, expected[:, index], rtol=0, atol=2e-3)
    assert 0.05 < float(expected[1:, 1:].amax(0).mean()) < 0.95  # otherwise the comparison would prove little


def test_a_frame_is_at_most_five_billion_multiply_adds():
    """480 lines, one object with a region of 46 %, every fifth frame memorised, three frames in memory."""
    height, width, region = 480, 864, (22, 34)
    with torch.device("meta"):
        network = STCN(LIGHT)
        image, mask = torch.empty(1, 3, height, width), torch.empty(1, height, width)
        value = torch.empty(1, LIGHT.memory_value_channels, *region)
        features, key = _counted(lambda: network.encode_key(image))
        _, memorised = _counted(lambda: network.encode_value(image, features, mask))
        rows, columns = region
        cut = [
            part[..., : rows * scale, : columns * scale] for part, scale in zip(features[1:], (1, 2, 4), strict=True)
        ]
        context, shared = _counted(lambda: network.decoder_context(*cut))
        _, decoded = _counted(lambda: network.decode(value, context))
    elements = height * width // STRIDE**2
    read = elements * 3 * elements * KEY_CHANNELS + elements * 20 * LIGHT.memory_value_channels
    total = key + memorised / 5 + shared + decoded + read
    print(f"{total / 1e9:.2f} G multiply-adds")
    assert total < 5e9


def _counted(work):
    """Return the result of a function and its number of multiply-adds."""
    with FlopCounterMode(display=False) as counter:
        result = work()
    return result, counter.get_total_flops() / 2
