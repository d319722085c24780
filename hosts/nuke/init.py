"""Adds STCN to Nuke's Python path, with and without an interface."""

import sys
from pathlib import Path

_STCN = Path(__file__).absolute().parent
sys.path.extend(folder for folder in (str(_STCN), str(_STCN / "site")) if folder not in sys.path)
