"""Jobs from a host's command line: flags, output and exit codes."""

from __future__ import annotations

import argparse
import json
import signal
from dataclasses import replace

import pytest

from stcn_plugin.bridge import JobRequest, Progress, Report
from stcn_plugin.bridge.assessment import Assessment, DoubtfulFrame, Problem
from stcn_plugin.bridge.batch import (
    BatchParser,
    add_shared_flags,
    build_options,
    parse_arguments,
    several_shots_problem,
    shared_request,
)
from stcn_plugin.bridge.batch_run import BatchLog, BatchShot, run_batch, run_shots_of_batch
from stcn_plugin.bridge.build import BuildOptions, Estimate, Plan, PlannedSegment
from stcn_plugin.errors import CancelledError, FrameRangeError, OutputError, PlateError, PresetError

REPORT = Report(
    objects=("hero", "ball"),
    layers={},
    patterns={"hero": "/m/a.####.exr", "ball": "/m/a.####.exr"},
    layout="layers",
    device="cpu",
    precision="float32",
    frames=(1, 2, 3),
    shot_file="/m/a.stcn.yaml",
)


PLAN = Plan(
    segments=(
        PlannedSegment(1, "1-4", 0, "", ()),
        PlannedSegment(2, "5-9", 8, "5-9", ("keyframe 7 is new", "some mattes are missing")),
    ),
    cache="/m/a.exr.stcn-cache",
)
NEEDS = Estimate(5, 75.0, 2_000_000, 30_000_000, 4_000_000_000, 600_000_000)
BUILD = ("--segments", "3-4", "--rebuild", "--verify", "--dry-run")


@pytest.fixture
def parser():
    parser = BatchParser("host -b batch.py", description="Propagates.", examples="  host -b batch.py --range 1-2")
    add_shared_flags(parser)
    return parser


def test_flags_have_the_same_names_in_every_host(parser):
    """None is required, and values are texts."""
    arguments = ["--range", "1-2", "--out", "m.####.exr", "--preset", "hero", "--weights", "w", "--device", "cpu"]
    flags = parse_arguments(parser, [*arguments, "--set", "a=1", "--set", "b=2", "--worker", "/python", *BUILD])
    assert vars(flags) == {
        "range": "1-2",
        "out": "m.####.exr",
        "preset": "hero",
        "weights": "w",
        "device": "cpu",
        "set": ["a=1", "b=2"],
        "object": [],
        "overlay": None,
        "plugin": [],
        "save": None,
        "report": None,
        "log": None,
        "progress": "plain",
        "keep_going": True,
        "verbose": False,
        "quiet": False,
        "segments": "3-4",
        "rebuild": True,
        "verify": True,
        "dry_run": True,
        "worker": "/python",
    }
    assert build_options(flags) == BuildOptions((3, 4), rebuild=True, verify=True, is_dry_run=True)
    defaults = parse_arguments(parser, [])
    assert isinstance(defaults, argparse.Namespace)
    assert {name for name, value in vars(defaults).items() if value} == {"progress", "keep_going"}
    assert build_options(defaults) == BuildOptions()


def test_flags_are_those_of_stcn_propagate(parser):
    """All of its options but those that describe the plate and the keyframes, which hosts take from their scripts."""
    from stcn_plugin.cli.propagate import propagate

    ours = {flag for action in parser._actions for flag in action.option_strings}
    theirs = {flag for option in propagate.params for flag in (*option.opts, *option.secondary_opts) if flag[0] == "-"}
    assert theirs - ours == {"--plate", "--keyframe", "--json"}
    assert ours - theirs == {"--worker", "-h", "--help"}


@pytest.mark.parametrize("flag", [["--out", "m.####.exr"], ["--segments", "1"], ["--object", "a"], ["--mask", "x"]])
def test_flags_of_one_shot_are_refused_for_several(parser, capsys, flag):
    """As wrong usage, with the flag."""
    parser.add_argument("--mask")
    assert parse_arguments(parser, flag, lambda flags: several_shots_problem(flags, 1, ["--mask"]))
    assert parse_arguments(parser, flag, lambda flags: several_shots_problem(flags, 2, ["--mask"])) == 2
    assert f"{flag[0]} can be given for one shot only, not for 2" in capsys.readouterr().err


def test_shared_flags_go_into_the_request(parser):
    """Objects, plugins, overlays and the shot file, over what the host sets."""
    arguments = ["--object", "ball=1-5", "--object", "hero", "--plugin", "p", "--overlay", "/o", "--save", "/s.yaml"]
    flags = parse_arguments(parser, [*arguments, "--set", "size=96"])
    request = shared_request(flags).applied(JobRequest(save_as="/m/a.yaml", plugins=("host",), objects={"hero": "1-9"}))
    assert request.objects == {"hero": None, "ball": "1-5"}
    assert (request.plugins, request.save_as) == (("host", "p"), "/s.yaml")
    assert {key: (each.value, each.origin) for key, each in request.settings.items()} == {
        "overlay.folder": ("/o", "--overlay"),
        "size": ("96", "--set size=96"),
    }
    kept = shared_request(parse_arguments(parser, [])).applied(JobRequest(save_as="/m/a.yaml"))
    assert kept == JobRequest(save_as="/m/a.yaml")
    with pytest.raises(PresetError) as caught:
        shared_request(parse_arguments(parser, ["--object", "=1-5"]))
    assert caught.value.where == "--object"


