"""Clients, codecs and frames of others against our server (issue 8.2)."""
