"""Open Job Description: shots as a job template, specification ``jobtemplate-2023-09``.

Open Job Description evaluates ``{{ }}`` in almost every text and has no way to escape it. A text with double braces is
therefore the default of a job parameter, which is inserted without being evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stcn_plugin.atomic import Outputs
from stcn_plugin.errors import PresetError
from stcn_plugin.farm.tasks import ShotTasks

FILE = "template.yaml"
_THREADS = "compute.threads"
_SEGMENTS = "Segments"
_MAX_NAME = 64
_MAX_TASKS = 1024  # of a list of values
_MAX_TEXT = 1024  # of a job parameter
_MAX_PARAMETERS = 50
_NOTIFY_SECONDS = 60
"""Time for the frames that are being written, after the signal that cancels a task."""


@dataclass
class _Parameters:
    """The parameters of a job.

    Attributes:
        definitions: Their definitions.
    """

    definitions: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, default: str, *, label: str, description: str) -> str:
        """Add a parameter that users may change, and return the text that inserts its value."""
        interface = {"control": "LINE_EDIT", "label": label}
        self.definitions.append(
            {"name": name, "type": "STRING", "default": default, "description": description, "userInterface": interface}
        )
        return f"{{{{Param.{name}}}}}"

    def literal(self, text: str) -> str:
        """Return a text that Open Job Description inserts unchanged.

        Raises:
            PresetError: It needs a parameter, and is too long for one or there are too many.
        """
        if "{{" not in text and "}}" not in text:
            return text
        known = next((each["name"] for each in self.definitions if each["default"] == text), None)
        if known is None:
            known = f"Text{sum(each['name'].startswith('Text') for each in self.definitions) + 1}"
            interface = {"control": "HIDDEN"}
            self.definitions.append({"name": known, "type": "STRING", "default": text, "userInterface": interface})
            if len(text) > _MAX_TEXT or len(self.definitions) > _MAX_PARAMETERS:
                what = "an Open Job Description can have only a few, short texts with '{{' or '}}'"
                raise PresetError(what, where=text[:_MAX_TEXT], fix="Rename the file or folder")
        return f"{{{{RawParam.{known}}}}}"


def job_template(
    shots: Sequence[ShotTasks],
    *,
    program: str = "stcn",
    environment: Mapping[str, str] | None = None,
    adaptive: bool = False,
) -> dict[str, Any]:
    """Return a job template with a step for each shot and a task for each of its tasks.

    Args:
        shots: The shots.
        program: The program ``stcn`` on the farm.
        environment: Environment variables of every task.
        adaptive: Let the scheduler choose how many segments a task has. Needs the extension ``TASK_CHUNKING``.

    Raises:
        PresetError: A shot has too many chunks, or too many texts have double braces.
    """
    parameters = _Parameters()
    run = parameters.add(
        "Program", program, label="stcn", description="The program stcn on the farm, by name or absolute path."
    )
    threads = parameters.add(
        "Threads", _threads(shots), label="CPU threads", description="CPU threads of a task, or auto for all of a slot."
    )
    names = _step_names(shots)
    steps = [
        _step(shot, name, run=run, threads=threads, parameters=parameters, adaptive=adaptive)
        for shot, name in zip(shots, names, strict=True)
    ]
    title = f"stcn {names[0]}" if len(shots) == 1 else f"stcn {names[0]} and {len(shots) - 1} more"
    variables = {name: parameters.literal(value) for name, value in (environment or {}).items()}
    return {
        "specificationVersion": "jobtemplate-2023-09",
        **({"extensions": ["TASK_CHUNKING"]} if adaptive else {}),
        "name": parameters.literal(title),
        "description": "Propagates keyframe mattes. Every task may be run again and writes only its own frames.",
        "parameterDefinitions": parameters.definitions,
        **({"jobEnvironments": [{"name": "stcn", "variables": variables}]} if variables else {}),
        "steps": steps,
    }


def write_bundle(folder: Path, template: Mapping[str, Any]) -> Path:
    """Write a job template as a bundle, and return its file.

    Raises:
        OutputError: The file cannot be written.
    """
    file = folder.absolute() / FILE
    text = yaml.safe_dump(dict(template), sort_keys=False, allow_unicode=True, width=120)
    Outputs().write(file, text.encode())
    return file


def _step(
    shot: ShotTasks, name: str, *, run: str, threads: str, parameters: _Parameters, adaptive: bool
) -> dict[str, Any]:
    segments = f"{{{{Task.Param.{_SEGMENTS}}}}}"
    arguments = [parameters.literal(text) for text in shot.arguments("\0", progress="openjd")]
    arguments[arguments.index("\0")] = segments
    return {
        "name": name,
        "parameterSpace": {"taskParameterDefinitions": [_task_parameter(shot, adaptive=adaptive)]},
        **_host_requirements(shot),
        "script": {
            "actions": {
                "onRun": {
                    "command": run,
                    "args": [*arguments, "--set", f"{_THREADS}={threads}"],
                    "cancelation": {
                        "mode": "NOTIFY_THEN_TERMINATE",
                        "notifyPeriodInSeconds": _NOTIFY_SECONDS,
                    },
                }
            }
        },
    }


def _task_parameter(shot: ShotTasks, *, adaptive: bool) -> dict[str, Any]:
    first, last = shot.tasks[0].first, shot.tasks[-1].last
    if adaptive:
        size = max(task.last - task.first + 1 for task in shot.tasks)
        chunks = {"defaultTaskCount": size, "targetRuntimeSeconds": 0, "rangeConstraint": "CONTIGUOUS"}
        return {"name": _SEGMENTS, "type": "CHUNK[INT]", "range": f"{first}-{last}", "chunks": chunks}
    if all(task.first == task.last for task in shot.tasks):
        return {"name": _SEGMENTS, "type": "INT", "range": f"{first}-{last}"}
    if len(shot.tasks) > _MAX_TASKS:
        what = f"an Open Job Description has at most {_MAX_TASKS} chunks in a step, the shot has {len(shot.tasks)}"
        raise PresetError(what, where=shot.shot_file, fix="Set a larger --chunk")
    return {"name": _SEGMENTS, "type": "STRING", "range": [task.segments for task in shot.tasks]}


def _host_requirements(shot: ShotTasks) -> dict[str, Any]:
    """Ask for a GPU if the device is one."""
    if not (shot.options.device or "").startswith("cuda"):
        return {}
    return {"hostRequirements": {"amounts": [{"name": "amount.worker.gpu", "min": 1}]}}


def _threads(shots: Sequence[ShotTasks]) -> str:
    """Return the number of threads among the options, the default of the job parameter."""
    values = (text.partition("=") for text in shots[0].options.overrides)
    return next((value for key, _, value in reversed([*values]) if key.strip() == _THREADS), "auto")


def _step_names(shots: Sequence[ShotTasks]) -> list[str]:
    """Return a unique name for each shot: the name of its file, numbered if several have the same."""
    names: list[str] = []
    for shot in shots:
        stem = Path(shot.shot_file).stem
        name, number = stem[:_MAX_NAME], 1
        while name in names:
            number += 1
            suffix = f" {number}"
            name = f"{stem[: _MAX_NAME - len(suffix)]}{suffix}"
        names.append(name)
    return names
