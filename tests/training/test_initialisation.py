"""The initial network, and the first training steps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stcn_plugin.errors import TrainingError, WeightsError
from stcn_plugin.network.stcn import STCN, KeyFeatures
from stcn_plugin.network.variants import LITE
from stcn_plugin.training.batch import Sample
from stcn_plugin.training.config import load_training_config
from stcn_plugin.training.distributed import Group
from stcn_plugin.training.initialisation import initial_network
from stcn_plugin.training.trainer import Trainer
from stcn_plugin.weights.reading import read_weights
from stcn_plugin.weights.store import STARTER, WeightsStore, builtin_files


@pytest.fixture
def started(configured, tmp_path):
    """Return the configuration with these settings, and its initial network."""

    def start(**settings):
        config = load_training_config(configured(**settings))
        return config, initial_network(config, store=WeightsStore(tmp_path / "store"))

    return start


@pytest.fixture
def batch() -> Sample:
    generator = torch.Generator().manual_seed(0)
    masks = torch.zeros(2, 3, 3, 48, 48)
    masks[:, :, 0, 10:30, 10:30] = 1
    frames = torch.rand(2, 3, 3, 48, 48, generator=generator)
    return Sample(frames, masks, torch.tensor([[True, False, False]] * 2))


def test_initial_weights_by_name(started):
    """The values of the starter weights, all trainable, in eval mode."""
    _, network = started(init_weights="starter")
    expected = read_weights(builtin_files()[STARTER]).state
    for name, entry in network.state_dict().items():
        torch.testing.assert_close(entry, expected[name].to(entry.dtype), rtol=0, atol=0)
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not network.training


def test_random_weights_depend_on_the_seed(started):
    """The same seed gives the same network, another seed another one."""
    one, same, other = (started(init_weights=None, seed=seed)[1].key_comp.weight for seed in (1, 1, 2))
    torch.testing.assert_close(one, same, rtol=0, atol=0)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("variant", "length"), [("published", 1.0), ("lite", 0.25), ("light", 0.25)])
def test_the_key_projection_is_orthogonal(started, variant, length):
    """As published; shorter with light encoders."""
    _, network = started(init_weights=None, variant=variant)
    projection = network.key_proj.key_proj
    rows = projection.weight.flatten(1)
    torch.testing.assert_close(rows @ rows.T, length**2 * torch.eye(len(rows)), rtol=0, atol=1e-5)
    assert not projection.bias.any()


def test_only_frozen_weights_are_unchanged_by_a_step(started, batch):
    """Statistics of batch normalisation are unchanged too."""
    frozen = ["key_encoder.blocks.0.", "decoder.pred."]
    config, network = started(optimiser={"frozen": frozen, "warmup_steps": 0, "weight_decay": 0.1})
    before = {name: entry.clone() for name, entry in network.state_dict().items()}
    Trainer(network, config, group=Group()).train_step(batch)
    parameters = dict(network.named_parameters())
    for name, entry in network.state_dict().items():
        is_fixed = name not in parameters or name.startswith(tuple(frozen))
        assert torch.equal(entry, before[name]) == is_fixed, name


def test_the_key_encoder_has_its_own_learning_rate(started, batch):
    """The first step of AdamW changes a weight by the learning rate."""
    config, network = started(
        optimiser={"learning_rate": 1e-3, "key_encoder_lr_scale": 0.25, "warmup_steps": 0, "weight_decay": 0.0}
    )
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    Trainer(network, config, group=Group()).train_step(batch)
    change = {
        name: float((parameter - before[name]).detach().abs().median())
        for name, parameter in network.named_parameters()
    }
    assert change["key_encoder.blocks.1.0.conv_pw.weight"] == pytest.approx(0.25e-3, rel=0.05)
    assert change["decoder.up_16_8.skip_conv.weight"] == pytest.approx(1e-3, rel=0.05)


def test_a_gradient_that_is_not_finite_is_an_error(started, batch):
    """Weights and step are unchanged, so the checkpoint is still valid."""
    config, network = started(optimiser={"ema_decay": 0.5})
    trainer = Trainer(network, config, group=Group())
    trainer.train_step(batch)
    before = {name: entry.clone() for name, entry in network.state_dict().items()}
    batch.frames[0, 0, 0, 5, 5] = torch.nan
    with pytest.raises(TrainingError, match="the gradient of step 2 is not finite"):
        trainer.train_step(batch)
    assert trainer.step == 1
    for name, entry in network.state_dict().items():
        torch.testing.assert_close(entry, before[name], rtol=0, atol=0)


def test_the_ema_follows_the_weights(started, batch):
    """With a decay that grows from a tenth; frozen weights are copied."""
    config, network = started(optimiser={"ema_decay": 0.15, "warmup_steps": 0, "frozen": ["key_encoder."]})
    trainer = Trainer(network, config, group=Group())
    name = "decoder.pred.weight"
    expected = network.state_dict()[name].clone()
    for step in range(3):
        trainer.train_step(batch)
        decay = min(0.15, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.state_dict()[name]
    torch.testing.assert_close(trainer.weights[name], expected)
    assert not torch.equal(trainer.weights[name], network.state_dict()[name])
    frozen = "key_encoder.conv_stem.weight"
    assert torch.equal(trainer.weights[frozen], network.state_dict()[frozen])


@pytest.mark.parametrize(
    ("settings", "error", "what"),
    [
        ({"optimiser": {"frozen": ["key_encodr."]}}, TrainingError, "optimiser.frozen: no parameter name starts with 'key_encodr.'"),
        ({"variant": "published"}, TrainingError, "the weights belong to the variant lite, the run trains published"),
        ({"init_weights": "startr"}, WeightsError, "there are no weights called 'startr'"),
    ],
)  # fmt: skip
def test_invalid_initial_settings_are_errors(settings, error, what, started):
    """A prefix without parameters, weights of another variant, missing weights."""
    with pytest.raises(error, match=what):
        started(**settings)


class TestKeyEncoder:
    """ImageNet weights for the key encoder."""

    @pytest.fixture
    def published(self) -> dict[str, torch.Tensor]:
        """A state dict with other names in the same order, followed by a classifier."""
        torch.manual_seed(9)
        entries = STCN(LITE).key_encoder.state_dict()
        imagenet = [entry for name, entry in entries.items() if not name.startswith("deep.")]
        state = {
            f"stem.layer{number}": torch.rand(entry.shape) if entry.is_floating_point() else entry
            for number, entry in enumerate(imagenet)
        }
        return {**state, "head.weight": torch.rand(10, 4)}

    def started_from(self, state: object, started, tmp_path: Path) -> STCN:
        torch.save(state, tmp_path / "imagenet.pth")
        return started(init_weights=None, init_key_encoder="imagenet.pth")[1]

    def test_entries_are_matched_by_order(self, published, started, tmp_path):
        """Independent of their names. The classifier is ignored, and the layers for stride 32 are random."""
        network = self.started_from(published, started, tmp_path)
        *_, weight, bias = entries = list(network.key_encoder.state_dict().values())
        for entry, expected in zip(entries[:-2], published.values(), strict=False):
            torch.testing.assert_close(entry, expected, rtol=0, atol=0)
        assert weight.shape == (80, 320, 1, 1)
        assert bias.shape == (80,)
        assert weight.unique().numel() > 1000

    def test_another_shape_is_an_error(self, published, started, tmp_path):
        """The message names both entries."""
        published["stem.layer3"] = torch.rand(7)
        with pytest.raises(
            TrainingError, match=r"'stem.layer3' has shape \(7,\), 'bn1.running_mean' needs \(32,\)"
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
    def test_an_invalid_state_dict_is_an_error(self, state, started, tmp_path):
        """Too few entries, or not a mapping of names to tensors."""
        with pytest.raises(TrainingError, match=r"imagenet\.pth"):
            self.started_from(state, started, tmp_path)

    @pytest.mark.parametrize("damage", ["truncated", "garbage", "absent"])
    def test_a_damaged_file_is_an_error(self, damage, published, started, tmp_path):
        """The message names the file."""
        file = tmp_path / "imagenet.pth"
        torch.save(published, file)
        if damage == "absent":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:1000] if damage == "truncated" else b"no weights")
        with pytest.raises(TrainingError, match="not weights that torch can read safely") as caught:
            started(init_weights=None, init_key_encoder="imagenet.pth")
        assert caught.value.where == str(file)


def test_balanced_initialisation_is_sensitive_to_the_mask(started):
    """With features as large as those of ImageNet weights, the mask changes memory values and logits noticeably."""
    _, network = started(init_weights=None, variant="light")
    generator = torch.Generator().manual_seed(4)
    spread = {"f16": (192, 6, 5.6), "f8": (40, 12, 8.2), "f4": (24, 24, 8.8)}
    features = KeyFeatures(
        torch.zeros(1, 64, 6, 6),
        *(size * torch.randn(1, count, side, side, generator=generator) for count, side, size in spread.values()),
    )
    masks = torch.zeros(2, 96, 96)
    masks[0, 24:72, 24:72] = 1
    with torch.no_grad():
        masked, unmasked = network.encode_value(torch.zeros(1, 3, 96, 96), features, masks)
        context = network.decoder_context(*features[1:])
        logits = network.decode(torch.stack([masked, unmasked]), context)
    assert float((masked - unmasked).std() / unmasked.std()) > 0.1
    assert float((logits[0] - logits[1]).std() / logits.std()) > 0.03
    assert float(logits.mean()) < 0  # most pixels show no object
