"""The acts of circulation, for whoever asks: domain values in, an outcome out. No wire words."""
