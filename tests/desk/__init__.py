"""The acts of circulation, each on both databases."""
