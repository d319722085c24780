"""The job type for Flamenco, run by node with a stand-in for Flamenco's ``author`` that refuses anything undocumented."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from stcn_plugin.cli import stcn
from stcn_plugin.farm.job_types import SCRIPT

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs node")

# Names and types are those of the published documentation of job types and commands.
HARNESS = r"""
"use strict";
const fs = require("fs"), vm = require("vm");
const {script, settings} = JSON.parse(fs.readFileSync(0, "utf-8"));
const strict = (name, object) => new Proxy(object, {
  get(target, key) {
    if (typeof key === "symbol" || key in target) return target[key];
    throw new Error(`${name} has no ${key}`);
  },
  set(_target, key) { throw new Error(`${name}.${key} cannot be set`); },
});
const refuse = text => { throw new Error(text); };
const isText = value => typeof value === "string" && value.trim() !== "";
class Command {
  constructor(name, parameters) {
    if (name !== "exec") refuse(`no command ${name} is expected`);
    if (Object.keys(parameters).sort().join() !== "args,exe") refuse(`exec has other parameters: ${Object.keys(parameters)}`);
    if (!isText(parameters.exe)) refuse("exe is not a text");
    if (!parameters.args.every(value => typeof value === "string")) refuse("args are not texts");
    Object.assign(this, {name, parameters});
  }
}
const makeTask = (name, type) => {
  if (!isText(name) || !isText(type)) refuse("author.Task(name, type): both are required");
  const commands = [];
  const task = strict("task", {addCommand(command) {
    if (!(command instanceof Command)) refuse("not a command");
    commands.push(command);
  }});
  made.set(task, {name, type, commands});
  return task;
};
const made = new Map(), tasks = [];
const author = strict("author", {Task: makeTask, Command: (name, parameters, ...more) => {
  if (more.length) refuse("author.Command has more arguments than expected");
  return new Command(name, parameters);
}});
const context = vm.createContext({author, print() {}});
vm.runInContext(script, context);
const type = vm.runInContext("JOB_TYPE", context);
const values = {};
for (const setting of type.settings) if ("default" in setting) values[setting.key] = setting.default;
for (const key of Object.keys(settings)) {
  if (!type.settings.some(setting => setting.key === key)) refuse(`no setting ${key}`);
  values[key] = settings[key];
}
const job = strict("job", {settings: values, addTask(task) {
  if (!made.has(task)) refuse("not a task");
  tasks.push(made.get(task));
}});
context.job = job;
vm.runInContext("compileJob(job)", context);
process.stdout.write(JSON.stringify({type, tasks}));
"""


def compiled(settings: dict[str, object], script: Path = SCRIPT) -> dict:
    """Compile a job in node."""
    done = subprocess.run(
        [str(NODE), "-e", HARNESS],
        input=json.dumps({"script": script.read_text("utf-8"), "settings": settings}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def commands(settings: dict[str, object]) -> list[tuple[str, list[str]]]:
    tasks = compiled(settings)["tasks"]
    assert all(len(task["commands"]) == 1 for task in tasks)
    parameters = [task["commands"][0]["parameters"] for task in tasks]
    return [(each["exe"], each["args"]) for each in parameters]


def test_a_task_for_each_segment():
    """With the defaults of the settings; names are not evaluated by anything."""
    shot = "/show/it's $(here) `now`/sh 010.yaml"
    expected = ["propagate", shot, "--segments"]
    found = commands({"shot": shot, "segments": 3})
    assert found == [("stcn", [*expected, str(number), "--progress", "percent"]) for number in (1, 2, 3)]
    names = [task["name"] for task in compiled({"shot": shot, "segments": 3})["tasks"]]
    assert names == ["segments-1", "segments-2", "segments-3"]


@pytest.mark.parametrize(
    ("segments", "size", "expected"), [(5, 2, ["1-2", "3-4", "5"]), (4, 4, ["1-4"]), (1, 9, ["1"])]
)
def test_chunks(segments, size, expected):
    """The last one may be shorter."""
    found = commands({"shot": "/s.yaml", "segments": segments, "chunk_size": size})
    assert [arguments[3] for _, arguments in found] == expected


def test_options():
    """As `stcn propagate` has them; empty ones are left out."""
    settings = {"preset": " hero ", "weights": "", "device": "cuda", "threads": 4, "overrides": "a.b=1; c=[x, y];"}
    ((exe, arguments),) = commands({"shot": "/s.yaml", "segments": 1, "stcn": "{stcn}", **settings})
    assert exe == "{stcn}"
    assert arguments[4:] == [
        *("--preset", "hero", "--device", "cuda", "--set", "a.b=1", "--set", "c=[x, y]"),
        *("--set", "compute.threads=4", "--progress", "percent"),
    ]


def test_settings_are_those_that_flamenco_knows():
    """Keys and types of a setting; each has a description."""
    type_ = compiled({"shot": "/s.yaml", "segments": 1})["type"]
    assert type_["label"]
    known = {"key", "type", "subtype", "required", "default", "propargs", "description", "visible"}
    for setting in type_["settings"]:
        assert set(setting) <= known and setting["description"]
        assert setting["type"] in ("string", "int32")
        assert setting.get("visible", "submission") == "submission"
        default = setting.get("default", "" if setting["type"] == "string" else 1)
        assert isinstance(default, str if setting["type"] == "string" else int)


def test_zero_segments_are_refused():
    """Not a job without tasks, which would be done at once."""
    with pytest.raises(AssertionError, match="segments is 0"):
        compiled({"shot": "/s.yaml", "segments": 0})


def test_the_command_writes_the_job_type(tmp_path):
    """Under the name that becomes the name of the type."""
    result = CliRunner().invoke(stcn, ["farm", "flamenco", str(tmp_path / "scripts")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "scripts" / "stcn_propagate.js").read_bytes() == SCRIPT.read_bytes()
