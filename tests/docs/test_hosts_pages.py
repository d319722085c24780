"""The pages about Nuke, Blender and Krita name what there is in their plugins."""

from __future__ import annotations

import re

import pytest
from docs.pages import DOCS, ROOT

from stcn_plugin.install.init_file import LINE

HOSTS = ROOT / "hosts"
PANEL = (ROOT / "stcn_plugin" / "bridge" / "panel.py").read_text("utf-8")
INSTALL = (DOCS / "how-to" / "install-the-host-plugins.md").read_text("utf-8")
BATCH = (DOCS / "how-to" / "batch-and-farm.md").read_text("utf-8")


def sources(folder: str) -> str:
    return "\n".join(path.read_text("utf-8") for path in sorted((HOSTS / folder).rglob("*.py")))


def test_line_of_the_init_file_is_shown():
    """The page shows exactly the line that is added to the user's init.py."""
    (shown,) = re.findall(r"```text\n(import nuke.*)\n```", INSTALL)
    assert shown == LINE.decode()


@pytest.mark.parametrize(
    ("host", "script", "parser"),
    [
        ("nuke", "nuke/batch.py", "nuke/stcn_nuke/batch.py"),
        ("blender", "blender/batch.py", "blender/extension/batch.py"),
    ],
)
def test_batch_commands_are_those_of_the_hosts(host, script, parser):
    """The batch scripts exist at the stated paths and define every option in their section."""
    assert (HOSTS / script).is_file()
    source = "".join(path.read_text("utf-8") for path in (HOSTS / parser, ROOT / "stcn_plugin" / "bridge" / "batch.py"))
    examples = re.findall(rf"^{host} -.*batch\.py (.*)$", BATCH, re.MULTILINE)
    (section,) = re.findall(rf"^## From {host.capitalize()}\n(.*?)^## ", BATCH, re.MULTILINE | re.DOTALL)
    options = {*re.findall(r"--[a-z-]*[a-z]", " ".join(examples)), *re.findall(r"`(--[a-z-]*[a-z])", section)}
    options -= {"--help", "--python-exit-code"}
    assert len(options) >= 2
    for option in options:
        assert f'"{option}"' in source, f"{option} of {host}"


@pytest.mark.parametrize(
    ("tutorial", "folder"), [("nuke.md", "nuke"), ("blender.md", "blender"), ("krita.md", "krita")]
)
def test_labels_of_the_tutorial_are_those_of_the_interface(tutorial, folder):
    """Every bold text of a tutorial is a menu entry, field or button of the plugin."""
    page, source = (DOCS / "tutorials" / tutorial).read_text("utf-8"), sources(folder) + PANEL
    labels = {label for bold in re.findall(r"\*\*(.+?)\*\*", page) for label in bold.split(" > ")}
    assert len(labels) >= 8
    for label in labels:
        assert f'"{label}"' in source, label
