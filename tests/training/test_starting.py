"""The network that a run starts from, and what of it moves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stcn_plugin.errors import TrainingError, WeightsError
from stcn_plugin.network.stcn import STCN, KeyFeatures
from stcn_plugin.network.variants import LITE
from stcn_plugin.training.config import load_training_config
from stcn_plugin.training.distributed import Group
from stcn_plugin.training.samples import Sample
from stcn_plugin.training.starting import starting_network
from stcn_plugin.training.trainer import Trainer
from stcn_plugin.weights.reading import read_weights
from stcn_plugin.weights.store import STARTER, WeightsStore, builtin_files


@pytest.fixture
def started(configured, tmp_path):
    """Start from a configuration with some settings; return it and the network."""

    def start(**settings):
        config = load_training_config(configured(**settings))
        return config, starting_network(config, store=WeightsStore(tmp_path / "store"))

    return start


@pytest.fixture
def batch() -> Sample:
    generator = torch.Generator().manual_seed(0)
    masks = torch.zeros(2, 3, 3, 48, 48)
    masks[:, :, 0, 10:30, 10:30] = 1
    frames = torch.rand(2, 3, 3, 48, 48, generator=generator)
    return Sample(frames, masks, torch.tensor([[True, False, False]] * 2))


def test_it_starts_from_weights_by_name(started):
    """The starter weights, value for value, ready to be trained, in eval mode so that batch norm stays."""
    _, network = started(start="starter")
    expected = read_weights(builtin_files()[STARTER]).state
    for name, entry in network.state_dict().items():
        torch.testing.assert_close(entry, expected[name].to(entry.dtype), rtol=0, atol=0)
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not network.training


def test_it_starts_from_chance_that_is_the_seeds(started):
    """Without weights, the same seed is the same network and another seed another."""
    one, same, other = (started(start=None, seed=seed)[1].key_comp.weight for seed in (1, 1, 2))
    torch.testing.assert_close(one, same, rtol=0, atol=0)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("variant", "length"), [("published", 1.0), ("lite", 0.25), ("light", 0.25)])
def test_keys_start_orthogonal(started, variant, length):
    """Without weights, each channel of a key sees something of its own, as published; a light network's are short."""
    _, network = started(start=None, variant=variant)
    projection = network.key_proj.key_proj
    rows = projection.weight.flatten(1)
    torch.testing.assert_close(rows @ rows.T, length**2 * torch.eye(len(rows)), rtol=0, atol=1e-5)
    assert not projection.bias.any()


def test_frozen_weights_stay_and_all_others_move(started, batch):
    """After a step; statistics of batch norm stay in any case."""
    frozen = ["key_encoder.blocks.0.", "decoder.pred."]
    config, network = started(optimiser={"frozen": frozen, "warm_up": 0, "weight_decay": 0.1})
    before = {name: entry.clone() for name, entry in network.state_dict().items()}
    Trainer(network, config, group=Group()).take(batch)
    learns = dict(network.named_parameters())
    for name, entry in network.state_dict().items():
        stays = name not in learns or name.startswith(tuple(frozen))
        assert torch.equal(entry, before[name]) == stays, name


def test_each_part_learns_at_its_rate(started, batch):
    """Of the first step of AdamW, which moves a weight by the rate, the key encoder makes its share."""
    config, network = started(optimiser={"rate": 1e-3, "key_encoder": 0.25, "warm_up": 0, "weight_decay": 0.0})
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    Trainer(network, config, group=Group()).take(batch)
    moved = {
        name: float((parameter - before[name]).detach().abs().median())
        for name, parameter in network.named_parameters()
    }
    assert moved["key_encoder.blocks.1.0.conv_pw.weight"] == pytest.approx(0.25e-3, rel=0.05)
    assert moved["decoder.up_16_8.skip_conv.weight"] == pytest.approx(1e-3, rel=0.05)


def test_a_step_that_is_not_finite_changes_nothing(started, batch):
    """It ends the run with an error, and the weights are those of before: they can still be saved."""
    config, network = started(optimiser={"average": 0.5})
    trainer = Trainer(network, config, group=Group())
    trainer.take(batch)
    before = {name: entry.clone() for name, entry in network.state_dict().items()}
    batch.frames[0, 0, 0, 5, 5] = torch.nan
    with pytest.raises(TrainingError, match="the gradient of step 2 is not finite"):
        trainer.take(batch)
    assert trainer.step == 1
    for name, entry in network.state_dict().items():
        torch.testing.assert_close(entry, before[name], rtol=0, atol=0)


