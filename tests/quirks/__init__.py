"""What real kiosks do to a server, row by row (quirks, sip2.md 9)."""
