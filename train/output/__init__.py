"""What a run writes: its directory, checkpoints, metrics, sample sheets and the model card."""
