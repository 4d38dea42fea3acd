"""The composition root: settings become clients, clients become a worker."""
