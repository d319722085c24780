"""What the pages show can be copied: YAML loads, Python names what there is, commands and options exist."""

from __future__ import annotations

import ast
import re
from importlib import import_module

import click
import pytest
import yaml
from docs.pages import PAGES, ROOT, blocks, code_spans, name_of

from stcn_plugin import load_preset, load_shot
from stcn_plugin.cli import stcn
from stcn_plugin.training.config import load_training_config

COMMAND = re.compile(r"(?:(?<=^)|(?<=[\s/]))stcn (?P<words>[a-z]+(?: [a-z]+)?)(?P<rest>[^\n;|]*)")
ENDINGS = ("&&", "||", "  #", " or ")


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_loads(block, tmp_path):
    """Every YAML block is a complete shot file, preset or training configuration."""
    title = re.match(r"# (\S+\.yaml)\n", block.text)
    path = tmp_path / (title[1] if title else "example.yaml")
    path.write_text(block.text, "utf-8")
    data = yaml.safe_load(block.text)
    if "plate" in data:
        shot = load_shot(path, search_path=())
        assert {keyframe.frame for keyframe in shot.keyframes} == set(data["keyframes"])
    elif "data" in data:
        config = load_training_config(path, overrides=[] if "out" in data else ["out=run"])
        assert config.data.clips
    else:
        assert load_preset(path, search_path=()) != load_preset("default", search_path=())


def test_the_tutorial_shows_the_example_shot():
    """The shot file of the tutorial is that of the example shot."""
    (shown, *_) = (block for block in blocks("yaml") if name_of(block.page) == "docs/tutorials/command-line.md")
    assert yaml.safe_load(shown.text) == yaml.safe_load((ROOT / "examples/shot/shot.yaml").read_text("utf-8"))


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_imports_exist(block):
    """Every Python block can be parsed, and imports only existing names."""
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom):
            module = import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name), f"{alias.name} of {node.module}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist(page):
    """Every `stcn` command on a page exists, with all of its options."""
    for line in commands_of(page):
        for match in COMMAND.finditer(line):
            command, rest = resolved(match["words"].split(), match["rest"])
            options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            for ending in ENDINGS:
                rest = rest.partition(ending)[0]
            for option in re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", rest):
                assert option in options | {"--help", "-h"}, f"{option} of {match[0]}"


def test_every_command_is_shown():
    """The hand-written pages show every command at least once."""
    shown = set()
    for page in PAGES:
        if "reference" not in page.parts:
            shown |= {
                " ".join(match["words"].split()) for line in commands_of(page) for match in COMMAND.finditer(line)
            }
    context = click.Context(stcn)
    for name in stcn.list_commands(context):
        assert any(each.partition(" ")[0] == name for each in shown), name


def commands_of(page):
    """The lines of a page's shell blocks, continued ones joined, and its pieces of code."""
    for block in blocks("sh", "text"):
        if block.page == page:
            yield from block.text.replace("\\\n", " ").splitlines()
    yield from code_spans(page)


def resolved(words, rest):
    """Return a command by its words, and what is left of its line."""
    context = click.Context(stcn)
    command = stcn.get_command(context, words[0])
    assert command is not None, f"stcn {words[0]}"
    if isinstance(command, click.Group):
        if len(words) < 2:
            return command, rest
        group, command = command, command.get_command(context, words[1])
        assert command is not None, f"stcn {' '.join(words)}, in {group.name}"
    return command, rest
