"""STCN inside Krita: a docker. The network runs in a worker process."""

import sys
import traceback
from pathlib import Path

_SITE = str(Path(__file__).absolute().parent / "site")
if _SITE not in sys.path:
    sys.path.append(_SITE)

try:
    from .docker import register

    register()
except Exception:  # noqa: BLE001 - Krita must start even if this plugin fails
    traceback.print_exc()
