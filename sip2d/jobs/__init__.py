"""Work that nobody asks for at a counter: plain functions of the library and a moment (circulation.md 12)."""
