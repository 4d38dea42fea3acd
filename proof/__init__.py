"""The proof: the whole product under every accident that we could think of, by seed and by kill."""
