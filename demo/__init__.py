"""The demo: plays what hotels do with card holds, and judges it by the bank's books."""
