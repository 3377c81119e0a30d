"""Published checkpoints: the list of them, where they lie on this machine, and how they get there."""
