"""One connection's protocol state: bytes and `now` in, exchanges and replies out. No I/O, no clock."""
