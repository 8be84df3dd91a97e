"""The demo library, started as a person starts it."""
