"""Training of the edge network: scenes, patches, and a run."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from media.picture_files import write
from training.drawn import disc, texture
from training.short_runs import stcn

from stcn_plugin.errors import CancelledError, PresetError, TrainingError
from stcn_plugin.matte.band import edge_width
from stcn_plugin.network.edges import EdgeNetwork, levelled
from stcn_plugin.training.edges.clips import make_clip
from stcn_plugin.training.edges.coarse import simulated
from stcn_plugin.training.edges.config import is_edge_config, load_edge_config
from stcn_plugin.training.edges.library import Library
from stcn_plugin.training.edges.losses import band, edge_loss, errors
from stcn_plugin.training.edges.pool import Pool, scene_file
from stcn_plugin.training.edges.run import train_edges
from stcn_plugin.training.edges.variation import varied
from stcn_plugin.training.reports import Watcher
from stcn_plugin.weights.edges import load_edge_network
from stcn_plugin.weights.entry import read_metadata
from stcn_plugin.weights.store import WeightsStore


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Folders ``elements`` and ``photos`` with enough images that some are held out."""
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("elements", "photos"):
        (folder / name).mkdir()
    for number in range(40):
        photo = texture(number)
        write(folder / "photos" / f"photo_{number}.png", photo)
        mask = disc((60, 50), 10 + number)[..., None]
        write(folder / "elements" / f"element_{number}.png", np.dstack([photo, mask]), channels="RGBA")
    return folder


@pytest.fixture
def configured(pictures, tmp_path):
    """Write the configuration of a run of four steps, and return its path."""

    def write_file(**settings) -> Path:
        configuration = {
            "network": "edges",
            "out": "run",
            "checkpoint_every": 2,
            "data": {
                "elements": [{"folder": str(pictures / "elements"), "licence": "MIT"}],
                "photos": [{"folder": str(pictures / "photos"), "licence": "CC0-1.0"}],
            },
            "scenes": {
                "folder": "pool",
                "count": 2,
                "frames": 2,
                "size": [48, 64],
                "enlargement": [2.5, 3.0],
                "patches": 8,
            },
            "steps": {"total": 4, "batch_size": 2, "crop_size": 64},
            "validation": {"scenes": 1, "every": 2},
            "compute": {"device": "cpu", "precision": "float32", "workers": 0},
        }
        for key, value in settings.items():
            configuration[key] = {**configuration[key], **value} if isinstance(value, dict) else value
        file = tmp_path / "edges.yaml"
        file.write_text(yaml.safe_dump(configuration), "utf-8")
        return file

    return write_file


def trained(file: Path, **callbacks):
    return train_edges(load_edge_config(file), store=WeightsStore(file.parent / "store"), watcher=Watcher(**callbacks))


def test_configurations_say_which_network_they_train(configured, tmp_path):
    """`network: edges`; without it, a configuration is for the propagation."""
    file = configured()
    assert is_edge_config(file)
    config = load_edge_config(file, overrides=["steps.total=7"])
    assert (config.steps.total, config.scenes.weights) == (7, "starter-free")
    assert config.out == str(tmp_path.resolve() / "run")
    assert config.scenes.folder == str(tmp_path.resolve() / "pool")
    other = tmp_path / "other.yaml"
    other.write_text("out: run\ndata: {clips: [clips]}\n")
    assert not is_edge_config(other)
    with pytest.raises(PresetError, match=r"data\.photos"):
        load_edge_config(configured(data={"photos": []}))


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("data.photos=[]", "should be a list with at least 1 entry, got an empty list"),
        ("data.photos=[{folder: a, weight: 0}]", "data.photos.0.weight: should be a number of more than 0, got 0"),
        ("scenes.size=[64]", "should be a list of 2 values, each a whole number of at least 1, got a list of 1"),
        ("scenes.size=[1, 2, 3]", "should be a list of 2 values, each a whole number of at least 1, got a list of 3"),
        ("scenes.size=[many, 64]", "scenes.size.0: should be a whole number of at least 1, got 'many'"),
        ("scenes.size=[96, 64]", "should be the smallest, then the largest"),
        ("scenes.enlargement=[5, 1.3]", "should be the smallest, then the largest"),
        (
            "steps.crop_size=50",
            "should be a whole number that is a multiple of 16, of at least 32 and at most 144, got 50",
        ),
    ],
)
def test_an_invalid_setting_is_one_problem(configured, override, what):
    """Stated in the terms of the file: what is wanted, and what is there."""
    with pytest.raises(PresetError) as caught:
        load_edge_config(configured(), overrides=[override])
    assert caught.value.where == f"--set {override}"
    assert caught.value.what.startswith(what)


