"""Bytes to messages and back. Pure: no clock, no socket, no SQL."""
