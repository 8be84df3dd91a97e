"""One function per request message: message, act, answer. Knows wire and desk; no connection, no clock."""
