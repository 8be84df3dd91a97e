"""Offline circulation (OF): what desks wrote down while the network was away, read, loaded, told of."""
