"""Resumed runs: after a stop or an error, with another validation, from another folder; and failures to write."""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training.drawn import disc, save, texture
from training.short_runs import Footage, curve

from stcn_plugin.errors import CancelledError, OutputError, STCNError, TrainingError
from stcn_plugin.training.history import History
from stcn_plugin.training.reports import StepReport
from stcn_plugin.weights.reading import read_weights

pytestmark = pytest.mark.slow

# Writes a checkpoint of 1 MB, or weights, with a file size limit of 256 KB, which simulates a full disk.
LIMITED = """
import resource, sys, torch
from pathlib import Path
from stcn_plugin.errors import STCNError
from stcn_plugin.weights.store import WeightsStore
from stcn_plugin.weights.reading import read_weights, write_weights
from stcn_plugin.training.checkpoints import Checkpoint, save_checkpoint

what, folder = sys.argv[1], Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, 1 << 18))
try:
    if what == "checkpoint.pt":
        save_checkpoint(folder, Checkpoint(1, {"w": torch.rand(1 << 18)}, {}, {}, -1.0, 0.0))
    else:
        starter = WeightsStore(folder / "store").path("starter")
        write_weights(folder / what, read_weights(starter))
except STCNError as error:
    print(error)
"""


def validation(footage: Footage, *names: str, every: int = 1) -> dict[str, object]:
    return {"clips": [str(footage.clips)], "names": list(names), "every": every, "size": 96, "frames": 3}


def validated_steps(run: Path) -> list[int]:
    with (run / "validation.csv").open(encoding="utf-8") as rows:
        return [int(row["step"]) for row in csv.DictReader(rows)]


def test_a_validation_skipped_by_a_stop_is_done_when_resuming(configured, trained, footage):
    """Before the next step, so that the best weights are not missed."""
    file = configured(steps={"total": 4}, validation=validation(footage, "ball", every=2))
    seen, steps = [], []
    callbacks = {"on_validation": lambda report: seen.append((report.step, len(steps)))}
    with pytest.raises(CancelledError, match="stopped after step 2 of 4"):
        trained(file, **callbacks, on_step=steps.append, is_stopped=lambda: len(steps) == 1)
    assert seen == []
    trained(file, **callbacks, on_step=steps.append)
    assert seen == [(2, 2), (4, 4)]
    assert validated_steps(file.parent / "run") == [2, 4]


def test_a_stop_at_the_last_step_completes_the_run(configured, trained, footage):
    """It is validated and exported as usual."""
    file = configured(steps={"total": 2}, validation=validation(footage, "ball", every=500))
    steps = []
    done = trained(file, on_step=steps.append, is_stopped=lambda: len(steps) == 1)
    assert (done.step, validated_steps(file.parent / "run")) == (2, [2])
    assert read_weights(done.weights).variant.name == "lite"


