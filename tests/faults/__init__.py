"""The daemon as a whole when things go wrong: killed, full, cut off, flooded, changed under way."""