def test_a_part_of_the_images_is_held_out(configured):
    """The same part every time, and never used for training."""
    data = load_edge_config(configured()).data
    rng = np.random.default_rng(1)
    used, held = (
        {float(library.photo(rng).sum()) for _ in range(60)}
        for library in (Library(data, held_out=False), Library(data, held_out=True))
    )
    assert held and used
    assert not held & used


def test_a_clip_is_its_truth_composited(configured):
    """Where alpha is 0 the plate is the background, which does not depend on the sprite; frames are deterministic."""
    library = Library(load_edge_config(configured()).data, held_out=False)
    first, again = (list(make_clip(np.random.default_rng(5), library, 160, frames=2)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.plate, other.plate)
        np.testing.assert_array_equal(one.alpha, other.alpha)
        assert one.plate.shape == (160, 160, 3)
        assert one.plate.min() >= 0 and one.plate.max() <= 1
        assert one.alpha.min() == 0 and 0.5 < one.alpha.max() <= 1


def test_simulated_mattes_are_coarse_but_right():
    """Much nearer to alpha than nothing at all, and never sharper than the network's own size allows."""
    alpha = disc((96, 96), 60, size=(192, 192))
    left = []
    for seed in range(20):
        coarse = simulated(np.random.default_rng(seed), alpha, size=64)
        assert coarse.shape == alpha.shape
        assert coarse.min() >= 0 and coarse.max() <= 1
        left.append(((coarse - alpha) ** 2).mean() / (alpha**2).mean())
    assert 0 < np.median(left) < 0.1


def test_a_run_leaves_weights_curves_and_a_checkpoint(configured, tmp_path):
    """The weights name the licences of the data, and can be loaded."""
    reports = []
    result = trained(configured(description="for a test"), on_validation=reports.append)
    run = tmp_path / "run"
    assert result.step == 4
    assert result.weights == run.resolve() / "weights.safetensors"
    load_edge_network(result.weights)
    metadata = read_metadata(result.weights)
    assert metadata["license"] == "CC0-1.0"
    assert metadata["data"] == "elements (MIT); photos (CC0-1.0)"
    assert (metadata["title"], metadata["coarse_mattes"]) == ("for a test", "starter-free")
    with (run / "steps.csv").open() as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == [1, 2, 3, 4]
    with (run / "validation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [2, 4] == [report.step for report in reports]
    assert float(rows[1]["mse"]) == pytest.approx(reports[1].mean)
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "pool").iterdir())) == 3


def test_a_stopped_run_goes_on_where_it_was(configured):
    """With the same weights as a run that was not stopped, because all scenes exist."""
    file = configured()
    whole = load_edge_network(trained(file).weights).state_dict()
    (file.parent / "run").rename(file.parent / "whole")
    steps = []
    with pytest.raises(CancelledError, match="after step 3 of 4"):
        trained(file, on_step=lambda report: steps.append(report.step), is_stopped=lambda: len(steps) == 3)
    resumed = trained(file, on_step=lambda report: steps.append(report.step))
    assert steps == [1, 2, 3, 4]
    assert all(
        torch.equal(tensor, whole[name]) for name, tensor in load_edge_network(resumed.weights).state_dict().items()
    )


def test_other_data_need_another_folder(configured):
    """Length of the run and number of scenes may change."""
    file = configured()
    trained(file)
    assert trained(configured(steps={"total": 5})).step == 5
    with pytest.raises(TrainingError, match="other settings in seed"):
        trained(configured(seed=7))


@pytest.mark.slow
def test_stcn_train_makes_scenes_in_processes(configured, tmp_path):
    done = stcn("train", configured(compute={"workers": 1}), timeout=300)
    assert done.returncode == 0, done.stderr
    assert "4 steps" in done.stdout
    assert (tmp_path / "run" / "weights.safetensors").exists()


def test_training_approaches_a_fixed_set(configured):
    """A hundred steps on the same patches leave less than half of the error of the coarse mattes."""
    trained(configured(steps={"total": 1}))
    config = load_edge_config(configured())
    pool = Pool([scene_file(config, number, held_out=False) for number in range(2)])
    samples, conditions = pool.batch(np.random.default_rng(1), 8, crop=64)
    probability, alpha = samples[:, 3:4], samples[:, 4:]
    inside = band(probability, conditions)
    torch.manual_seed(0)
    network = EdgeNetwork()
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    for _ in range(100):
        loss = edge_loss(network(samples[:, :3], probability, conditions), alpha, inside)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        refined = network(samples[:, :3], probability, conditions).clamp(0, 1)
    assert errors(refined, alpha, inside).mse < 0.5 * errors(levelled(probability), alpha, inside).mse


