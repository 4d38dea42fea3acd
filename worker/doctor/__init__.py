"""``cardhold doctor``: looks at a deployment, changes nothing, and says what to do."""
