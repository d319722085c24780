"""The engine equals the network in every precision and for any number of objects."""

from __future__ import annotations

import pytest
import torch

from stcn_plugin.network import engine as engine_module
from stcn_plugin.network import folding
from stcn_plugin.network.blocks import DecoderContext
from stcn_plugin.network.convolution import FusedConvolution, make_convolution
from stcn_plugin.network.engine import Engine
from stcn_plugin.network.folding import FoldedNetwork, fold

VARIANTS = ("published", "lite", "light")


def difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest difference, relative to the largest value."""
    assert found.shape == expected.shape
    return ((found.float() - expected).abs().max() / expected.abs().max()).item()


def inputs(height: int, width: int, objects: int) -> tuple[torch.Tensor, torch.Tensor]:
    """An image and probabilities of a number of objects."""
    generator = torch.Generator().manual_seed(height + width)
    image = torch.rand(1, 3, height, width, generator=generator)
    return image, torch.rand(objects, height, width, generator=generator) / objects


def mean_difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The mean difference, relative to the mean value."""
    return ((found.float() - expected).abs().mean() / expected.abs().mean()).item()


def differences(network, engine, height=64, width=96, objects=2, measure=difference) -> dict[str, float]:
    """The difference between engine and network for every output."""
    image, probabilities = inputs(height, width, objects)
    image = network.normalise(image)
    expected = network.encode_key(image)
    context = network.decoder_context(expected.f16, expected.f8, expected.f4)
    value = network.encode_value(image, expected, probabilities)
    features = engine.encode_key(image)
    shared = engine.decoder_context(features)
    assert features.query_key.dtype == torch.float32
    found = {
        "query_key": (features.query_key, expected.query_key),
        "f16": (features.f16, expected.f16),
        "value": (engine.encode_value(image, features, probabilities), value),
        # Of the exact readout, so that the decoder is measured alone.
        "logits": (engine.decode(value, shared), network.decode(value, context)),
        **{name: (getattr(shared, name), getattr(context, name)) for name in DecoderContext._fields},
    }
    assert found["value"][0].dtype == found["logits"][0].dtype == torch.float32
    return {name: measure(*pair) for name, pair in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_number_of_threads_does_not_change_a_bit(networks, variant):
    """A job changes it between the stages of a frame, and a killed one goes on to the same mattes."""
    network, before = networks[variant], torch.get_num_threads()
    engine = Engine(network)
    image, probabilities = inputs(176, 240, 2)
    image = network.normalise(image)
    found = []
    try:
        for threads in (1, 2, 3, 1):
            torch.set_num_threads(threads)
            for _ in range(2):  # the second time with packed weights
                features = engine.encode_key(image)
                value = engine.encode_value(image, features, probabilities)
                context = engine.decoder_context(features)
                logits = engine.decode(value, context)
            found.append([*features, value, *context, logits])
    finally:
        torch.set_num_threads(before)
    first, *others = found
    assert first[-1].std() > 0
    assert all(torch.equal(*pair) for other in others for pair in zip(first, other, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_engine_is_exact_in_float32(networks, variant):
    """Folding changes only rounding, for a size used once, used again, and for another one."""
    network = networks[variant]
    engine = Engine(network)
    for size in ((64, 96), (64, 96), (64, 96), (48, 80)):
        found = differences(network, engine, *size)
        assert max(found.values()) < 1e-4, found


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_engine_is_exact_without_packed_convolutions(networks, variant, monkeypatch):
    """The convolutions that run on a GPU, or without oneDNN, give the same result."""
    monkeypatch.setattr(folding, "make_convolution", FusedConvolution)
    network = networks[variant]
    found = differences(network, Engine(network))
    assert max(found.values()) < 1e-4, found


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("make", [make_convolution, FusedConvolution])
def test_bfloat16_stays_near(networks, variant, make, monkeypatch):
    """bfloat16 has a precision of 0.4 to 0.8 %; on noise the mean difference is at most 5 %, and not zero."""
    monkeypatch.setattr(folding, "make_convolution", make)
    network = networks[variant]
    found = differences(network, Engine(network, precision=torch.bfloat16), measure=mean_difference)
    assert found["logits"] > 1e-4
    assert max(found.values()) < 0.05, found


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_float16_stays_nearer(networks, variant, monkeypatch):
    """float16, for older GPUs, does not overflow; it is eight times as precise as bfloat16."""
    monkeypatch.setattr(folding, "make_convolution", FusedConvolution)
    network = networks[variant]
    found = differences(network, Engine(network, precision=torch.float16), measure=mean_difference)
    assert found["logits"] > 1e-5
    assert max(found.values()) < 0.01, found  # no NaN is below anything


def test_images_are_normalised_as_by_the_network(networks):
    """The engine uses the same statistics as the network."""
    image, _ = inputs(32, 48, 1)
    for network in networks.values():
        assert torch.equal(Engine(network).normalise(image), network.normalise(image))


def test_every_batch_norm_and_gain_is_folded(networks):
    """After folding, no batch norm, scaling or addition after a convolution is left."""
    for network in networks.values():
        folded = fold(network, torch.float32)
        for part in (folded.key, folded.context, folded.value_context, folded.value, folded.decode):
            assert not any(isinstance(module, torch.nn.BatchNorm2d | torch.nn.Conv2d) for module in part.modules())
            assert not any(node.op == "get_attr" for node in part.graph.nodes)
        nodes = [*folded.key.graph.nodes, *folded.context.graph.nodes]
        targets = [getattr(node.target, "__name__", "") for node in nodes]
        assert "add" not in targets
        # The activation before the first shared convolution; all others are inside a convolution.
        assert sum(name.startswith("relu") for name in targets) == 1


def test_the_network_itself_is_not_changed(networks):
    """Folding does not change the weights of the network."""
    network = networks["lite"]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    Engine(network, precision=torch.bfloat16)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_a_region_is_decoded_from_slices(networks):
    """Slices of readout and context give the same result as copies."""
    network = networks["lite"]
    engine = Engine(network)
    image, _ = inputs(96, 160, 1)
    context = engine.decoder_context(engine.encode_key(network.normalise(image)))
    readout = torch.rand(2, network.variant.memory_value_channels, 6, 10)
    region = DecoderContext(
        *(
            part[..., scale : 4 * scale, 2 * scale : 9 * scale]
            for part, scale in zip(context, (1, 1, 2, 4), strict=True)
        )
    )
    found = engine.decode(readout[..., 1:4, 2:9], region)
    expected = network.decode(readout[..., 1:4, 2:9].clone(), DecoderContext(*(part.clone() for part in region)))
    assert found.shape == (2, 48, 112)
    assert difference(found, expected) < 1e-4


class Scarce:
    """A folded network on a device where a limited number of objects fit in memory."""

    def __init__(self, folded: FoldedNetwork, *, capacity: int) -> None:
        self._folded = folded
        self._capacity = capacity
        self.key = folded.key
        self.context = folded.context
        self.value_context = folded.value_context
        self.tried: list[int] = []
        self.error: Exception = torch.OutOfMemoryError("out of memory")

    def value(self, image_masks, *shared):
        self._take(len(image_masks))
        return self._folded.value(image_masks, *shared)

    def decode(self, readout, *context):
        self._take(len(readout))
        return self._folded.decode(readout, *context)

    def _take(self, count: int) -> None:
        self.tried.append(count)
        if count > self._capacity:
            raise self.error


def scarce_engine(network, monkeypatch, *, capacity: int, budget: int) -> tuple[Engine, Scarce]:
    scarce = Scarce(fold(network, torch.float32), capacity=capacity)
    monkeypatch.setattr(engine_module, "fold", lambda *_: scarce)
    return Engine(network, budget=budget), scarce


def test_objects_go_in_chunks_that_fit_the_budget(networks, monkeypatch):
    """With a budget for two, five objects are decoded as 2, 2 and 1, in order."""
    network = networks["lite"]
    image, _ = inputs(32, 48, 1)
    readout = torch.rand(5, network.variant.memory_value_channels, 2, 3)
    # Six features of 128 channels at stride 4, in float32.
    engine, scarce = scarce_engine(network, monkeypatch, capacity=5, budget=2 * 6 * 128 * 8 * 12 * 4)
    context = engine.decoder_context(engine.encode_key(network.normalise(image)))
    found = engine.decode(readout, context)
    assert scarce.tried == [2, 2, 1]
    assert difference(found, network.decode(readout, context)) < 1e-4


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("out of memory"),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("FIND was unable to find an engine to execute this computation"),
    ],
    ids=str,
)
def test_running_out_of_memory_halves_the_chunks(networks, monkeypatch, error):
    """Later calls start with the smaller chunks; the values are the same."""
    network = networks["lite"]
    image, probabilities = inputs(32, 48, 6)
    image = network.normalise(image)
    engine, scarce = scarce_engine(network, monkeypatch, capacity=2, budget=1 << 30)
    scarce.error = error
    features = engine.encode_key(image)
    found = engine.encode_value(image, features, probabilities)
    assert scarce.tried == [6, 3, 1, 1, 1, 1, 1, 1]
    assert difference(found, network.encode_value(image, network.encode_key(image), probabilities)) < 1e-4
    scarce.tried.clear()
    engine.encode_value(image, features, probabilities)
    assert scarce.tried == [1] * 6


def test_one_object_that_does_not_fit_is_an_error(networks, monkeypatch):
    """If not even one object fits, the out-of-memory error is raised."""
    network = networks["lite"]
    image, probabilities = inputs(32, 48, 2)
    engine, _ = scarce_engine(network, monkeypatch, capacity=0, budget=1 << 30)
    image = network.normalise(image)
    with pytest.raises(torch.OutOfMemoryError):
        engine.encode_value(image, engine.encode_key(image), probabilities)


def test_other_errors_are_not_tried_again(networks, monkeypatch):
    """Other errors are raised immediately."""
    network = networks["lite"]
    image, probabilities = inputs(32, 48, 4)
    engine, scarce = scarce_engine(network, monkeypatch, capacity=0, budget=1 << 30)
    scarce.error = RuntimeError("shapes differ")
    image = network.normalise(image)
    with pytest.raises(RuntimeError, match="shapes differ"):
        engine.encode_value(image, engine.encode_key(image), probabilities)
    assert scarce.tried == [4]


def test_the_cpu_takes_objects_one_by_one(networks, monkeypatch):
    """On the CPU one object at a time is as fast and needs less memory."""
    network = networks["lite"]
    image, _ = inputs(32, 48, 1)
    scarce = Scarce(fold(network, torch.float32), capacity=1)
    monkeypatch.setattr(engine_module, "fold", lambda *_: scarce)
    engine = Engine(network)
    context = engine.decoder_context(engine.encode_key(network.normalise(image)))
    engine.decode(torch.rand(3, network.variant.memory_value_channels, 2, 3), context)
    assert scarce.tried == [1, 1, 1]
