"""The check of hosts: right ones pass, and whatever a host breaks is named."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from stcn_plugin.bridge import JobRequest, KeyframeFile, Setting, WorkerClient, WorkerLaunch, hookimpl
from stcn_plugin.bridge.conformance import SCENARIOS, check_host, load_module
from stcn_plugin.cli.host import CommandLineHost
from stcn_plugin.cli.hosts import _difference, hosts
from stcn_plugin.errors import HostError, OutputError, PluginError

SAMPLE = Path(__file__).parents[2] / "examples" / "host" / "sample_host.py"


@pytest.fixture(scope="module")
def worker():
    with WorkerClient(WorkerLaunch(sys.executable)) as client:
        yield client


@pytest.fixture(scope="module")
def sample():
    spec = importlib.util.spec_from_file_location("sample_host", SAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def findings(worker, tmp_path):
    """Runs scenarios; returns what is wrong in each, as text."""

    def run(new_script, *scenarios):
        results = check_host(
            new_script, worker, folder=tmp_path, scenarios=scenarios or tuple(SCENARIOS), difference=_difference
        )
        return {result.scenario: [str(finding) for finding in result.findings] for result in results}

    return run


class CommandLineScript:
    """The host of `stcn propagate`: its script is a request, and its mattes are the files."""

    def __init__(self):
        self.shown = {}

    def set_up(self, trial):
        shown = self.shown

        class Host(CommandLineHost):
            @hookimpl
            def stcn_deliver_mattes(self, report):
                shown.update(report.patterns)

        files = [KeyframeFile(each.frame, each.file, {each.object_name: each.object_name}) for each in trial.keyframes]
        return Host(
            JobRequest(plate=trial.plate, keyframes=tuple(files), out=trial.out, range=trial.range, preset=trial.preset)
        )

    def mattes(self):
        return self.shown.items()


@pytest.mark.slow
def test_the_command_line_passes(findings):
    """In every scenario."""
    assert findings(CommandLineScript) == {name: [] for name in SCENARIOS}


@pytest.mark.slow
def test_the_sample_host_passes(findings, sample):
    """In every scenario."""
    assert findings(sample.new_script) == {name: [] for name in SCENARIOS}


def changed(request_of):
    """A collect hook that changes the sample's request."""

    def make(sample):
        @hookimpl
        def stcn_collect_shot(self):
            return request_of(sample.SampleHost.stcn_collect_shot(self))

        return {"stcn_collect_shot": stcn_collect_shot}

    return make


def keyframes(change):
    """A render hook that changes the sample's keyframes."""

    def make(sample):
        @hookimpl
        def stcn_render_keyframes(self, request, folder):
            return change(sample.SampleHost.stcn_render_keyframes(self, request, folder))

        return {"stcn_render_keyframes": stcn_render_keyframes}

    return make


def hook(name, function):
    """Another implementation of a hook."""
    function.__name__ = name
    return lambda _: {name: hookimpl(function)}


def upside_down(found):
    for keyframe in found:
        image = np.asarray(Image.open(keyframe.file))
        Image.fromarray(image[::-1]).save(keyframe.file)
    return found


def deleted(found):
    for keyframe in found:
        Path(keyframe.file).unlink()
    return found


def raising(error):
    def function(self):
        raise error

    return function


def forgetful(sample):
    """Cleans up the mattes of a cancelled job, as a careless host does."""

    @hookimpl
    def stcn_job_failed(self):
        for file in Path(self.script.data["out"]).parent.glob("*.exr"):
            file.unlink()

    return {"stcn_job_failed": stcn_job_failed}


def counting(request):
    counting.number += 1
    return replace(request, settings={"matte.black": Setting(f"0.{counting.number}", "the host", is_yaml=True)})


counting.number = 10