def test_varied_patches():
    """Only defocus changes alpha, and the width of the edge with it; some coarse mattes lose parts of the object."""
    ramp = torch.from_numpy(np.tile(np.clip((np.arange(64) - 29.5) / 5, 0, 1), (64, 1)).astype(np.float32))
    patches = torch.stack([0.2 + 0.6 * ramp] * 3 + [ramp, ramp]).repeat(200, 1, 1, 1)
    conditions = torch.tensor([[2.0, 5.0]]).repeat(200, 1)
    before = patches.clone()
    found, widths = varied(np.random.default_rng(3), patches, conditions)
    assert torch.equal(patches, before) and float(conditions[:, 1].max()) == 5
    assert float(found.min()) >= 0 and float(found.max()) <= 1
    same = widths[:, 1] == 5
    assert 140 < int(same.sum()) < 180
    assert torch.equal(found[same, 4], patches[same, 4])
    for patch, (_, width) in zip(found[~same], widths[~same], strict=True):
        if width < 12:  # a wider edge does not fit
            assert edge_width(patch[4].numpy()) == pytest.approx(float(width), rel=0.1)
    lowest = found[same, 3, :, 56:].flatten(1).min(1).values
    assert 10 < int((lowest < 0.7).sum()) < 60
    highest = found[same, 3, :, :8].flatten(1).max(1).values
    assert 2 < int((highest > 0.1).sum()) < 30


def test_loss_keeps_what_the_plate_does_not_decide():
    """If a grey region belongs to the object in 3 cases of 10, 0.3 costs less than 0."""
    alpha = torch.zeros(10, 1, 16, 16)
    alpha[:3] = 1
    inside = torch.ones_like(alpha, dtype=torch.bool)
    costs = {value: float(edge_loss(torch.full_like(alpha, value), alpha, inside)) for value in (0.0, 0.3, 0.5)}
    assert costs[0.3] < costs[0.0] and costs[0.3] < costs[0.5]


def test_loss_ignores_what_limiting_removes():
    """Values below 0 where alpha is 0, and above 1 where it is 1, count for next to nothing."""
    alpha = torch.zeros(1, 1, 16, 16)
    alpha[..., 8:] = 1
    inside = torch.ones_like(alpha, dtype=torch.bool)
    beyond = torch.where(alpha > 0, 1.2, -0.2)
    within = torch.where(alpha > 0, 0.8, 0.2)
    assert float(edge_loss(alpha, alpha, inside)) == 0
    assert float(edge_loss(beyond, alpha, inside)) < 0.05 * float(edge_loss(within, alpha, inside))


def test_band_of_the_loss_reaches_four_network_pixels():
    probability = torch.zeros(2, 1, 64, 64)
    probability[..., 32, 32] = 0.5
    inside = band(probability, torch.tensor([[1.5, 1.0], [4.0, 1.0]]))
    assert inside[0].sum() == 13**2
    assert inside[1].sum() == 33**2


def test_the_recipe_of_the_weights_in_the_package_loads():
    config = load_edge_config(Path(__file__).parents[2] / "examples" / "training" / "edges.yaml")
    assert config.scenes.weights == "starter-free"
    sources = (*config.data.elements, *config.data.photos)
    assert {source.licence for source in sources} == {"MIT", "CC0-1.0", "Apache-2.0", "public domain"}


def test_some_patches_have_another_response(monkeypatch):
    """Alpha of the coarse matte, after the default matte levels, is raised to one exponent; truth and clear pixels stay."""
    for name in ("_DEFOCUSED", "_GRAINY", "_LOST", "_LEAKED"):
        monkeypatch.setattr(f"stcn_plugin.training.edges.variation.{name}", 0.0)
    rng = np.random.default_rng(4)
    patches = torch.from_numpy(rng.random((40, 5, 16, 16), np.float32))
    found, _ = varied(rng, patches, torch.full((40, 2), 2.0))
    assert torch.equal(found[:, 4], patches[:, 4])
    before, after = levelled(patches[:, 3]), levelled(found[:, 3])
    soft = (before > 0.02) & (before < 0.98)
    exponents = torch.stack([(after[k][soft[k]].log() / before[k][soft[k]].log()).median() for k in range(40)])
    for number, exponent in enumerate(exponents):
        torch.testing.assert_close(
            after[number][soft[number]], before[number][soft[number]] ** exponent, atol=1e-4, rtol=0
        )
    assert torch.equal(found[:, 3][~soft & (before <= 0)], patches[:, 3][~soft & (before <= 0)])
    changed = (exponents - 1).abs() > 1e-3
    assert 10 < int(changed.sum()) < 30
    assert 0.05 < float(exponents[changed].log().std()) < 0.4
