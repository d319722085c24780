"""Whole runs: stopped and gone on with, refused where they do not fit, and what they leave in the end."""

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

AVERAGED = {"warm_up": 2, "average": 0.9}


@pytest.fixture(scope="module")
def whole(footage, tmp_path_factory) -> Path:
    """The folder of a run of six steps that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    config = load_training_config(write_configuration(folder, footage, optimiser=AVERAGED, description="Test weights"))
    train(config, store=WeightsStore(folder / "store"))
    return folder / "run"


def assert_same_run(one: Path, other: Path) -> None:
    """Both have the same curve, step by step, and ended in the same weights."""
    assert [line[0] for line in curve(one)] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(curve(one), curve(other), rtol=1e-6, atol=1e-6)
    assert_close(state(one), state(other), rtol=1e-5, atol=1e-6)
    ours, theirs = (read_weights(run / "weights.safetensors").state for run in (one, other))
    assert_close(ours, theirs, rtol=2e-3, atol=1e-5)  # a rounding of half floats apart


def assert_close(ours: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor], **tolerance: float) -> None:
    """Entry by entry."""
    assert ours.keys() == theirs.keys()
    for name, entry in ours.items():
        torch.testing.assert_close(entry, theirs[name], **tolerance, msg=name)


@contextmanager
def started(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the command as a shell would, in a process group of its own; none of it is left in the end."""
    command = [sys.executable, "-m", "stcn_plugin", "train", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Read what a process says until some words."""
    said = []
    for line in process.stderr:
        said.append(line)
        if words in line:
            return
    raise AssertionError(f"never said '{words}': {''.join(said)}")


def test_a_run_that_was_stopped_goes_on_as_if_nothing_had_been(whole, configured, trained):
    """The same losses line by line and the same weights, average and all; each sitting says where it begins."""
    file, steps, begun = configured("parts", optimiser=AVERAGED), [], []
    watching = {"on_start": begun.append, "on_step": lambda report: steps.append(report.step)}
    with pytest.raises(CancelledError, match="stopped after step 3 of 6; the checkpoint is saved"):
        trained(file, **watching, is_stopped=lambda: len(steps) == 2)
    assert steps == [1, 2, 3]
    assert not (file.parent / "parts" / "weights.safetensors").exists()
    done = trained(file, **watching)
    assert (begun, steps) == ([0, 3], [1, 2, 3, 4, 5, 6])
    assert (done.step, done.best) == (6, None)
    assert_same_run(file.parent / "parts", whole)


def test_a_run_that_was_killed_goes_on_as_if_nothing_had_been(whole, configured):
    """A process killed after a checkpoint; what it did since is done again, to the same numbers."""
    file = configured("killed", optimiser=AVERAGED, compute={"workers": 1})
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
def test_ctrl_c_saves_and_tells_how_to_go_on(number, configured):
    """So does a farm's signal to end, sent to all processes of the run: 128 and the signal, one message, no traceback."""
    file = configured(steps={"total": 1000}, compute={"workers": 1})
    with started(file) as process:
        wait_for(process, "step 1/1000")
        os.killpg(process.pid, number)
        said = process.stderr.read()
        assert process.wait() == 128 + number, said
    steps = len(curve(file.parent / "run"))
    assert said.splitlines()[-1] == (
        f"stcn: stopped after step {steps} of 1000; the checkpoint is saved. Start the same command again to go on."
    )
    assert "Traceback" not in said
    saved = torch.load(file.parent / "run" / "checkpoint.pt", weights_only=True)
    assert saved["step"] == steps


def test_ctrl_c_while_the_processes_that_prepare_samples_start(configured):
    """It reaches all of them while they are still importing; none ends with a traceback, and nothing is lost."""
    file = configured(steps={"total": 1000}, compute={"workers": 2})
    with started(file) as process:
        while len(preparing(process.pid)) < 2:
            assert process.poll() is None
            time.sleep(0.001)
        os.killpg(process.pid, signal.SIGINT)
        said = process.stderr.read()
        assert process.wait() == 130, said
    assert "Traceback" not in said
    assert "stopped after step 1 of 1000; the checkpoint is saved" in said


def preparing(pid: int) -> list[str]:
    """The processes that a run started to prepare samples."""
    children = (Path(f"/proc/{pid}/task/{pid}/children")).read_text().split()
    with suppress(FileNotFoundError):
        return [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return []


def test_a_signal_that_comes_twice_is_one(configured):
    """A farm signals torchrun and what it started, and torchrun hands its own on: the checkpoint is saved all the same."""
    file = configured(steps={"total": 1000}, compute={"workers": 1})
    with started(file) as process:
        wait_for(process, "step 1/1000")
        process.send_signal(signal.SIGTERM)
        wait_for(process, "stopping after this step")
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
        assert process.wait() == 143, said
    assert f"stopped after step {len(curve(file.parent / 'run'))} of 1000; the checkpoint is saved" in said


def test_a_second_signal_ends_a_run_at_once(configured):
    """Without a checkpoint of the step; the processes that prepare samples go as well."""
    file = configured(steps={"total": 1000}, compute={"workers": 1}, checkpoint_every=1000)
    with started(file) as process:
        wait_for(process, "step 1/1000")
        children = preparing(process.pid)
        process.send_signal(signal.SIGSTOP)  # so that no step ends between the two
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.6)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait() == 130, said
    assert "Traceback" not in said
    assert len(children) == 1
    deadline = time.monotonic() + 60
    while Path(f"/proc/{children[0]}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_folder_with_another_run_is_refused(configured, trained):
    """By the names of the settings that changed; what changes nothing about the numbers may change."""
    trained(configured(steps={"total": 1}))
    other = configured(steps={"total": 1}, seed=4, optimiser={"rate": 1e-3}, description="new", checkpoint_every=7)
    with pytest.raises(TrainingError, match="other settings in optimiser, seed") as caught:
        trained(other)
    assert caught.value.where == str(other.parent / "run")
    assert "Choose another folder" in caught.value.fix
    trained(configured(steps={"total": 1}, description="new", checkpoint_every=7))


@pytest.mark.parametrize("kept", [0, 1000])
def test_a_damaged_checkpoint_is_refused(kept, configured, trained):
    """Whether it is cut short or empty; the message names the file and the way out."""
    file = configured(steps={"total": 1})
    trained(file)
    checkpoint = file.parent / "run" / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:kept])
    with pytest.raises(TrainingError, match="the checkpoint is damaged") as caught:
        trained(file)
    assert (caught.value.where, caught.value.fix) == (str(checkpoint), "Delete it to start anew")


