"""How long a connection may be silent (CN-4, issue 3.4)."""

from sip2d.session.limits import Limits
from sip2d.session.states import CloseReason


class Patience:
    """Since when one is silent, in monotonic seconds: ``heard_at`` the last whole frame, ``partial_at`` the
    first bytes of one that is not whole yet, ``unbound_since`` when it had to log in.
    """

    __slots__ = ("heard_at", "partial_at", "unbound_since")

    def __init__(self, now: float) -> None:
        self.heard_at = now
        self.partial_at = now
        self.unbound_since = now

    def due(self, limits: Limits, *, bound: bool, begun: bool) -> float:
        """When it ends, unless something comes; ``begun``: part of a frame waits for its rest."""
        if bound:
            due = self.heard_at + limits.idle_timeout
        else:
            due = self.unbound_since + limits.login_timeout
        return min(due, self.partial_at + limits.frame_timeout) if begun else due

    def over(self, now: float, limits: Limits, *, bound: bool, begun: bool) -> CloseReason | None:
        """Why it ended, if it did."""
        if not bound and now >= self.unbound_since + limits.login_timeout:
            return CloseReason.LOGIN_TIMEOUT
        if begun and now >= self.partial_at + limits.frame_timeout:
            return CloseReason.FRAME_TIMEOUT
        if bound and now >= self.heard_at + limits.idle_timeout:
            return CloseReason.IDLE_TIMEOUT
        return None
