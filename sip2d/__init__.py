"""A standalone SIP2 server: the library's side of the line."""

__version__ = "0.1.0"
