"""Training of networks on clips, stills and composites, and fine-tuning on keyframes."""
