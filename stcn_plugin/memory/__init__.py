"""The memory: which frames are kept, and how every query pixel reads from them."""
