"""The rules of a card hold: no I/O, no clock, no Temporal."""