def test_a_failed_validation_saves_a_checkpoint(configured, trained, tmp_path, footage):
    """The validation is repeated when the run is resumed."""
    for frame in (1, 2, 3):
        save(tmp_path / "held" / "dot", f"{frame:04d}", texture(frame), disc((60, 50), 20))
    mask = tmp_path / "held" / "dot" / "masks" / "0001.png"
    whole = mask.read_bytes()
    mask.write_bytes(whole[: len(whole) // 2])
    held = {"clips": ["held"], "every": 3, "size": 96}
    file = configured(steps={"total": 3}, checkpoint_every=100, validation=held)
    with pytest.raises(STCNError, match=r"0001\.png"):
        trained(file)
    assert torch.load(file.parent / "run" / "checkpoint.pt", weights_only=True)["step"] == 3
    mask.write_bytes(whole)
    done = trained(file)
    assert len(curve(file.parent / "run")) == 3
    assert done.best is not None
    assert done.weights.is_file()


def test_the_best_score_is_reset_if_the_validation_changes(configured, trained, footage):
    """Scores on other clips are not comparable."""
    settings = {"steps": {"total": 2}, "validation": validation(footage, "ball")}
    assert trained(configured(**settings)).best is not None
    run = configured(**settings).parent / "run"
    saved = torch.load(run / "checkpoint.pt", weights_only=True)
    torch.save({**saved, "best": 0.99}, run / "checkpoint.pt")
    seen = []
    done = trained(configured(**{**settings, "validation": validation(footage, "moon")}), on_validation=seen.append)
    assert [(report.step, list(report.scores)) for report in seen] == [(2, ["moon"])]
    assert done.best == seen[0].mean < 0.99
    assert validated_steps(run) == [2]


def test_validation_can_be_added_to_a_completed_run(configured, trained, footage):
    """It is validated once, at its last step."""
    assert trained(configured(steps={"total": 2})).best is None
    seen = []
    added = configured(steps={"total": 2}, validation=validation(footage, "ball"))
    assert trained(added, on_validation=seen.append).best == seen[0].mean
    assert [report.step for report in seen] == [2]


def test_a_run_can_be_resumed_from_any_folder(configured, trained, tmp_path, monkeypatch):
    """The same file by a relative path or through a link is the same run."""
    configured(steps={"total": 1}, data={"clips": [], "stills": ["stills"]})
    save(tmp_path / "stills", "dot", texture(1), disc((60, 50), 20))
    trained(tmp_path / "run.yaml")
    (tmp_path / "deep").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path / "deep")
    assert trained(Path("../run.yaml")).step == 1
    assert trained(tmp_path / "link" / "run.yaml").step == 1


def test_a_damaged_saved_configuration_is_an_error(configured, trained):
    """An empty file is neither another run nor a new one."""
    file = configured(steps={"total": 1})
    trained(file)
    saved = file.parent / "run" / "config.yaml"
    saved.write_text("")
    with pytest.raises(TrainingError, match="damaged, or of another version") as caught:
        trained(file)
    assert caught.value.where == str(saved)
    assert "another folder" in caught.value.fix


def test_a_saved_configuration_with_an_unknown_setting_is_an_error(configured, trained):
    """Such as one of another version. The message names file, line and setting, and the run is not changed."""
    file = configured(steps={"total": 1})
    trained(file)
    saved = file.parent / "run" / "config.yaml"
    old = saved.read_text().replace("  frame_gap:", "  gap:")
    saved.write_text(old)
    checkpoint = (file.parent / "run" / "checkpoint.pt").read_bytes()
    with pytest.raises(TrainingError, match="gap: there is no such setting") as caught:
        trained(file)
    assert caught.value.where == f"{saved}:{old.splitlines().index('  gap:') + 1}"
    assert saved.read_text() == old
    assert (file.parent / "run" / "checkpoint.pt").read_bytes() == checkpoint


def test_a_checkpoint_that_cannot_be_opened_is_not_reported_as_damaged(configured, trained):
    """The message does not suggest to delete it, since the cause may be temporary."""
    file = configured(steps={"total": 1})
    trained(file)
    checkpoint = file.parent / "run" / "checkpoint.pt"
    checkpoint.unlink()
    checkpoint.mkdir()  # cannot be read as a file, even by root
    with pytest.raises(TrainingError, match="cannot be read now") as caught:
        trained(file)
    assert "elete" not in caught.value.fix


@pytest.mark.parametrize("name", ["checkpoint.pt", "weights.safetensors"])
def test_a_full_disk_is_reported(name, tmp_path):
    """With file, cause and fix; the previous file is kept."""
    (tmp_path / name).write_text("previous")
    done = subprocess.run([sys.executable, "-c", LIMITED, name, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path / name}: the file cannot be written: file too large. Write to a disk" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "previous"


def test_a_log_that_cannot_be_written_is_an_error(tmp_path):
    """The message names the file."""
    history = History(tmp_path, step=0, validated_step=0)
    (tmp_path / "steps.csv").mkdir()
    with pytest.raises(OutputError) as caught:
        history.add(StepReport(1, 0.5, 0.5, 1e-3, 1.0, 0.0))
    assert caught.value.where == str(tmp_path / "steps.csv")


def test_a_full_disk_leaves_no_partial_row(tmp_path, monkeypatch):
    """The next row that fits is appended to complete rows."""
    report = StepReport(1, 0.5, 0.5, 1e-3, 1.0, 0.0)
    history = History(tmp_path, step=0, validated_step=0)
    history.add(report)
    before = (tmp_path / "steps.csv").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for free in range(20):
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + free, limits[1]))
        try:
            with pytest.raises(OutputError, match=r"steps\.csv: the file cannot be written: file too large"):
                history.add(report)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert (tmp_path / "steps.csv").read_bytes() == before
    history.add(report)
    assert (tmp_path / "steps.csv").read_bytes() == before + before.splitlines(keepends=True)[-1]


def test_an_incomplete_row_of_a_killed_process_is_removed(tmp_path):
    """Even if only the last digits of its last number are missing."""
    history = History(tmp_path, step=0, validated_step=0)
    for step in (1, 2):
        history.add(StepReport(step, 0.5, 0.5, 1e-3, 1.0, 0.123456))
    path = tmp_path / "steps.csv"
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    History(tmp_path, step=2, validated_step=0)
    assert path.read_bytes() == whole[: whole.rindex(b"2,0.5")]


def test_a_folder_in_which_another_process_trains_is_refused(configured, trained, tmp_path):
    """It goes on as before; when it has stopped, even by a kill, the folder is free."""
    file = configured(steps={"total": 2})
    folder = file.parent / "run"
    folder.mkdir()
    code = (
        "import sys, time; from pathlib import Path; from stcn_plugin.training.run_folder import run_folder; "
        "from stcn_plugin.training.config import load_training_config; config = load_training_config(Path(sys.argv[1]))\n"
        "with run_folder(Path(config.out), config, may_change=()): print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, file], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "held\n"
        with pytest.raises(TrainingError, match="another process trains") as caught:
            trained(file)
        assert caught.value.where == str(folder)
        other.kill()
    assert trained(file).step == 2
