"""``nuke -t batch.py``: propagates a script's roto without an interface, on a farm or from a command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NoReturn

import nuke

from stcn_nuke import colour, plates
from stcn_nuke.host import NukeHost, make_worker
from stcn_nuke.jobs import KeyframeSource, PropagateJob
from stcn_nuke.knob_text import absolute
from stcn_nuke.rotos import key_frames, sources_of
from stcn_nuke.selection import node_named
from stcn_plugin.bridge import BackgroundJob, JobStatus, Report, WarmWorker
from stcn_plugin.bridge.batch import (
    SHARED_ORIGINS,
    BatchParser,
    add_shared_flags,
    build_options,
    parse_arguments,
    several_shots_problem,
    shared_request,
)
from stcn_plugin.bridge.batch_run import BatchLog, BatchShot, run_batch, run_shots_of_batch
from stcn_plugin.errors import HostError
from stcn_plugin.frames import parse_frame_range

_EXAMPLES = """\
  nuke -t batch.py sh010.nk --node Read1 --roto Roto1 --range=1001-1100 --preset=hero
  nuke -t batch.py sh010.nk --node Read1 --roto Hero --roto Ball --at=1001,1040 --out=/mattes/sh010.####.exr
  nuke -t batch.py sh010.nk sh020.nk --node Read1 --roto Roto1 --report=night.json

Write numbers and ranges with an equals sign (--range=1001-1100): Nuke interprets a number at the end of the line as its
own frame range."""


def main(arguments: Sequence[str]) -> int:
    """Run the jobs of one or several scripts, and return the exit code."""
    options = parse_arguments(
        _parser(), arguments, lambda flags: several_shots_problem(flags, len(flags.scripts), ["--save-script"])
    )
    if isinstance(options, int):
        return options
    return run_batch(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    worker = make_worker(options.worker)
    shots = [BatchShot(script, partial(_run_shot, options, script, worker)) for script in options.scripts]
    return run_shots_of_batch(options, shots, worker)


def _run_shot(
    options: argparse.Namespace, script: str, worker: WarmWorker, plugins: Sequence[object], _log: BatchLog
) -> Report:
    """Run the job of a script, and save the script with the mattes if that is wanted."""
    job = _job(options, script)
    host = NukeHost(job, delivers=options.save_script is not None)
    report = BackgroundJob(host, worker, status=JobStatus(), plugins=plugins).run()
    if options.save_script is not None and job.build.makes_whole_shot:
        try:
            nuke.scriptSaveAs(options.save_script, overwrite=1)
        except RuntimeError as error:
            raise HostError(f"the script cannot be saved ({error})", where=options.save_script) from None
    return report


def _job(options: argparse.Namespace, script: str) -> PropagateJob:
    """Open a script and return the job that the arguments describe.

    Raises:
        STCNError: The script cannot be opened, or lacks a node that they name.
    """
    try:
        nuke.scriptOpen(script)
    except RuntimeError as error:
        raise HostError(f"the script cannot be opened ({error})", where=script) from None
    plate = node_named(options.node)
    frames = options.range or plates.frame_range(plate)
    shot = parse_frame_range(frames)
    listed = parse_frame_range(options.at) if options.at else None
    return PropagateJob(
        plate=plate.fullName(),
        sources=_sources(options.roto, shot, listed),
        range=frames,
        out=absolute(options.out) if options.out else plates.default_out(script, plate),
        colour=colour.plate_space(plate) if options.colour is None else options.colour,
        preset=options.preset or "default",
        weights=options.weights or "",
        device=options.device or "",
        build=build_options(options),
        origins={**SHARED_ORIGINS, "colour.input": "--colour"},
        flags=shared_request(options),
    )


def _sources(names: Sequence[str], shot: Sequence[int], listed: tuple[int, ...] | None) -> tuple[KeyframeSource, ...]:
    """Return the objects of nodes, at the listed frames or at their keys.

    Raises:
        HostError: A node does not exist, or has no key in the shot.
    """
    return tuple(
        replace(source, frames=listed or key_frames(source, shot), follows_keys=not listed)
        for source in sources_of(names, shot)
    )


class _Parser(BatchParser):
    """Adds a hint to errors that Nuke may have caused by removing arguments."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit."""
        is_missing = "expected one argument" in message
        hint = ". Write numbers as --range=1001-1100: Nuke removes a number at the end of the line"
        super().error(message + hint if is_missing else message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "nuke -t batch.py", description="Propagate the roto of a Nuke script over a shot.", examples=_EXAMPLES
    )
    parser.add_argument("scripts", nargs="+", metavar="script", help="Nuke scripts; each is a shot")
    parser.add_argument("--node", required=True, metavar="NAME", help="plate: a Read, or any other node")
    parser.add_argument(
        "--roto",
        required=True,
        action="append",
        metavar="NAME",
        help="node whose alpha is the matte of an object named after it; may be repeated",
    )
    parser.add_argument("--at", metavar="FRAMES", help="frames of the keyframes; by default, the frames with roto keys")
    parser.add_argument("--colour", metavar="SPACE", help="colour space of the plate; by default, that of the Read")
    parser.add_argument("--save-script", metavar="SCRIPT", help="add the mattes to the script and save it as this file")
    add_shared_flags(parser)
    return parser
