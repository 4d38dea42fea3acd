"""The crash harness: processes killed, stopped, cut off and starved, judged by the bank's books."""
