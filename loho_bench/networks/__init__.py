"""Networks as plain PyTorch modules: no files, no settings, no global state."""
