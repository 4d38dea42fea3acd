"""A world in one process: virtual time, a Temporal server's rules, workers, a network, a bank."""
