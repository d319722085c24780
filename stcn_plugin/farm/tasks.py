"""Tasks of a shot: one command for each segment, or for several neighbouring ones."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stcn_plugin.farm.options import JobOptions, require_text
from stcn_plugin.frames import format_frame_range
from stcn_plugin.job.job import Job


@dataclass(frozen=True)
class Task:
    """One or several neighbouring segments of a shot.

    Args:
        first: Number of the first segment; the first of a shot is 1.
        last: Number of the last segment.
        frames: The frames that the task writes, ascending.
        steps: Steps of both passes.
    """

    first: int
    last: int
    frames: tuple[int, ...]
    steps: int

    @property
    def segments(self) -> str:
        """The segments, such as ``3`` or ``3-5``."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True)
class ShotTasks:
    """The tasks of a shot.

    Args:
        shot_file: The shot file, an absolute path.
        tasks: The tasks, in order of frames.
        options: Options of every task, with absolute paths.
    """

    shot_file: str
    tasks: tuple[Task, ...]
    options: JobOptions

    def arguments(self, segments: str, *, progress: str | None = None) -> tuple[str, ...]:
        """Return the arguments of ``stcn`` for some segments.

        Args:
            segments: The segments, such as ``3-5``.
            progress: The value of ``--progress``; ``None`` leaves it out.
        """
        reported = () if progress is None else ("--progress", progress)
        return ("propagate", self.shot_file, "--segments", segments, *self.options.arguments, *reported)


def shot_tasks(
    shot_file: str, options: JobOptions, *, chunk: int = 1, on_warning: Callable[[str], None] = lambda _: None
) -> ShotTasks:
    """Check a shot with all its files, and return its tasks.

    Args:
        shot_file: The shot file.
        options: Options of every task; relative paths start at the current folder.
        chunk: Number of segments per task.
        on_warning: Called with problems that do not affect the mattes.

    Raises:
        STCNError: The shot or an option has a problem, or a name cannot be written to a list of commands.
    """
    from stcn_plugin.job.propagate import check
    from stcn_plugin.job.watcher import Watcher
    from stcn_plugin.studio.lookup import preset_search_path
    from stcn_plugin.studio.plugins import studio_hooks
    from stcn_plugin.worker.shots import shot_of

    studio = studio_hooks(options.plugins)
    shot = shot_of(options.request(shot_file), search_path=preset_search_path(studio))
    job = check(shot, studio=studio, watcher=Watcher(on_warning=on_warning))
    path = str(Path(shot_file).absolute())
    absolute = options.made_absolute(shot)
    for text in (path, *absolute.arguments):
        require_text(text, where=shot_file)
    return ShotTasks(path, _chunked(_segments(job), chunk), absolute)


def command_line(program: str, arguments: Sequence[str]) -> str:
    """Return a command as one line for a POSIX shell."""
    return shlex.join([program, *arguments])


def task_fields(shot: ShotTasks, task: Task, command: Sequence[str]) -> Mapping[str, object]:
    """Return a task for a program that reads JSON.

    Args:
        shot: The shot.
        task: One of its tasks.
        command: The program and its arguments.
    """
    return {
        "shot": shot.shot_file,
        "segments": task.segments,
        "frames": format_frame_range(task.frames),
        "steps": task.steps,
        "command": list(command),
    }


def _segments(job: Job) -> list[Task]:
    """Return one task for each segment."""
    return [
        Task(number, number, tuple(job.frames[index] for index in segment.frames), segment.steps)
        for number, segment in enumerate(job.segments, start=1)
    ]


def _chunked(tasks: Sequence[Task], size: int) -> tuple[Task, ...]:
    """Join neighbouring tasks."""
    chunks = [tasks[start : start + size] for start in range(0, len(tasks), size)]
    return tuple(
        Task(
            chunk[0].first,
            chunk[-1].last,
            tuple(frame for task in chunk for frame in task.frames),
            sum(task.steps for task in chunk),
        )
        for chunk in chunks
    )