def test_the_average_follows_the_weights(started, batch):
    """As an exponential average whose decay grows from a tenth; what is not trained is taken over."""
    config, network = started(optimiser={"average": 0.15, "warm_up": 0, "frozen": ["key_encoder."]})
    trainer = Trainer(network, config, group=Group())
    name = "decoder.pred.weight"
    expected = network.state_dict()[name].clone()
    for step in range(3):
        trainer.take(batch)
        decay = min(0.15, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.state_dict()[name]
    torch.testing.assert_close(trainer.weights[name], expected)
    assert not torch.equal(trainer.weights[name], network.state_dict()[name])
    untrained = "key_encoder.conv_stem.weight"
    assert torch.equal(trainer.weights[untrained], network.state_dict()[untrained])


@pytest.mark.parametrize(
    ("settings", "error", "what"),
    [
        ({"optimiser": {"frozen": ["key_encodr."]}}, TrainingError, "optimiser.frozen: no weights' names begin with 'key_encodr.'"),
        ({"variant": "published"}, TrainingError, "the weights are of the lite variant, the run is for published"),
        ({"start": "startr"}, WeightsError, "there are no weights called 'startr'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(settings, error, what, started):
    """Names to freeze that match nothing, weights of another variant, weights that are not there."""
    with pytest.raises(error, match=what):
        started(**settings)


class TestKeyEncoder:
    """Weights of the key encoder from a publication of ImageNet-trained ones."""

    @pytest.fixture
    def published(self) -> dict[str, torch.Tensor]:
        """Entries as another publication names them, in the same order, and a classifier after them."""
        torch.manual_seed(9)
        entries = STCN(LITE).key_encoder.state_dict()
        theirs = [entry for name, entry in entries.items() if not name.startswith("deep.")]
        state = {
            f"stem.layer{number}": torch.rand(entry.shape) if entry.is_floating_point() else entry
            for number, entry in enumerate(theirs)
        }
        return {**state, "head.weight": torch.rand(10, 4)}

    def started_from(self, state: object, started, tmp_path: Path) -> STCN:
        torch.save(state, tmp_path / "imagenet.pth")
        return started(start=None, key_encoder="imagenet.pth")[1]

    def test_entries_are_taken_by_their_order(self, published, started, tmp_path):
        """Whatever they are called; the classifier is left out, and what only this project has starts from chance."""
        network = self.started_from(published, started, tmp_path)
        *_, weight, bias = entries = list(network.key_encoder.state_dict().values())
        for ours, theirs in zip(entries[:-2], published.values(), strict=False):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
        assert weight.shape == (80, 320, 1, 1)
        assert bias.shape == (80,)
        assert weight.unique().numel() > 1000

    def test_another_shape_is_refused(self, published, started, tmp_path):
        """By the names on both sides."""
        published["stem.layer3"] = torch.rand(7)
        with pytest.raises(
            TrainingError, match=r"'stem.layer3' has shape \(7,\) where 'bn1.running_mean' needs \(32,\)"
        ) as caught:
            self.started_from(published, started, tmp_path)
        assert caught.value.where == str(tmp_path / "imagenet.pth")

    @pytest.mark.parametrize(
        "state",
        [
            {},
            {"state_dict": {}},
            [torch.rand(3)] * 500,
            {f"{number}": number for number in range(500)},
            torch.rand(500),
        ],
        ids=["empty", "wrapped", "list", "numbers", "tensor"],
    )
    def test_what_is_no_such_state_is_refused(self, state, started, tmp_path):
        """Too few entries, or no tensors by name at all."""
        with pytest.raises(TrainingError, match=r"imagenet\.pth"):
            self.started_from(state, started, tmp_path)

    @pytest.mark.parametrize("damage", ["truncated", "garbage", "absent"])
    def test_a_damaged_file_is_refused(self, damage, published, started, tmp_path):
        """With the file's name, and without a traceback."""
        file = tmp_path / "imagenet.pth"
        torch.save(published, file)
        if damage == "absent":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:1000] if damage == "truncated" else b"no weights")
        with pytest.raises(TrainingError, match="not weights that torch can read safely") as caught:
            started(start=None, key_encoder="imagenet.pth")
        assert caught.value.where == str(file)


def test_a_mask_is_heard_from_the_first_step(started):
    """Beside features as large as ImageNet's, a mask decides a fair part of the values, and these some of the logits."""
    _, network = started(start=None, variant="light")
    generator = torch.Generator().manual_seed(4)
    spread = {"f16": (192, 6, 5.6), "f8": (40, 12, 8.2), "f4": (24, 24, 8.8)}
    features = KeyFeatures(
        torch.zeros(1, 64, 6, 6),
        *(size * torch.randn(1, count, side, side, generator=generator) for count, side, size in spread.values()),
    )
    masks = torch.zeros(2, 96, 96)
    masks[0, 24:72, 24:72] = 1
    with torch.no_grad():
        there, away = network.encode_value(torch.zeros(1, 3, 96, 96), features, masks)
        context = network.decoder_context(*features[1:])
        said = network.decode(torch.stack([there, away]), context)
    assert float((there - away).std() / away.std()) > 0.1
    assert float((said[0] - said[1]).std() / said.std()) > 0.03
    assert float(said.mean()) < 0  # most pixels show no object
