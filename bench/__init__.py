"""The benchmark: cardhold beside the least that could do the same, on one machine, in one run."""
