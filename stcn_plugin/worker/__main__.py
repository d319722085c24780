"""``python -m stcn_plugin.worker``; for hosts, which speak the protocol of `stcn_plugin.bridge.messages`."""

import sys

from stcn_plugin.worker.serve import main

sys.exit(main())
