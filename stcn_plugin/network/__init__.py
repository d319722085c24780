"""The network: frames to keys, masks to values, readouts to logits. It reads no files and has no state."""
