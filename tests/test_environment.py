"""The environment variables: each is defined once, and no other one is read."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from stcn_plugin import environment
from stcn_plugin.environment import VARIABLES, Variable

ROOT = Path(__file__).parents[1]
SOURCES = [*ROOT.glob("stcn_plugin/**/*.py"), *ROOT.glob("hosts/**/*.py")]
WHOLE = {"launch.py", "interpreter.py", "blender_program.py"}  # pass a copy of the environment to another program


def test_the_list_has_every_variable():
    """Every variable of the module is in the list, and so in the reference and in `stcn doctor`."""
    named = [each for each in vars(environment).values() if isinstance(each, Variable)]
    assert sorted(each.name for each in VARIABLES) == sorted(each.name for each in named)
    assert len({each.name for each in VARIABLES}) == len(VARIABLES)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_other_module_reads_the_environment_by_name(path):
    """Only `environment.py` uses `os.environ` and `os.getenv`, except where a process gets a copy of all variables."""
    if path.name == "environment.py":
        return
    reads = [
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}
    ]
    assert bool(reads) == (path.name in WHOLE), "name the variable in stcn_plugin/environment.py"


def test_a_value_and_a_list(monkeypatch):
    """A variable that is not set is empty. Entries are separated as in PATH, and empty ones are removed."""
    variable = Variable("STCN_TEST_VARIABLE", "a list", "the test")
    monkeypatch.delenv(variable.name, raising=False)
    assert (variable.value(), variable.entries()) == ("", ())
    monkeypatch.setenv(variable.name, os.pathsep.join([" /one", "", "two ", "  "]))
    assert variable.entries() == ("/one", "two")
