"""What `sip2d bulk-renew` ends with (BR-46), and the ports it tries when none is said."""

PORT, TLS_PORT = 6001, 6443

RENEWED, SOME_FAILED, INVALID_FILE, NO_CONNECTION, CANCELLED = 0, 1, 2, 3, 130
"""Exit codes."""
