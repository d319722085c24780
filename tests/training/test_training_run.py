"""Complete runs: interrupted and resumed, errors, and results."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from training.drawn import save_clip, save_pair
from training.short_runs import curve, state, stcn, write_configuration

from stcn_plugin.errors import CancelledError, PlateError, TrainingError
from stcn_plugin.training.config import Compute, Folder, Validation, load_training_config
from stcn_plugin.training.reports import StepReport
from stcn_plugin.training.run import train
from stcn_plugin.training.validation import find_validation_clips, validate
from stcn_plugin.weights.entry import read_metadata
from stcn_plugin.weights.reading import read_weights
from stcn_plugin.weights.store import STARTER, WeightsStore, builtin_files

pytestmark = pytest.mark.slow

EMA = {"warmup_steps": 2, "ema_decay": 0.9}


@pytest.fixture(scope="module")
def whole(footage, tmp_path_factory) -> Path:
    """The folder of an uninterrupted run of six steps."""
    folder = tmp_path_factory.mktemp("whole")
    config = load_training_config(write_configuration(folder, footage, optimiser=EMA, description="Test weights"))
    train(config, store=WeightsStore(folder / "store"))
    return folder / "run"


def assert_same_run(one: Path, other: Path) -> None:
    """Both have the same curve and the same weights."""
    assert [line[0] for line in curve(one)] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(curve(one), curve(other), rtol=1e-6, atol=1e-6)
    assert_close(state(one), state(other), rtol=1e-5, atol=1e-6)
    ours, theirs = (read_weights(run / "weights.safetensors").state for run in (one, other))
    assert_close(ours, theirs, rtol=2e-3, atol=1e-5)  # half-precision rounding


def assert_close(ours: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor], **tolerance: float) -> None:
    """Compare state dicts."""
    assert ours.keys() == theirs.keys()
    for name, entry in ours.items():
        torch.testing.assert_close(entry, theirs[name], **tolerance, msg=name)


@contextmanager
def started(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Start `stcn train` in its own process group, which is killed on exit."""
    command = [sys.executable, "-m", "stcn_plugin", "train", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Read the stderr of a process until a line contains some text."""
    lines = []
    for line in process.stderr:
        lines.append(line)
        if text in line:
            return
    raise AssertionError(f"no line contains '{text}': {''.join(lines)}")


def test_a_stopped_run_resumes_with_identical_results(whole, configured, trained):
    """The same losses and weights, including the EMA; `on_start` reports the completed steps."""
    file, steps, starts = configured("parts", optimiser=EMA), [], []
    callbacks = {"on_start": starts.append, "on_step": lambda report: steps.append(report.step)}
    with pytest.raises(CancelledError, match="stopped after step 3 of 6; the checkpoint is saved"):
        trained(file, **callbacks, is_stopped=lambda: len(steps) == 2)
    assert steps == [1, 2, 3]
    assert not (file.parent / "parts" / "weights.safetensors").exists()
    done = trained(file, **callbacks)
    assert (starts, steps) == ([0, 3], [1, 2, 3, 4, 5, 6])
    assert (done.step, done.best) == (6, None)
    assert_same_run(file.parent / "parts", whole)


def test_a_killed_run_resumes_with_identical_results(whole, configured):
    """Steps after the last checkpoint are repeated."""
    file = configured("killed", optimiser=EMA, compute={"workers": 1})
    with started(file) as process:
        wait_for(process, "saved")
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert len(curve(file.parent / "killed")) < 6
    again = stcn("train", file)
    assert again.returncode == 0, again.stderr
    assert "resuming after step " in again.stderr
    assert f"{file.parent / 'killed' / 'weights.safetensors'}: 6 steps in" in again.stdout
    assert_same_run(file.parent / "killed", whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_a_checkpoint_and_stops_the_run(number, configured):
    """Sent to all processes of the run. The exit code is 128 plus the signal, with one message and no traceback."""
    file = configured(steps={"total": 1000}, compute={"workers": 1})
    with started(file) as process:
        wait_for(process, "step 1/1000")
        os.killpg(process.pid, number)
        output = process.stderr.read()
        assert process.wait() == 128 + number, output
    steps = len(curve(file.parent / "run"))
    assert output.splitlines()[-1] == (
        f"stcn: stopped after step {steps} of 1000; the checkpoint is saved. Run the same command again to resume."
    )
    assert "Traceback" not in output
    saved = torch.load(file.parent / "run" / "checkpoint.pt", weights_only=True)
    assert saved["step"] == steps


def test_ctrl_c_while_data_loader_processes_start(configured):
    """They receive it while they import modules. There is no traceback, and a checkpoint is saved."""
    file = configured(steps={"total": 1000}, compute={"workers": 2})
    with started(file) as process:
        deadline = time.monotonic() + 60
        while len(loader_processes(process.pid)) < 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.001)
        os.killpg(process.pid, signal.SIGINT)
        output = process.stderr.read()
        assert process.wait() == 130, output
    assert "Traceback" not in output
    assert "stopped after step 1 of 1000; the checkpoint is saved" in output


def loader_processes(pid: int) -> list[str]:
    """The data loader processes of a run."""
    children = (Path(f"/proc/{pid}/task/{pid}/children")).read_text().split()
    with suppress(FileNotFoundError):
        return [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return []


def test_a_repeated_termination_signal_still_saves_the_checkpoint(configured):
    """A farm signals torchrun and its children, and torchrun forwards its own signal."""
    file = configured(steps={"total": 1000}, compute={"workers": 1})
    with started(file) as process:
        wait_for(process, "step 1/1000")
        process.send_signal(signal.SIGTERM)
        wait_for(process, "stopping after this step")
        process.send_signal(signal.SIGTERM)
        output = process.stderr.read()
        assert process.wait() == 143, output
    assert f"stopped after step {len(curve(file.parent / 'run'))} of 1000; the checkpoint is saved" in output


def test_a_second_ctrl_c_ends_a_run_immediately(configured):
    """Without a checkpoint of the step; the data loader processes end too."""
    file = configured(steps={"total": 1000}, compute={"workers": 1}, checkpoint_every=1000)
    with started(file) as process:
        wait_for(process, "step 1/1000")
        children = loader_processes(process.pid)
        process.send_signal(signal.SIGSTOP)  # no step may end between the two signals
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.6)
        process.send_signal(signal.SIGINT)
        output = process.stderr.read()
        assert process.wait() == 130, output
    assert "Traceback" not in output
    assert len(children) == 1
    deadline = time.monotonic() + 60
    while Path(f"/proc/{children[0]}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_folder_with_another_run_is_an_error(configured, trained):
    """The message names the changed settings. Settings that do not affect the numbers may change."""
    trained(configured(steps={"total": 1}))
    other = configured(
        steps={"total": 1}, seed=4, optimiser={"learning_rate": 1e-3}, description="new", checkpoint_every=7
    )
    with pytest.raises(TrainingError, match="other settings in optimiser, seed") as caught:
        trained(other)
    assert caught.value.where == str(other.parent / "run")
    assert "Choose another folder" in caught.value.fix
    trained(configured(steps={"total": 1}, description="new", checkpoint_every=7))


@pytest.mark.parametrize("size", [0, 1000])
def test_a_damaged_checkpoint_is_an_error(size, configured, trained):
    """Empty or truncated; the message names the file and the fix."""
    file = configured(steps={"total": 1})
    trained(file)
    checkpoint = file.parent / "run" / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:size])
    with pytest.raises(TrainingError, match="the checkpoint is damaged") as caught:
        trained(file)
    assert (caught.value.where, caught.value.fix) == (str(checkpoint), "Delete it to start again")


def test_a_checkpoint_of_another_network_is_an_error(configured, trained):
    """Such as one of a version with other layers."""
    file = configured(steps={"total": 1})
    trained(file)
    checkpoint = file.parent / "run" / "checkpoint.pt"
    saved = torch.load(checkpoint, weights_only=True)
    del saved["network"]["key_encoder.deep.weight"]
    torch.save(saved, checkpoint)
    with pytest.raises(TrainingError, match="the checkpoint belongs to another network"):
        trained(file)


def test_a_damaged_picture_is_an_error_that_names_the_file(configured, trained, tmp_path):
    """Also if a data loader process reads it."""
    save_clip(tmp_path / "clips" / "ball", frames=2, seed=1, colour=(1, 0, 0))
    for plate in (tmp_path / "clips" / "ball" / "plates").iterdir():
        plate.write_bytes(plate.read_bytes()[:2000])
    with pytest.raises(PlateError) as caught:
        trained(configured(data={"clips": ["clips"], "stills": []}, compute={"workers": 1}))
    assert str(tmp_path / "clips" / "ball" / "plates") in caught.value.where
    assert_no_process_prepares_samples()


def test_a_killed_data_loader_process_is_an_error(configured, trained):
    """The other one is stopped, although the error is still referenced."""

    def kill(report: StepReport) -> None:
        if report.step == 2:
            os.kill(active_children()[0].pid, signal.SIGKILL)
            time.sleep(1)  # the error is raised here, not while the run waits for a batch

    with pytest.raises(TrainingError, match="a data loader process died") as caught:
        trained(configured(steps={"total": 1000}, compute={"workers": 2}), on_step=kill)
    assert "lower compute.workers" in caught.value.fix
    assert_no_process_prepares_samples()


def test_a_stopped_run_leaves_no_process(configured, trained):
    """Even if the error is still referenced."""
    with pytest.raises(CancelledError) as caught:
        trained(configured(steps={"total": 1000}, compute={"workers": 1}), is_stopped=lambda: True)
    assert "stopped after step 1 of 1000" in str(caught.value)
    assert_no_process_prepares_samples()


def assert_no_process_prepares_samples() -> None:
    """A process that is left would block the exit of Python."""
    assert active_children() == []


def test_the_weights_are_the_ema_in_half_precision(whole):
    """They equal the EMA of the checkpoint, rounded to half precision."""
    loaded = read_weights(whole / "weights.safetensors")
    checkpoint = torch.load(whole / "checkpoint.pt", weights_only=True)
    ema = {name: entry for name, entry in checkpoint["ema"].items() if name.startswith("module.")}
    assert loaded.variant.name == "lite"
    assert not torch.equal(ema["module.decoder.pred.weight"], checkpoint["network"]["decoder.pred.weight"])
    halves = {
        name.removeprefix("module."): entry.half() if entry.is_floating_point() else entry
        for name, entry in ema.items()
    }
    assert_close(loaded.state, halves, rtol=0, atol=0)
    assert (whole / "weights.safetensors").stat().st_size < 1.1 * builtin_files()[STARTER].stat().st_size


def test_provenance_is_in_the_weights_and_on_the_model_card(whole):
    """Data, licences and steps; no directory of this machine."""
    metadata = read_metadata(whole / "weights.safetensors")
    card = (whole / "MODEL_CARD.md").read_text("utf-8")
    licences = ["CC0", "drawn for the test", read_metadata(builtin_files()[STARTER])["license"]]
    for text in (metadata["license"], card):
        assert all(licence in text for licence in licences)
    assert metadata["source"] == "stcn train, 6 steps"
    for text in (metadata["data"], card):
        assert "clips (CC0); stills (drawn for the test)" in text
    assert metadata["title"] == "Test weights"
    assert metadata["object_size"] == "51"  # of crops of 64 pixels
    assert card.startswith("# Test weights\n")
    assert "| Steps | 6 of 2 samples" in card
    assert str(whole.parent) not in card


def test_the_curves_are_plotted(whole):
    """As a PNG with visible content."""
    picture = Image.open(whole / "curves.png")
    assert picture.format == "PNG"
    assert len(picture.convert("RGB").getcolors(1 << 24)) > 10


def test_weights_with_a_score_of_zero_are_exported(configured, trained, footage):
    """If every validation scores 0, the first weights are kept."""
    validation = {"clips": [str(footage.clips)], "names": ["ball"], "every": 1, "size": 96}
    optimiser = {"learning_rate": 0.01, "warmup_steps": 0, "grad_clip_norm": 1000.0}
    done = trained(configured(steps={"total": 2}, optimiser=optimiser, validation=validation))
    assert done.best == 0
    assert read_weights(done.weights).variant.name == "lite"


def test_validation_scores_equal_those_of_the_commands(configured, trained, footage, tmp_path):
    """The best weights are kept; `stcn propagate` and `stcn evaluate` give the same J&F."""
    seen = []
    validation = {"clips": [str(footage.clips)], "names": ["moon", "ball"], "every": 1, "size": 96}
    file = configured(steps={"total": 3}, optimiser={"learning_rate": 0.0003, "warmup_steps": 0}, validation=validation)
    done = trained(file, on_validation=seen.append)
    assert [report.step for report in seen] == [1, 2, 3]
    assert done.best == max(report.mean for report in seen)
    assert len({report.mean for report in seen}) > 1
    (best,) = (report for report in seen if report.mean == done.best)
    with (file.parent / "run" / "validation.csv").open(encoding="utf-8") as rows:
        logged = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(rows)]
    assert logged == [{"step": report.step, "mean": report.mean, **report.scores} for report in seen]
    assert read_metadata(done.weights)["validation"] == f"J&F {done.best:.4f}"
    clip = footage.clips / "ball"
    expected = jf_by_command_line(clip / "masks" / "0001.png", done.weights, tmp_path / "mattes")
    assert best.scores["ball"] == pytest.approx(expected, abs=1e-3)
    assert 0.1 < best.scores["ball"] < 1


def test_validation_scores_only_objects_of_the_first_mask(tmp_path):
    """An object that enters later is not propagated."""
    clip = tmp_path / "late"
    save_pair(clip, frames=6)
    first = clip / "masks" / "00.png"
    with Image.open(first) as mask:
        square_only = mask.point([0, 0, *range(2, 256)])
    square_only.save(first)
    validation = Validation(clips=(Folder(folder=str(tmp_path)),), names=("late",), size=96)
    compute = Compute(device="cpu", precision="float32")
    starter = read_weights(builtin_files()[STARTER])
    report = validate(starter, find_validation_clips(validation), validation=validation, compute=compute, step=7)
    expected = jf_by_command_line(first, STARTER, tmp_path / "mattes", "--object", "2")
    assert report.step == 7
    assert report.scores == {"late": pytest.approx(expected, abs=1e-3)}
    assert report.mean > 0.5


def jf_by_command_line(first: Path, weights: object, out: Path, *choice: str) -> float:
    """Propagate a clip from its first mask, and return the J&F of its only, or chosen, object."""
    digits, masks = "#" * len(first.stem), first.parent
    shot = ["--plate", masks.parent / "plates" / f"{digits}.png", "--keyframe", f"{int(first.stem)}={first}"]
    settings = ["--set", "size=96", "--set", "compute.precision=float32", "--weights", weights, "--quiet"]
    assert (result := stcn("propagate", *shot, "--out", out / "m.####.exr", *settings)).returncode == 0, result.stderr
    (scored,) = json.loads(stcn("evaluate", out, masks, *choice, "--davis", "--json", "-").stdout)["objects"]
    return scored["mean"]["jf"]
