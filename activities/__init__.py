"""The gateway calls that workflows make, one call each."""
