"""``python -m stcn_plugin.bridge.conformance MODULE --worker PYTHON``: checks a host in the Python of its tool."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from stcn_plugin.bridge.batch_run import print_error, print_line
from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.conformance.checking import check_host
from stcn_plugin.bridge.conformance.loading import load_module
from stcn_plugin.bridge.conformance.scenarios import SCENARIOS
from stcn_plugin.bridge.launch import WorkerLaunch
from stcn_plugin.errors import STCNError


def main(arguments: Optional[Sequence[str]] = None) -> int:  # noqa: UP045
    """Check a host; return 0 if it passes, otherwise 1."""
    parser = argparse.ArgumentParser(
        prog="python -m stcn_plugin.bridge.conformance", description="Check a host plugin."
    )
    parser.add_argument("module", help="module or file that defines new_script()")
    parser.add_argument("--worker", metavar="PYTHON", default=sys.executable, help="Python of the worker")
    parser.add_argument(
        "--only", metavar="NAME", action="append", choices=list(SCENARIOS), help="run only this scenario"
    )
    options = parser.parse_args(arguments)
    is_right = True
    try:
        new_script = load_module(options.module)
        with (
            tempfile.TemporaryDirectory(prefix="stcn-check-") as folder,
            WorkerClient(WorkerLaunch(options.worker)) as client,
        ):
            for result in check_host(
                new_script, client, folder=Path(folder), scenarios=options.only or list(SCENARIOS)
            ):
                print_line(f"{result.scenario}: {'failed' if result.findings else 'ok'}")
                for finding in result.findings:
                    print_line(f"  {finding}")
                is_right = is_right and not result.findings
    except STCNError as error:
        print_error(str(error))
        return 1
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
