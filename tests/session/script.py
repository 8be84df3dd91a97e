"""A session and a service that writes down what it was asked: the transcripts of the session's tests."""

from sip2d.session.limits import Counters, Limits
from sip2d.session.session import Session
from sip2d.session.slots import Exchange
from sip2d.wire.frame import seal

LOGIN = b"9300CNuser|COpassword|CP|"
STATUS = b"9900802.00"
ITEM = b"1720260102    030405AO|ABitem1|AC|"
PATRON = b"2300120260102    030405AO|AApatron1|AC|AD1234|"
LOAN = b"11YN20260102    030405                  AO|AApatron1|ABitem1|AC|AD1234|"
RETURN = b"09N20260102    03040520260102    030405AP|AO|ABitem1|AC|"
RENEW_ALL = b"65AO|AApatron1|BON|"


def ck(body: bytes, sequence: bytes | None = b"1") -> bytes:
    """A request with error detection, CR behind."""
    return seal(body, sequence, True)


def bad(body: bytes, sequence: bytes = b"1") -> bytes:
    """The same with a sum that is wrong."""
    return body + b"AY" + sequence + b"AZ0001\r"


class Script:
    """``say`` bytes, get the replies; each answer numbers the exchanges served, so a repeat shows."""

    def __init__(
        self, limits: Limits | None = None, *, bound: bool = True, terminator: bytes = b"\r"
    ) -> None:
        self.limits = Limits() if limits is None else limits
        self.now = 100.0
        self.session = Session(self.limits, terminator, bound, now=self.now)
        self.served: list[Exchange] = []

    @property
    def counters(self) -> Counters:
        return self.session.counters

    def hear(self, data: bytes) -> list[Exchange]:
        """What these bytes want served."""
        return self.session.receive(data, self.now)

    def say(self, data: bytes) -> list[bytes]:
        """The replies to these bytes, when all is answered at once."""
        return self.serve(self.hear(data))

    def serve(self, exchanges: list[Exchange]) -> list[bytes]:
        replies: list[bytes] = []
        while True:
            for exchange in exchanges:
                self.served.append(exchange)
                self.answer(exchange)
            replies += self.session.data_to_send()
            if not self.session.waiting:
                return replies
            exchanges = self.session.release(self.now)

    def answer(self, exchange: Exchange) -> None:
        """94 by the user name, LOGIN_REQUIRED before login, else the count of those served."""
        if exchange.code == "93":
            if b"CNuser|" in exchange.body:
                self.session.bind(self.limits, b"\r")
                self.session.answer(exchange, b"941")
            else:
                self.session.login_failed()
                self.session.answer(exchange, b"940")
        elif exchange.allowed:
            self.session.answer(exchange, b"<%s no %d>" % (exchange.code.encode(), len(self.served)))
        else:
            self.session.answer(exchange, b"<%s login required>" % exchange.code.encode())
