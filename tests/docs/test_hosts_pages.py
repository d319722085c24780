"""The page about the hosts says what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from stcn_plugin.install.init_file import LINE

HOSTS = Path(__file__).parents[2] / "hosts"
PAGE = (HOSTS / "README.md").read_text("utf-8")


def test_links_lead_somewhere():
    """Every link is to a file that is there, or to a heading of the page."""
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ")).lower().replace(" ", "-")
        for line in PAGE.splitlines()
        if line.startswith("#")
    }
    links = re.findall(r"\]\(([^):]+)\)", PAGE)
    assert links
    for link in links:
        assert link[1:] in headings if link.startswith("#") else (HOSTS / link).is_file(), link


def test_line_of_the_init_file_is_shown():
    """The page shows the very line that is written into the user's init.py."""
    (shown,) = re.findall(r"```text\n(.*)\n```", PAGE)
    assert shown == LINE.decode()


def test_commands_are_there():
    """Every install command answers to --help, and knows the flags that are shown with it."""
    shown = re.findall(r"^stcn (install|uninstall) (\w+)(.*?)(?:#.*)?$", PAGE, re.MULTILINE)
    assert len(shown) >= 5
    for command, host, rest in shown:
        run = [sys.executable, "-m", "stcn_plugin", command, host, "--help"]
        text = subprocess.run(run, capture_output=True, text=True, check=True).stdout
        for flag in re.findall(r"--[a-z]+", rest):
            assert f"{flag} " in text, f"{flag} of stcn {command} {host}"


def test_batch_commands_are_those_of_the_hosts():
    """The batch scripts lie where the page says, and every flag of its examples is one that they define."""
    for host, script, parser in (
        ("nuke", "nuke/batch.py", "nuke/stcn_nuke/batch.py"),
        ("blender", "blender/batch.py", "blender/extension/batch_run.py"),
    ):
        assert (HOSTS / script).is_file()
        source = (HOSTS / parser).read_text("utf-8")
        (example,) = re.findall(rf"^{host} -.*batch\.py (.*)$", PAGE, re.MULTILINE)
        flags = re.findall(r"--[a-z]+", example)
        assert flags
        for flag in flags:
            assert f'"{flag}"' in source, f"{flag} of {host}"
