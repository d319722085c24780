"""The house is in order: lint, format, types, and a README whose examples are real."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import stcn_plugin
from stcn_plugin import load_shot

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("tool", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]], ids=" ".join)
def test_tools_find_nothing(tool):
    """Linter, formatter and strict type checker have nothing to say."""
    result = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("number", range(len(blocks("yaml"))))
def test_shot_files_of_the_readme_load(tmp_path, number):
    """Every YAML block of the README is a shot file that loads as it stands."""
    path = tmp_path / "shot.yaml"
    path.write_text(blocks("yaml")[number], "utf-8")
    shot = load_shot(path)
    assert {keyframe.frame for keyframe in shot.keyframes} == set(yaml.safe_load(path.read_text())["keyframes"])


def test_python_of_the_readme_names_what_there_is():
    """The Python block compiles, is about ten lines, and imports only from the public surface."""
    (block,) = blocks("python")
    compile(block, "README.md", "exec")
    assert len([line for line in block.splitlines() if line.strip()]) <= 12
    imported = re.search(r"from stcn_plugin import (.*)", block)[1].split(", ")
    assert set(imported) <= set(stcn_plugin.__all__)


def test_commands_of_the_readme_exist():
    """Every `stcn` command that the README names answers to --help, with every flag that is shown with it."""
    named = set(re.findall(r"stcn ((?:presets|weights|install|uninstall) \w+|propagate|evaluate|doctor)", README))
    assert named >= {"propagate", "evaluate", "doctor", "presets list", "weights add", "install nuke"}
    for command in named:
        result = subprocess.run(
            [sys.executable, "-m", "stcn_plugin", *command.split(), "--help"], capture_output=True, text=True
        )
        assert result.returncode == 0, command
        for line in README.splitlines():
            if f"stcn {command} " in line:
                for flag in re.findall(r"(?<=\s)--[a-z]+", line.partition(f"stcn {command} ")[2].partition("`")[0]):
                    assert flag in result.stdout, f"{flag} of stcn {command}"


def test_files_and_pictures_of_the_readme_exist():
    """Every link of the README to a file leads to one."""
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).is_file(), target


def test_the_gate_runs_the_readmes_test_command():
    """The gate takes the command from the README, in one line, by its marker."""
    (command,) = re.findall(r"<!-- test command -->\n```sh\n(.*)\n```", README)
    assert command.startswith("python3 -m venv .venv-test && ")
    script = "sed -n '/^<!-- test command -->$/,/^```$/p' README.md | sed '1,2d;$d'"
    assert script in (ROOT / ".ci" / "run").read_text("utf-8")
    found = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == command