class Worker:
    """Counts how often it is stopped."""

    stops = 0
    on_log = None

    def stop(self):
        self.stops += 1


@pytest.fixture
def batch(parser):
    """Runs shots, each given by its result or error; returns the exit code and the names of those that ran."""

    def run(flags, **shots):
        ran, worker = [], Worker()

        def runner(name, result):
            def run(plugins, log):
                ran.append(name)
                worker.on_log(f"log of {name}")
                for plugin in plugins:
                    if hasattr(plugin, "stcn_show_warning"):
                        plugin.stcn_show_warning(f"{name} is small")
                if isinstance(result, Exception):
                    raise result
                return result

            return BatchShot(name, run)

        code = run_shots_of_batch(
            parse_arguments(parser, list(map(str, flags))), [runner(*each) for each in shots.items()], worker
        )
        assert worker.stops == 1
        return code, ran

    return run


def test_several_shots_are_reported(batch, capsys, tmp_path):
    """The others run after one has failed; the report is that of `stcn propagate`, the log has it all."""
    report, log = tmp_path / "night.json", tmp_path / "night.log"
    error = PlateError("is cut", where="p.1001.exr", fix="Copy it")
    assert batch(["--report", report, "--log", log], a=REPORT, b=error, c=REPORT) == (1, ["a", "b", "c"])
    streams = capsys.readouterr()
    assert streams.out.splitlines()[-3:] == ["stcn: a: done", "stcn: b: failed", "stcn: c: done"]
    assert "stcn: b: p.1001.exr: is cut. Copy it." in streams.err
    assert report.stat().st_mode == log.stat().st_mode  # others may read it
    shots = json.loads(report.read_text())["shots"]
    assert [(each["shot"], each["status"], each["frames"]) for each in shots] == [
        ("a", "done", [1, 2, 3]), ("b", "failed", []), ("c", "done", [1, 2, 3])
    ]  # fmt: skip
    assert shots[1]["error"] == {"what": "is cut", "where": "p.1001.exr", "fix": "Copy it", "retry": False}
    assert shots[0]["warnings"] == ["a is small"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["night.json", "night.log"]
    lines = [line.partition(" ")[2].partition(" ")[2] for line in log.read_text().splitlines()]
    assert [line for line in lines if line.startswith(("shot", "worker"))] == [
        "shot a", "worker: log of a", "shot b", "worker: log of b", "shot c", "worker: log of c"
    ]  # fmt: skip


def test_fail_fast_stops_after_a_failure(batch, tmp_path):
    """And what failed for a reason that may be gone later has its exit code."""
    full = OutputError("the disk is full", retry=True)
    report = tmp_path / "night.json"
    assert batch(["--fail-fast", "--report", report], a=full, b=REPORT) == (75, ["a"])
    assert [each["status"] for each in json.loads(report.read_text())["shots"]] == ["failed", "not run"]


def test_a_report_that_cannot_be_written_is_an_error_before_any_shot(batch, capsys, tmp_path):
    assert batch(["--report", tmp_path / "no" / "night.json"], a=REPORT) == (1, [])
    assert "the report cannot be written" in capsys.readouterr().err


def test_an_exception_of_a_shot_is_its_error(batch, capsys):
    """With its traceback; the other shots run."""
    assert batch([], a=ZeroDivisionError("by zero"), b=REPORT) == (1, ["a", "b"])
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("kind", "line"), [("json", '{"event": "done"'), ("openjd", "openjd_status: 3 frames")])
def test_progress_for_programs(batch, capsys, kind, line):
    """As of `stcn propagate`: only what programs read is on stdout."""
    assert batch(["--progress", kind], a=REPORT) == (0, ["a"])
    assert capsys.readouterr().out.splitlines()[-1].startswith(line)


def test_quiet_prints_warnings_alone(batch, capsys):
    assert batch(["--quiet"], a=REPORT) == (0, ["a"])
    streams = capsys.readouterr()
    assert (streams.out, streams.err) == ("", "stcn: warning: a is small\n")


def test_help_exits_with_0_and_has_examples_and_exit_codes(parser, capsys):
    """On stdout."""
    assert parse_arguments(parser, ["--help"]) == 0
    out = capsys.readouterr().out
    for text in ("host -b batch.py --range 1-2", "--device", "130", "143", "129"):
        assert text in out


