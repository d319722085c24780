"""``stcn farm openjd``: bundles that the reference implementation accepts and runs with the intended arguments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from farm.conftest import FarmShot, write_shot

from stcn_plugin.errors import PresetError
from stcn_plugin.farm.openjd import job_template
from stcn_plugin.farm.options import JobOptions
from stcn_plugin.farm.tasks import ShotTasks, Task

model = pytest.importorskip("openjd.model")
OPENJD = [sys.executable, "-m", "openjd"]


def openjd(*arguments: object, cwd: Path | None = None, **environment: str) -> str:
    """Run the reference command and return its output."""
    command = [*OPENJD, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def made_job(template: dict):
    """Return the job that the reference implementation makes of a template, without any extension unless it has some."""
    decoded = model.decode_job_template(template=template, supported_extensions=template.get("extensions", []))
    values = model.preprocess_job_parameters(
        job_template=decoded, job_parameter_values={}, job_template_dir=Path("/"), current_working_dir=Path("/")
    )
    return model.create_job(job_template=decoded, job_parameter_values=values)


def tasks_of(job) -> dict[str, list[str]]:
    """Return the values of the task parameter of every step."""
    return {
        step.name: [each["Segments"].value for each in model.StepParameterSpaceIterator(space=step.parameterSpace)]
        for step in job.steps
    }


def shot_of(file: str, count: int, *, chunk: int = 1, **options: object) -> ShotTasks:
    """Return tasks without a shot on disk."""
    tasks = tuple(Task(first, min(first + chunk - 1, count), (first,), 1) for first in range(1, count + 1, chunk))
    return ShotTasks(file, tasks, JobOptions(**options))


def test_a_bundle_runs_with_the_intended_arguments(shot: FarmShot, tmp_path):
    """By ``openjd run``, in real processes: shell and template syntax in names arrives unchanged, without extensions."""
    flags = ("--set", "overlay.folder=look {{Session.WorkingDirectory}}", "--set", "memory.top_k=12", "--device", "cpu")
    preset_path = str(shot.folder)
    result = shot.stcn(
        *("farm", "openjd", shot.file.name, tmp_path / "bundle", "--program", shot.program, *flags),
        STCN_PRESET_PATH=preset_path,
        STCN_WEIGHTS_DIR="",
    )
    assert result.returncode == 0, result.stderr
    template = tmp_path / "bundle" / "template.yaml"
    assert [path.name for path in template.parent.iterdir()] == ["template.yaml"]
    assert "passes validation" in openjd("check", template, "--extensions", "")
    openjd("run", template, "--step", "sh 010", "-p", "Threads=3", STCN_PRESET_PATH="")
    calls = shot.recorded()
    overlay = str(shot.folder / "look {{Session.WorkingDirectory}}")
    expected = [
        *("--device", "cpu", "--set", f"overlay.folder={overlay}", "--set", "memory.top_k=12"),
        *("--progress", "openjd", "--set", "compute.threads=3"),
    ]
    assert sorted(call["arguments"] for call in calls) == [
        ["propagate", str(shot.file), "--segments", str(number), *expected] for number in range(1, 6)
    ]
    assert {call["environment"]["STCN_PRESET_PATH"] for call in calls} == {preset_path}


def test_a_step_for_each_shot(shot: FarmShot, tmp_path):
    """Named after the file, numbered if there are two of the name; every task has one segment."""
    write_shot(tmp_path / "other", "sh 010.yaml", keyframes=2)
    shot.stcn("farm", "openjd", shot.file, tmp_path / "other" / "sh 010.yaml", tmp_path / "bundle")
    job = made_job(yaml.safe_load((tmp_path / "bundle" / "template.yaml").read_text("utf-8")))
    assert tasks_of(job) == {"sh 010": ["1", "2", "3", "4", "5"], "sh 010 2": ["1", "2"]}
    assert job.name == "stcn sh 010 and 1 more"


@pytest.mark.parametrize("count", [1, 2, 1025])
def test_chunks(count):
    """Without an extension, a list of ranges; with it, the scheduler makes them from a range of integers."""
    plain = tasks_of(made_job(job_template([shot_of("/s/a.yaml", count, chunk=2)])))["a"]
    assert plain == [f"{n}-{n + 1}" if n < count else str(n) for n in range(1, count + 1, 2)]
    template = job_template([shot_of("/s/a.yaml", count, chunk=2)], adaptive=True)
    assert template["extensions"] == ["TASK_CHUNKING"]
    chunks = tasks_of(made_job(template))["a"]
    numbers = [int(part) for text in chunks for part in text.split("-")]
    assert numbers[0] == 1 and numbers[-1] == count and len(chunks) == (count + 1) // 2


def test_limits():
    """Of the specification; the error states what to do."""
    with pytest.raises(PresetError, match="1024") as caught:
        job_template([shot_of("/s/a.yaml", 4000, chunk=2)])
    assert "--chunk" in str(caught.value.fix)
    with pytest.raises(PresetError, match=r"\{\{"):
        job_template([shot_of(f"/s/{{{{{number}}}}}.yaml", 1) for number in range(60)])
    job = made_job(job_template([shot_of(f"/s/{'x' * 200}{number}.yaml", 1) for number in range(120)]))
    assert len(job.steps) == 120 and len(job.name) <= 128


@pytest.mark.parametrize(
    "text",
    ["{{", "}}", "{{Param.Threads}}", "{ {", "a{{{b}}}", "{{Task.Param.Segments}}", "%s $(x) `y` \"'\\", "é漢🎬"],
)
def test_texts_that_the_specification_would_evaluate(text):
    """In the name of the shot file, the options, the program and the environment."""
    shot = shot_of(f"/s/{text}.yaml", 2, overrides=(f"overlay.folder=/{text}",), preset=f"/{text}.yaml")
    template = job_template([shot], program=f"/bin/{text}", environment={"OCIO": f"/{text}.ocio"})
    job = made_job(yaml.safe_load(yaml.safe_dump(template, allow_unicode=True)))
    values = {f"{{{{Param.{name}}}}}": each.value for name, each in job.parameters.items()}
    values |= {f"{{{{RawParam.{name}}}}}": each.value for name, each in job.parameters.items()}

    def resolved(value: object) -> str:
        return values.get(str(value), str(value))

    action = job.steps[0].script.actions.onRun
    arguments = [resolved(value) for value in action.args]
    assert resolved(action.command) == f"/bin/{text}"
    assert arguments[1] == f"/s/{text}.yaml"
    assert f"overlay.folder=/{text}" in arguments and f"/{text}.yaml" in arguments
    assert resolved(job.jobEnvironments[0].variables["OCIO"]) == f"/{text}.ocio"
    assert job.name == f"stcn {text}"


def test_threads_and_devices():
    """The number of threads is a parameter with the option as its default; a GPU is asked for if the device is one."""
    template = job_template([shot_of("/s/a.yaml", 2, overrides=("compute.threads=4",), device="cuda:0")])
    job = made_job(template)
    assert job.parameters["Threads"].value == "4"
    assert [(each.name, int(each.min)) for each in job.steps[0].hostRequirements.amounts] == [("amount.worker.gpu", 1)]
    assert made_job(job_template([shot_of("/s/a.yaml", 2)])).parameters["Threads"].value == "auto"