BROKEN = {
    "a hook that does not exist": (
        lambda _: {"stcn_deliver": hookimpl(lambda self: None)}, "propagate", ["there is no hook stcn_deliver. Did you mean stcn_deliver_mattes?"]
    ),
    "another argument": (
        hook("stcn_show_frame", lambda self, file: None), "propagate", ["stcn_show_frame has an unknown argument file. The allowed arguments are frame, files"],
    ),
    "no request": (hook("stcn_collect_shot", lambda self: None), "propagate", ["plugin BrokenHost: its hook stcn_collect_shot returned None. Return a JobRequest"]),
    "a request of another type": (hook("stcn_collect_shot", lambda self: {}), "propagate", ["returned a dict. Return a JobRequest"]),
    "another range": (
        changed(lambda request: replace(request, range="1002-1005")), "propagate", ["1002-1005", "1001-1005"]
    ),
    "another pattern": (
        changed(lambda request: replace(request, out=request.out.replace("mattes", "other"))),
        "propagate", ["mattes go to", "other"],
    ),
    "keyframes at other frames": (
        keyframes(lambda found: [replace(each, frame=each.frame + 1) for each in found]),
        "propagate", ["keyframes are at 1002", "drew at 1001"],
    ),
    "upside-down keyframes": (keyframes(upside_down), "propagate", ["keyframe 1001", "upside down"]),
    "keyframes that are deleted": (keyframes(deleted), "propagate", ["does not exist", "keep it"]),
    "objects without names": (
        keyframes(lambda found: [replace(each, objects=None) for each in found]), "propagate", ["mattes are 'matte'", "drew 'hero'"]
    ),
    "mattes that are not loaded": (
        hook("stcn_deliver_mattes", lambda self, report: self.script.data.update(mattes={}) or self.script.save()),
        "propagate", ["shows the mattes of no object", "'hero'"],
    ),
    "an exception in progress": (
        hook("stcn_show_progress", lambda self: 1 / 0), "propagate", ["stcn_show_progress", "ZeroDivisionError", "See test_conformance.py, line"]
    ),
    "nodes of every job": (
        lambda sample: {"script_mattes": lambda self: [*sample.new_script.mattes(self)] * 2},
        "update", ["mattes of 'hero' 2 times"],
    ),
    "only the last keyframe": (keyframes(lambda found: found[-1:]), "update", ["drew at 1001, 1004"]),
    "settings that differ every time": (changed(counting), "update", ["same job again wrote 5 frames"]),
    "cancel that is ignored": (lambda _: {"script_cancel": lambda self: None}, "cancel", ["was not cancelled"]),
    "mattes that are cleaned up": (forgetful, "cancel", ["which the cancelled job had finished"]),
    "a crash without a plate": (
        hook("stcn_collect_shot", lambda self: JobRequest(plate={}[self.script.data["plate"]])),
        "no-plate", ["stcn_collect_shot failed (KeyError", "See test_conformance.py, line", "HostError"],
    ),
    "an error without a fix": (
        hook("stcn_collect_shot", raising(HostError("no"))), "no-plate", ["does not state what to do"]
    ),
    "names that are cleaned": (
        lambda sample: {"script_mattes": lambda self: [
            (name.replace(" ", "_"), pattern) for name, pattern in sample.new_script.mattes(self)
        ]},
        "unusual-names", ["'Müller_links'", "'Müller links'"],
    ),
    "a module that raises": (lambda _: {"script_set_up": lambda self, trial: 1 / 0}, "propagate", ["ZeroDivisionError", "See test_conformance.py, line"]),
    "a script without set_up": (lambda _: {"script_set_up": None}, "propagate", ["no method set_up. Define set_up(trial)"]),
    "a script that cannot list its mattes": (
        lambda _: {"script_mattes": lambda self: [][0]}, "propagate", ["mattes() raised IndexError", "in test_conformance.py, line"]
    ),
}  # fmt: skip
"""Name to what the host has instead, the scenario that finds it, and words of the finding."""


@pytest.mark.slow
@pytest.mark.parametrize("breakage", BROKEN)
def test_what_a_host_breaks_is_named(findings, sample, breakage):
    """One finding with the fact and what to do."""
    make, scenario, words = BROKEN[breakage]
    (texts,) = findings(_broken(sample, make(sample)), scenario).values()
    assert texts
    assert [word for word in words if word not in " ".join(texts)] == []
    assert all(text.endswith(".") for text in texts)


@pytest.mark.slow
@pytest.mark.parametrize(
    "breakage", ["a hook that does not exist", "another argument", "no request", "a request of another type"]
)
def test_a_wrong_hook_is_one_finding(findings, sample, breakage):
    """In every scenario, without advice for other errors or the address of an object."""
    make, _, _ = BROKEN[breakage]
    for scenario, texts in findings(_broken(sample, make(sample)), "propagate", "no-plate").items():
        assert len(texts) == 1, scenario
        assert [word for word in ("0x", "HostError", "must succeed") if word in " ".join(texts)] == []


@pytest.mark.slow
def test_mattes_at_another_place_are_not_reported_as_deleted(findings, sample):
    """They are not where the artist chose, which is reported instead."""
    make, _, _ = BROKEN["another pattern"]
    texts = " ".join(findings(_broken(sample, make(sample)), "cancel")["cancel"])
    assert "the mattes go to" in texts
    assert "is gone" not in texts


