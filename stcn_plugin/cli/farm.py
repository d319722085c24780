"""``stcn farm``: shots as tasks of a render farm."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from stcn_plugin.cli.job_options import expand_shot_files, job_options
from stcn_plugin.cli.terminal import echo, echo_message

if TYPE_CHECKING:
    from stcn_plugin.farm.options import JobOptions
    from stcn_plugin.farm.tasks import ShotTasks

# The libraries are imported inside the commands, to keep `stcn farm --help` fast.

_chunk = click.option(
    "--chunk",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Neighbouring segments per task. Join short ones, since every task loads the network.",
)
_program = click.option(
    "--program",
    metavar="STCN",
    default="stcn",
    show_default=True,
    help="The program stcn on the farm: a name on its PATH, or an absolute path.",
)
_shots = click.argument("shot_files", metavar="SHOT.yaml...", nargs=-1, required=True)


@click.group()
def farm() -> None:
    """Split shots into tasks for a render farm, one for each segment.

    A task is a command, `stcn propagate SHOT --segments 3`. It can be run again, at the same time as others and in any
    order, and exits with 75 if another try may succeed. The farm must see all files under the same paths.
    """


@farm.command()
@_shots
@click.option(
    "--format",
    "output",
    type=click.Choice(["table", "json", "commands"]),
    default="table",
    show_default=True,
    help="A table, one JSON object, or one command for a POSIX shell per line.",
)
@_chunk
@job_options
@click.option(
    "--progress",
    type=click.Choice(["plain", "json", "openjd", "percent"]),
    help="Option --progress of the commands; percent is what Deadline reads.",
)
@_program
def tasks(
    shot_files: Sequence[str],
    output: Literal["table", "json", "commands"],
    chunk: int,
    preset: str | None,
    overrides: Sequence[str],
    weights: str | None,
    device: str | None,
    plugins: Sequence[str],
    progress: str | None,
    program: str,
) -> None:
    """List the segments of shots as tasks.

    Checks the shots with all their files first. The options apply to every task, with absolute paths.
    """
    from stcn_plugin.farm.options import JobOptions, require_text
    from stcn_plugin.farm.tasks import command_line, task_fields

    require_text(program, where="--program")
    options = JobOptions(preset, tuple(overrides), weights, device, tuple(plugins))
    shots = _shot_tasks(shot_files, options, chunk=chunk)
    if output == "table":
        _print_table(shots)
        return
    commands = [
        (shot, task, [program, *shot.arguments(task.segments, progress=progress)])
        for shot in shots
        for task in shot.tasks
    ]
    if output == "json":
        echo(json.dumps({"tasks": [task_fields(shot, task, command) for shot, task, command in commands]}))
        return
    for _, _, command in commands:
        echo(command_line(command[0], command[1:]))


@farm.command()
@_shots
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_chunk
@click.option(
    "--adaptive",
    is_flag=True,
    help="Let the scheduler join segments, from --chunk on. Needs the extension TASK_CHUNKING.",
)
@job_options
@_program
def openjd(
    shot_files: Sequence[str],
    folder: Path,
    chunk: int,
    adaptive: bool,
    preset: str | None,
    overrides: Sequence[str],
    weights: str | None,
    device: str | None,
    plugins: Sequence[str],
    program: str,
) -> None:
    """Write an Open Job Description bundle to DIR, as AWS Deadline Cloud and `openjd run` accept it.

    The job has a step for each shot and a task for each segment. STCN_PRESET_PATH, STCN_WEIGHTS_DIR, STCN_PLUGINS,
    STCN_TIMEOUTS and OCIO are copied into the job if they are set.
    """
    from stcn_plugin.farm.openjd import job_template, write_bundle
    from stcn_plugin.farm.options import JobOptions, job_environment, require_text

    require_text(program, where="--program")
    environment = job_environment()
    options = JobOptions(preset, tuple(overrides), weights, device, tuple(plugins))
    shots = _shot_tasks(shot_files, options, chunk=chunk)
    template = job_template(shots, program=program, environment=environment, adaptive=adaptive)
    echo(f"{write_bundle(folder, template)}: {sum(len(shot.tasks) for shot in shots)} tasks")


@farm.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def flamenco(folder: Path) -> None:
    """Write the job type for Flamenco 3 to DIR, the folder `scripts` beside flamenco-manager."""
    from stcn_plugin.farm.job_types import write_flamenco_job_type

    echo(str(write_flamenco_job_type(folder)))


def _shot_tasks(shot_files: Sequence[str], options: JobOptions, *, chunk: int) -> list[ShotTasks]:
    """Return the tasks of all shots; warnings are printed to stderr."""
    from stcn_plugin.farm.tasks import shot_tasks

    def warn(file: str, text: str) -> None:
        echo_message(f"{file}: warning: {text}")

    return [
        shot_tasks(file, options, chunk=chunk, on_warning=partial(warn, file)) for file in expand_shot_files(shot_files)
    ]


def _print_table(shots: Sequence[ShotTasks]) -> None:
    from stcn_plugin.cli.tables import print_table
    from stcn_plugin.frames import format_frame_range

    rows = [
        (shot.shot_file, task.segments, format_frame_range(task.frames), str(task.steps))
        for shot in shots
        for task in shot.tasks
    ]
    print_table(("shot", "segments", "frames", "steps"), rows, left=1)
