"""One file per gateway; adapters do not know each other."""
