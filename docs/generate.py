"""Write the pages of ``docs/reference`` from the code: ``python docs/generate.py``, or ``--check`` to compare them.

Each page is a function in ``docs/generator`` that returns Markdown. The text is in the code, in docstrings and in the
help of the commands; edit it there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from generator import command_line, environment_page, hooks, job_data, settings

_NOTE = "<!-- Written by docs/generate.py from {sources}. Edit the code, then run it again. -->\n\n"

PAGES: Mapping[str, tuple[str, Callable[[], str]]] = {
    "settings.md": ("stcn_plugin/presets and stcn_plugin/shot/model.py", settings.settings_page),
    "training-settings.md": ("stcn_plugin/training/config.py", settings.training_settings_page),
    "hooks.md": ("stcn_plugin/bridge/host_hooks.py and stcn_plugin/studio/hooks.py", hooks.page),
    "job-data.md": (
        "the modules job, report, description, build and assessment of stcn_plugin/bridge",
        job_data.page,
    ),
    "environment.md": ("stcn_plugin/environment.py", environment_page.page),
    "command-line.md": ("stcn_plugin/cli", command_line.page),
}


def main() -> int:
    """Write or compare all pages; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the pages of docs/reference from the code.")
    parser.add_argument("--check", action="store_true", help="compare the pages with the code and write nothing")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent / "reference", help="folder of the pages")
    options = parser.parse_args()
    stale = []
    for name, (sources, page) in PAGES.items():
        text = _NOTE.format(sources=sources) + page().rstrip() + "\n"
        file = options.folder / name
        if file.is_file() and file.read_text("utf-8") == text:
            continue
        stale.append(name)
        if not options.check:
            file.write_text(text, "utf-8")
    verb = "out of date" if options.check else "written"
    print(f"{verb}: {', '.join(stale)}" if stale else "all pages are up to date")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
