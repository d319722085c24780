"""Installation and removal of the host plugins."""