def _broken(sample, changes):
    """The sample with other hooks of its host, and other methods of its script, whose names start with ``script_``."""
    of_script = {name[7:]: change for name, change in changes.items() if name.startswith("script_")}
    of_host = {name: change for name, change in changes.items() if not name.startswith("script_")}
    host_class = type("BrokenHost", (sample.SampleHost,), of_host)

    def set_up(self, trial):
        sample.new_script.set_up(self, trial)
        self.host = host_class(self.host.script)
        return self.host

    return type("BrokenScript", (sample.new_script,), {"set_up": set_up, **of_script})


@pytest.mark.slow
def test_the_command_reports_what_is_wrong(tmp_path):
    """One line per scenario, the findings below it, exit code 1; what the host prints is left out."""
    source = SAMPLE.read_text("utf-8").replace("dict(report.patterns)", "{}")
    (tmp_path / "wrong_host.py").write_text(source, "utf-8")
    result = CliRunner().invoke(hosts, ["check", str(tmp_path / "wrong_host.py"), "--only", "propagate"])
    assert result.exit_code == 1
    first, finding, *rest = result.output.splitlines()
    assert first == "propagate: failed"
    assert finding.startswith("  the script shows the mattes of no object")
    assert rest == ["1 problem found"]


@pytest.mark.slow
def test_a_tool_checks_its_host_in_its_own_python(tmp_path):
    """With the bridge and pluggy alone; the worker runs in another Python."""
    site, package = tmp_path / "site", Path(sys.modules["stcn_plugin"].__file__).parent
    for name in ("__init__.py", "environment.py", "errors.py", "frames.py", "bridge"):
        (site / "stcn_plugin").mkdir(parents=True, exist_ok=True)
        (site / "stcn_plugin" / name).symlink_to(package / name)
    (site / "pluggy").symlink_to(Path(sys.modules["pluggy"].__file__).parent)
    code = f"import sys; sys.path.insert(0, {str(site)!r}); from stcn_plugin.bridge.conformance.__main__ import main; "
    code += f"sys.exit(main([{str(SAMPLE)!r}, '--worker', {sys.executable!r}, '--only', 'update']))"
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1] == "stcn: update: ok"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1", ["no function new_script()"]),
        ("import nothing_of_this_name", ["cannot be imported", "ModuleNotFoundError"]),
        ("def new_script(:", ["SyntaxError"]),
        ("raise SystemExit(3)", ["SystemExit"]),
    ],
)
def test_a_module_that_cannot_be_used_is_an_error(tmp_path, source, words):
    """It names the module and the reason."""
    file = tmp_path / "a_host.py"
    file.write_text(source)
    with pytest.raises(PluginError) as caught:
        load_module(str(file))
    assert caught.value.where == str(file)
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_missing_module_is_an_error():
    for name in ("no_such_module_of_a_host", "/no/such/file.py"):
        with pytest.raises(PluginError, match="cannot be imported"):
            load_module(name)


def test_a_script_that_ends_the_program_is_a_finding(findings):
    """The check goes on with the next scenario."""
    results = findings(lambda: sys.exit(5), "no-plate", "propagate")
    assert [len(texts) for texts in results.values()] == [1, 1]
    assert "SystemExit: 5" in results["no-plate"][0]


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path):
    """Before the first scenario."""
    (tmp_path / "file").touch()
    result = CliRunner().invoke(hosts, ["check", str(SAMPLE), "--keep", str(tmp_path / "file" / "kept")])
    assert isinstance(result.exception, OutputError)
    assert result.exception.where == str(tmp_path / "file" / "kept")


def test_the_pictures_are_png_files(tmp_path):
    """Pillow reads them: the plate in colour, the matte as the outline of the object."""
    from stcn_plugin.bridge.conformance.pictures import HEIGHT, WIDTH
    from stcn_plugin.bridge.conformance.trial import TrialFiles

    trial = TrialFiles(tmp_path, ("a", "b"), 2).trial((1002,))
    plate = Image.open(trial.plate.replace("####", "1002"))
    assert (plate.mode, plate.size) == ("RGB", (WIDTH, HEIGHT))
    for keyframe in trial.keyframes:
        matte = np.asarray(Image.open(keyframe.file), float) / 255
        xs, ys = zip(*keyframe.outline, strict=True)
        rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
        middle = (matte * columns).sum() / matte.sum(), (matte * rows).sum() / matte.sum()
        assert middle == pytest.approx((sum(xs) / len(xs), sum(ys) / len(ys)), abs=0.05)
        area = abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(keyframe.outline, (*keyframe.outline[1:], keyframe.outline[0]), strict=True))) / 2  # fmt: skip
        assert matte.sum() == pytest.approx(area, rel=0.01)