def test_a_checkpoint_of_another_network_is_refused(configured, trained):
    """As one from a version whose network had other parts."""
    file = configured(steps={"total": 1})
    trained(file)
    checkpoint = file.parent / "run" / "checkpoint.pt"
    saved = torch.load(checkpoint, weights_only=True)
    del saved["network"]["key_encoder.deep.weight"]
    torch.save(saved, checkpoint)
    with pytest.raises(TrainingError, match="the checkpoint is of another network"):
        trained(file)


def test_a_damaged_picture_ends_the_run_with_its_name(configured, trained, tmp_path):
    """Also where another process reads it."""
    save_clip(tmp_path / "clips" / "ball", frames=2, seed=1, colour=(1, 0, 0))
    for plate in (tmp_path / "clips" / "ball" / "plates").iterdir():
        plate.write_bytes(plate.read_bytes()[:2000])
    with pytest.raises(PlateError) as caught:
        trained(configured(data={"clips": ["clips"], "stills": []}, compute={"workers": 1}))
    assert str(tmp_path / "clips" / "ball" / "plates") in caught.value.where
    assert_no_process_prepares_samples()


def test_a_process_that_is_killed_while_it_prepares_samples_ends_the_run(configured, trained):
    """And nothing is left behind, though one of two processes was well and the error is kept."""

    def kill(report: StepReport) -> None:
        if report.step == 2:
            os.kill(active_children()[0].pid, signal.SIGKILL)
            time.sleep(1)  # so that it is noticed here, and not while the run waits for a batch

    with pytest.raises(TrainingError, match="a process that prepares samples died") as caught:
        trained(configured(steps={"total": 1000}, compute={"workers": 2}), on_step=kill)
    assert "lower compute.workers" in caught.value.fix
    assert_no_process_prepares_samples()


def test_a_run_that_is_stopped_leaves_no_process(configured, trained):
    """As a program needs that stops a run and goes on to something else, its error kept."""
    with pytest.raises(CancelledError) as caught:
        trained(configured(steps={"total": 1000}, compute={"workers": 1}), is_stopped=lambda: True)
    assert "stopped after step 1 of 1000" in str(caught.value)
    assert_no_process_prepares_samples()


def assert_no_process_prepares_samples() -> None:
    """Python would wait in the end for one that is left, and it for Python."""
    assert active_children() == []


def test_the_weights_are_the_runs_average_in_half_precision(whole):
    """They read back, and are within a half float's rounding of what the checkpoint holds."""
    loaded = read_weights(whole / "weights.safetensors")
    checkpoint = torch.load(whole / "checkpoint.pt", weights_only=True)
    average = {name: entry for name, entry in checkpoint["average"].items() if name.startswith("module.")}
    assert loaded.variant.name == "lite"
    assert not torch.equal(average["module.decoder.pred.weight"], checkpoint["network"]["decoder.pred.weight"])
    halves = {
        name.removeprefix("module."): entry.half() if entry.is_floating_point() else entry
        for name, entry in average.items()
    }
    assert_close(loaded.state, halves, rtol=0, atol=0)
    assert (whole / "weights.safetensors").stat().st_size < 1.1 * builtin_files()[STARTER].stat().st_size


