"""One reservation, one workflow."""
