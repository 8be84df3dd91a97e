"""The proof of sip2d: the same rooms as the code, and the support they share."""
