"""The ``cardhold`` command: one file a family of commands; talks through `cardhold.client`."""
