"""Propagates roto without an interface: ``nuke -t batch.py script.nk --node Read1 --roto Roto1``."""

import sys
from pathlib import Path

_STCN = Path(__file__).absolute().parent
sys.path.extend(folder for folder in (str(_STCN), str(_STCN / "site")) if folder not in sys.path)

from stcn_nuke.batch import main  # noqa: E402 - importable only now

sys.exit(main(sys.argv[1:]))
