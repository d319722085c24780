"""The state of the repository: lint, format, types, README, version, changelog and the gate."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import stcn_plugin

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


SLOW = pytest.mark.slow
TOOLS = [["ruff", "check"], ["ruff", "format", "--check"], pytest.param(["mypy"], marks=SLOW)]


@pytest.mark.parametrize("tool", TOOLS, ids=" ".join)
def test_tools_find_nothing(tool):
    """Linter, formatter and strict type checker report nothing."""
    result = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_readme_is_short():
    """At most 120 lines."""
    assert len(README.splitlines()) <= 120


def test_the_readme_shows_the_result_and_a_panel():
    """Two images that exist; other links are tested with the documentation."""
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", README)
    assert pictures == ["examples/shot/result.jpg", "docs/images/blender-panel.png"]
    assert all((ROOT / picture).is_file() for picture in pictures)


def test_the_readme_names_the_main_commands():
    """Propagating, and installing the host plugins."""
    for command in ("propagate", "install nuke", "install blender"):
        assert f"stcn {command}" in README


def test_python_in_the_readme_uses_the_public_api():
    """The Python block is about ten lines long and imports only public names."""
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in block.splitlines() if line.strip()]) <= 12
    imported = re.search(r"from stcn_plugin import (.*)", block)[1].split(", ")
    assert set(imported) <= set(stcn_plugin.__all__)


def test_the_version_is_written_once():
    """The wheel takes its version from the package, and no installed or built file has a copy of it."""
    build = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'dynamic = ["version"]' in build
    assert '[tool.hatch.version]\npath = "stcn_plugin/__init__.py"\n' in build
    copies = [
        path.relative_to(ROOT).as_posix()
        for folder in ("stcn_plugin", "hosts")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".toml"} and f'"{stcn_plugin.__version__}"' in path.read_text("utf-8")
    ]
    assert copies == ["stcn_plugin/__init__.py"]


def test_the_changelog_starts_with_unreleased_changes():
    """Changes are sorted by kind under the next release, which comes first."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[0] == "Unreleased"
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= {"Added", "Changed", "Fixed", "Removed", "Security"}


def test_the_matrix_runs_the_gate_on_every_python():
    """On the oldest Python that the package allows, and on all newer ones that it names."""
    build = (ROOT / "pyproject.toml").read_text("utf-8")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    job = workflow["jobs"]["tests"]
    versions = job["strategy"]["matrix"]["python"]
    assert versions == re.findall(r'"Programming Language :: Python :: (3\.\d+)"', build)
    assert f'requires-python = ">={versions[0]}"' in build
    assert job["steps"][-1] == {"run": ".ci/run"}


def test_the_gate_runs_the_readmes_test_command():
    """The gate takes the command from the README, where a marker identifies it."""
    (command,) = re.findall(r"<!-- test command -->\n```sh\n(.*)\n```", README)
    assert command.startswith("python3 -m venv .venv-test && ")
    script = "sed -n '/^<!-- test command -->$/,/^```$/p' README.md | sed '1,2d;$d'"
    assert script in (ROOT / ".ci" / "run").read_text("utf-8")
    found = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == command
