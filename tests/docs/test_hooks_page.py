"""The page of the hooks, read as a person would read it, and the code say the same; its examples work."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import subprocess
import sys
import textwrap
import time
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from docs.pages import DOCS, ROOT

from stcn_plugin.bridge import HostHooks, hookimpl
from stcn_plugin.bridge.conformance import SCENARIOS, Trial, TrialKeyframe
from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.studio import StudioHooks

PAGE = (DOCS / "reference" / "hooks.md").read_text("utf-8")
GUIDE = (DOCS / "how-to" / "write-a-host.md").read_text("utf-8")
SAMPLE = ROOT / "examples" / "host" / "sample_host.py"
INTERFACES = [(HostHooks, "Host hooks"), (StudioHooks, "Studio hooks")]


def hooks_of(specification: type) -> list[str]:
    return [name for name in vars(specification) if name.startswith("stcn_")]


def documented(title: str) -> dict[str, str]:
    """Hook name to its section, in the order of the page."""
    (part,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    sections = re.split(r"^### (\w+)\n", part, flags=re.MULTILINE)[1:]
    return dict(zip(sections[::2], sections[1::2], strict=True))


SECTIONS = [
    pytest.param(specification, name, text, id=name)
    for specification, title in INTERFACES
    for name, text in documented(title).items()
]


@pytest.mark.parametrize(("specification", "title"), INTERFACES)
def test_every_hook_is_documented_and_no_other(specification, title):
    """The page has the hooks of the code, in the order of the code."""
    assert list(documented(title)) == hooks_of(specification)


@pytest.mark.parametrize(("specification", "name", "text"), SECTIONS)
def test_the_documentation_of_a_hook_is_complete(specification, name, text):
    """The signature equals the code; when, thread, errors and several plugins are stated."""
    code = ast.parse(textwrap.dedent(inspect.getsource(getattr(specification, name)))).body[0]
    shown = ast.parse(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]).body[0]
    for function in (code, shown):
        function.body, function.decorator_list = [ast.Expr(ast.Constant(...))], []
    assert ast.unparse(shown) == ast.unparse(code)
    stated = dict(re.findall(r"^- \*\*(.*?)\*\*: (.*)$", text, re.MULTILINE))
    assert list(stated) == ["When", "Thread", "On error", "Several plugins"]
    options = getattr(specification, name).stcn_plugin_spec
    assert stated["Several plugins"].startswith("The first result is used.") == bool(options["firstresult"])
    arguments = [argument.arg for argument in code.args.args if argument.arg != "self"]
    assert re.findall(r"^- `(\w+)`: ", text, re.MULTILINE) == arguments


@pytest.mark.parametrize(("specification", "name", "text"), SECTIONS)
def test_an_example_is_an_implementation(specification, name, text):
    """Every example implements its hook with arguments that the hook has."""
    example = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[1]
    namespace: dict[str, object] = {"hookimpl": hookimpl}
    exec("from __future__ import annotations\n" + example, namespace)
    function = namespace[name]
    if "self" in inspect.signature(function).parameters:
        function = function.__get__(SimpleNamespace())
    assert Hooks(specification, [("example", SimpleNamespace(**{name: function}))]).names == ("example",)


def test_the_guide_shows_the_sample_host():
    """Exactly as it is in the examples."""
    (shown,) = re.findall(r"<!-- examples/host/sample_host.py -->\n```python\n(.*?)```", GUIDE, re.DOTALL)
    assert shown == SAMPLE.read_text("utf-8")


def test_the_guide_lists_the_scenarios_of_the_check():
    """All of them, in their order."""
    assert names_of_table("scenario") == list(SCENARIOS)


def test_the_guide_lists_the_fields_of_a_trial():
    """All of them."""
    fields = {each.name for each in dataclasses.fields(Trial)}
    of_keyframes = {f"keyframes[].{each.name}" for each in dataclasses.fields(TrialKeyframe)}
    assert set(names_of_table("field")) == fields | of_keyframes


def names_of_table(title):
    """The first column of a table of the guide."""
    (rows,) = re.findall(rf"^\| {title} \|.*\n\|---.*\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    return re.findall(r"^\| `(.*?)` \|", rows, re.MULTILINE)


@pytest.mark.slow
def test_the_sample_host_runs(clip, tmp_path):
    """It propagates an image over the clip with a real worker, and loads the mattes into its script."""
    for number in range(1004, 1009):
        (clip.folder / f"plate.{number}.png").unlink()
    script = tmp_path / "script.json"
    roto = [{"object": "hero", "frame": 1001, "file": str(clip.keyframe(1001, 0)["file"])}]
    script.write_text(json.dumps({"plate": str(clip.plate), "roto": roto, "out": str(clip.out)}))

    def run():
        return subprocess.run([sys.executable, SAMPLE, script], capture_output=True, text=True, timeout=300)

    result = run()
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["1 of 3", "2 of 3", "3 of 3"]
    assert json.loads(script.read_text())["mattes"] == {"hero": str(clip.out)}
    np.testing.assert_array_equal(clip.matte(1001, "hero"), clip.mask(1001, 0))
    assert clip.matte(1003, "hero").any()
    script.write_text(json.dumps({"plate": "no.####.png", "roto": roto, "out": str(clip.out)}))
    wrong = run()
    assert wrong.returncode == 1
    assert "no frame of the plate is on disk" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.slow
def test_the_background_job_of_the_guide_runs(clip):
    """Its code runs the sample host by a timer, and stops the timer at the end of the job and at an error."""
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL) if "BackgroundJob(" in block)
    sample = ModuleType("sample_host")
    exec(compile(SAMPLE.read_text("utf-8"), str(SAMPLE), "exec"), vars(sample))
    ticks = []

    def start_timer(function, *, seconds):
        ticks.append((function, seconds))
        return SimpleNamespace(stop=ticks.clear)

    names = {"MyHost": sample.SampleHost, "find_python": lambda: sys.executable, "start_timer": start_timer}
    exec(code, names)
    script = clip.folder / "script.json"

    def run(**changes):
        roto = [{"object": "hero", "frame": 1001, "file": str(clip.keyframe(1001, 0)["file"])}]
        data = {"plate": str(clip.plate), "roto": roto, "out": str(clip.out), "range": "1001-1002", "preset": "draft"}
        script.write_text(json.dumps({**data, **changes}))
        job = names["propagate"](sample.Script(script))
        deadline = time.monotonic() + 120
        while ticks and time.monotonic() < deadline:
            ((function, seconds),) = ticks
            function()
            time.sleep(seconds)
        assert not ticks
        return job.status

    try:
        assert run().error is None
        assert json.loads(script.read_text())["mattes"] == {"hero": str(clip.out)}
        assert "no frame of the plate" in run(plate=str(clip.folder / "no.####.png")).error.what
    finally:
        names["worker"].stop()
