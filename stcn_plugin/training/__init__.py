"""Training: from clips, stills and composites to weights, reproducibly; and fine-tuning on a show."""