@pytest.mark.parametrize("arguments", [["--speed=3"], ["--range"], ["--pre", "hero"], ["\x1b[2J"]])
def test_wrong_usage_exits_with_2_and_one_line(parser, capsys, arguments):
    """The line is safe for a terminal; flags cannot be abbreviated."""
    assert parse_arguments(parser, arguments) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert len(streams.err.splitlines()) == 1
    assert streams.err.startswith("stcn: ")
    assert "\x1b" not in streams.err


def test_the_numbers_of_segments_are_checked(parser):
    """The error names the flag, and shows how to write it."""
    with pytest.raises(FrameRangeError) as caught:
        build_options(parse_arguments(parser, ["--segments", "two"]))
    assert caught.value.where == "--segments"
    assert "3-5" in caught.value.fix


def test_the_reasons_are_printed(capsys):
    """As on the command line; without work, one line says so."""
    assert run_batch(lambda: BatchLog().print_report(replace(REPORT, plan=PLAN))) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["stcn: reason: keyframe 7 is new", "stcn: reason: some mattes are missing"]
    assert run_batch(lambda: BatchLog().print_report(replace(REPORT, frames=(), plan=replace(PLAN, segments=())))) == 0
    assert capsys.readouterr().out.splitlines()[0] == "stcn: nothing to do, all mattes are up to date"


def test_a_dry_run_prints_what_there_is_to_do(capsys):
    """Every segment with its frames and reasons, then time, disk and memory; no files."""
    assert run_batch(lambda: BatchLog().print_report(replace(REPORT, frames=(), plan=PLAN, estimate=NEEDS))) == 0
    assert capsys.readouterr().out.splitlines() == [
        "stcn: segment 1, 1-4: up to date",
        "stcn: segment 2, 5-9: 8 steps, write 5-9, because keyframe 7 is new; some mattes are missing",
        "stcn: time: about 1 min 15 s (8 steps of the network, 5 frames to write)",
        "stcn: disk: mattes 2.0 MB, cache 30.0 MB in /m/a.exr.stcn-cache; 4.0 GB free",
        "stcn: memory: 600 MB at the peak",
    ]


def test_a_finished_job_prints_its_files(capsys):
    """Each pattern once, and the shot file; the exit code is 0."""
    assert run_batch(lambda: BatchLog().print_report(REPORT)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "stcn: 3 frames (1-3) of hero, ball",
        "stcn: mattes: /m/a.####.exr",
        "stcn: shot file: /m/a.stcn.yaml",
    ]


def test_frames_are_those_of_the_host(capsys):
    """Written frames, doubtful frames, the next keyframe and problems, which name the file too."""
    problem = Problem(1002, "hero", "'hero' vanishes at 1002", "Draw it at 1002")
    found = Assessment({"hero": 0.5}, (DoubtfulFrame(1003, "hero", 0.4),), 2, (1002,), (problem,))
    report = replace(REPORT, frames=(1001, 1002, 1003), assessment=found)
    assert run_batch(lambda: BatchLog(frame_shift=1000).print_report(report)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "stcn: 3 frames (1-3) of hero, ball"
    assert lines[2:5] == [
        "stcn: doubtful: 2 frames; look at 3",
        "stcn: next keyframe: 2",
        "stcn: check: frame 2 (file 1002): 'hero' vanishes at 1002. Draw it at 1002.",
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PlateError("is cut\x1b[2J", where="p.1001.exr", fix="Copy it"), 1),
        (CancelledError("cancelled", signal=signal.SIGTERM), 143),
        (CancelledError("cancelled"), 130),
        (KeyboardInterrupt(), 130),
    ],
    ids=["error", "signal", "cancelled", "ctrl-c"],
)
def test_errors_are_printed_and_have_exit_codes(capsys, error, code):
    """On stderr, safe for a terminal, without a traceback."""

    def run() -> None:
        raise error

    assert run_batch(run) == code
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("stcn: ")
    assert "Traceback" not in streams.err
    assert "\x1b" not in streams.err


def test_a_signal_during_the_job_has_its_exit_code(capsys):
    """Even outside of a session."""

    def run() -> None:
        signal.raise_signal(signal.SIGTERM)
        raise AssertionError("the signal was ignored")

    assert run_batch(run) == 143


def test_an_unexpected_exception_is_printed_with_its_traceback(capsys):
    """So that it can be reported."""

    def run() -> None:
        raise ZeroDivisionError("by zero")

    assert run_batch(run) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "ZeroDivisionError: by zero" in err.splitlines()[-1]


def test_progress_is_a_line_per_percent(capsys):
    """With the host's frame number; warnings go to stderr."""
    log = BatchLog(frame_shift=1000)
    for done in range(1, 401):
        log.stcn_show_progress(Progress(done, 400, 1000 + done))
    log.stcn_show_warning("one object is small")
    streams = capsys.readouterr()
    lines = streams.out.splitlines()
    assert len(lines) == 101
    assert lines[-1] == "stcn: 100 %, frame 400, step 400 of 400"
    assert streams.err == "stcn: warning: one object is small\n"
