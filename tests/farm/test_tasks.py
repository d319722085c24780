"""``stcn farm tasks``: the segments of shots as tasks, and commands that a shell runs as they are meant."""

from __future__ import annotations

import json
import subprocess

import pytest
from farm.conftest import FarmShot, write_shot

from stcn_plugin.errors import PresetError
from stcn_plugin.farm.options import JobOptions
from stcn_plugin.farm.tasks import shot_tasks
from stcn_plugin.job.prepare import prepare
from stcn_plugin.shot.file import load_shot


def run_lines(shot: FarmShot, lines: list[str]) -> list[list[str]]:
    """Run each line in a shell, as a queue does, and return the arguments that the program got."""
    for line in lines:
        done = subprocess.run(["sh", "-c", line], cwd="/", capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), line
    return sorted(call["arguments"] for call in shot.recorded())


def test_tasks_are_the_segments_of_the_shot(shot):
    """Numbered from 1, with the frames and steps that the plan has; together they are the whole shot."""
    tasks = shot_tasks(str(shot.file), JobOptions()).tasks
    job = prepare(load_shot(shot.file))
    assert [task.segments for task in tasks] == ["1", "2", "3", "4", "5"]
    assert [task.frames for task in tasks] == [(n, n + 1) for n in range(1001, 1011, 2)]
    assert [task.steps for task in tasks] == [segment.steps for segment in job.segments]


@pytest.mark.parametrize(
    ("chunk", "expected"), [(2, ["1-2", "3-4", "5"]), (4, ["1-4", "5"]), (5, ["1-5"]), (9, ["1-5"])]
)
def test_neighbouring_segments_are_joined(shot, chunk, expected):
    """No segment is in two tasks."""
    tasks = shot_tasks(str(shot.file), JobOptions(), chunk=chunk).tasks
    assert [task.segments for task in tasks] == expected
    assert [frame for task in tasks for frame in task.frames] == list(range(1001, 1011))


def test_commands_for_a_shell(shot):
    """One per line; spaces, quotes and substitutions arrive unchanged, and paths are absolute."""
    (shot.folder / "my preset.yaml").write_text("memory: {interval: 4}\n")
    (shot.folder / "plug in.py").write_text("")
    flags = ["--preset", "./my preset.yaml", "--set", "overlay.folder=look $HOME", "--set", "memory.top_k=12"]
    flags += [
        "--device",
        "cpu",
        "--plugin",
        "./plug in.py",
        "--set",
        "output.compression=zip",
        "--progress",
        "percent",
    ]
    result = shot.stcn("farm", "tasks", shot.file.name, "--format", "commands", "--program", shot.program, *flags)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) == 5
    expected = [
        *("--preset", str(shot.folder / "my preset.yaml"), "--device", "cpu"),
        *("--set", f"overlay.folder={shot.folder / 'look $HOME'}", "--set", "memory.top_k=12"),
        *("--set", "output.compression=zip", "--plugin", str(shot.folder / "plug in.py"), "--progress", "percent"),
    ]
    assert run_lines(shot, lines) == [
        ["propagate", str(shot.file), "--segments", str(number), *expected] for number in range(1, 6)
    ]


def test_json_and_table(shot):
    """Several shots and patterns; JSON has the arguments as a list, the table the frames."""
    write_shot(shot.folder, "sh020.yaml", keyframes=1)
    result = shot.stcn("farm", "tasks", "*.yaml", "--format", "json", "--chunk", "3")
    tasks = json.loads(result.stdout)["tasks"]
    assert [(each["segments"], each["frames"]) for each in tasks] == [
        ("1-3", "1001-1006"),
        ("4-5", "1007-1010"),
        ("1", "1001-1010"),
    ]
    assert tasks[1]["command"] == ["stcn", "propagate", str(shot.file), "--segments", "4-5"]
    assert tasks[2]["shot"] == str(shot.folder / "sh020.yaml") and tasks[2]["steps"] == 10
    table = shot.stcn("farm", "tasks", "sh 010.yaml").stdout.splitlines()
    assert table[0].split() == ["shot", "segments", "frames", "steps"]
    assert [line.split()[-3:-1] for line in table[1:]] == [
        [str(n), f"{999 + 2 * n}-{1000 + 2 * n}"] for n in range(1, 6)
    ]


def test_a_shot_with_a_problem_has_no_tasks(shot):
    """The error is that of the job, and no line is printed, also for the shots before it."""
    (shot.folder / "key.1005.png").unlink()
    write_shot(shot.folder.parent / "good", "good.yaml", keyframes=1)
    good = shot.folder.parent / "good" / "good.yaml"
    result = shot.stcn("farm", "tasks", good, shot.file, "--format", "commands")
    assert (result.returncode, result.stdout) == (1, "")
    assert "key.1005.png" in result.stderr


@pytest.mark.parametrize("name", ["a\nb.yaml", "a\x1b[2J.yaml", b"caf\xe9.yaml"])
def test_names_that_a_list_of_commands_cannot_have(shot, name):
    """A newline would end the command; bytes that are not UTF-8 would be lost."""
    name = name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")
    file = shot.folder / name
    file.write_text(shot.file.read_text())
    with pytest.raises(PresetError) as caught:
        shot_tasks(str(file), JobOptions())
    assert "Rename" in str(caught.value.fix)
    assert str(caught.value).isprintable()


def test_wrong_usage(shot):
    """Exit code 2."""
    for arguments in (["tasks"], ["tasks", "a.yaml", "--chunk", "0"], ["tasks", "no*.yaml"], ["openjd", "a.yaml"]):
        assert shot.stcn("farm", *arguments).returncode == 2, arguments