def test_the_weights_say_where_they_come_from(whole):
    """In the file and on the card: data, licences of all that went in, steps; and no folder of this machine."""
    metadata = read_metadata(whole / "weights.safetensors")
    card = (whole / "MODEL_CARD.md").read_text("utf-8")
    licences = ["CC0", "drawn for the test", read_metadata(builtin_files()[STARTER])["license"]]
    for text in (metadata["license"], card):
        assert all(licence in text for licence in licences)
    assert metadata["source"] == "stcn train, 6 steps"
    for text in (metadata["data"], card):
        assert "clips (CC0); stills (drawn for the test)" in text
    assert metadata["title"] == "Test weights"
    assert card.startswith("# Test weights\n")
    assert "| Steps | 6 of 2 samples" in card
    assert str(whole.parent) not in card


def test_the_curves_are_drawn(whole):
    """As a PNG on which something can be seen."""
    picture = Image.open(whole / "curves.png")
    assert picture.format == "PNG"
    assert len(picture.convert("RGB").getcolors(1 << 24)) > 10


def test_a_run_that_only_got_worse_still_gives_its_weights(configured, trained, footage):
    """Where every validation is a plain 0 the first one's weights are kept, and the report says 0."""
    validation = {"clips": [str(footage.clips)], "names": ["ball"], "every": 1, "lines": 96}
    optimiser = {"rate": 0.01, "warm_up": 0, "clip": 1000.0}
    done = trained(configured(steps={"total": 2}, optimiser=optimiser, validation=validation))
    assert done.best == 0
    assert read_weights(done.weights).variant.name == "lite"


def test_validation_is_what_propagating_and_evaluating_give(configured, trained, footage, tmp_path):
    """The best of all validations is kept, and by the command line its weights have the same J&F."""
    seen = []
    validation = {"clips": [str(footage.clips)], "names": ["moon", "ball"], "every": 1, "lines": 96}
    file = configured(steps={"total": 3}, optimiser={"rate": 0.0003, "warm_up": 0}, validation=validation)
    done = trained(file, on_validation=seen.append)
    assert [report.step for report in seen] == [1, 2, 3]
    assert done.best == max(report.mean for report in seen)
    assert len({report.mean for report in seen}) > 1
    (best,) = (report for report in seen if report.mean == done.best)
    with (file.parent / "run" / "validation.csv").open(encoding="utf-8") as rows:
        written = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(rows)]
    assert written == [{"step": report.step, "mean": report.mean, **report.scores} for report in seen]
    assert read_metadata(done.weights)["validation"] == f"J&F {done.best:.4f}"
    clip = footage.clips / "ball"
    by_hand = jf_by_command_line(clip / "masks" / "0001.png", done.weights, tmp_path / "mattes")
    assert best.scores["ball"] == pytest.approx(by_hand, abs=1e-3)
    assert 0.1 < best.scores["ball"] < 1


def test_validation_scores_the_objects_that_the_first_mask_shows(tmp_path):
    """One that enters later was given by nobody."""
    clip = tmp_path / "late"
    save_pair(clip, frames=6)
    first = clip / "masks" / "00.png"
    with Image.open(first) as mask:
        square_only = mask.point([0, 0, *range(2, 256)])
    square_only.save(first)
    validation = Validation(clips=(Folder(folder=str(tmp_path)),), names=("late",), lines=96)
    compute = Compute(device="cpu", precision="float32")
    starter = read_weights(builtin_files()[STARTER])
    report = validate(starter, find_validation_clips(validation), validation=validation, compute=compute, step=7)
    by_hand = jf_by_command_line(first, STARTER, tmp_path / "mattes", "--object", "2")
    assert report.step == 7
    assert report.scores == {"late": pytest.approx(by_hand, abs=1e-3)}
    assert report.mean > 0.5


def jf_by_command_line(first: Path, weights: object, out: Path, *choice: str) -> float:
    """Propagate a clip from its first mask, and return the J&F of its only object, or of the one that is chosen."""
    digits, masks = "#" * len(first.stem), first.parent
    shot = ["--plate", masks.parent / "plates" / f"{digits}.png", "--keyframe", f"{int(first.stem)}={first}"]
    settings = ["--set", "size=96", "--set", "compute.precision=float32", "--weights", weights, "--quiet"]
    assert (result := stcn("propagate", *shot, "--out", out / "m.####.exr", *settings)).returncode == 0, result.stderr
    (scored,) = json.loads(stcn("evaluate", out, masks, *choice, "--davis", "--json", "-").stdout)["objects"]
    return scored["mean"]["jf"]
