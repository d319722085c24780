"""How far the mattes of a shot can be trusted: figures of its frames, the expected J, and the frames to look at."""
