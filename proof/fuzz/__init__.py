"""Generated input for every door of cardhold, and a judge for what comes of each piece of it."""
