"""Tests of the house itself: its support, its wheel, its unit file."""
