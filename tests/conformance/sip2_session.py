"""Drives a server with the PyPI client Sip2 1.1, run as a program of its own: it prints, logs into its
folder and closes its socket only when it is collected.

``sip2_session.py PORT USER PASSWORD INSTITUTION PATRON PIN ITEM`` prints one JSON object: step -> parsed
answer.
"""

import contextlib
import io
import json
import sys

from Sip2.sip2 import Sip2


def main(port: str, user: str, password: str, institution: str, patron: str, pin: str, item: str) -> None:
    client = Sip2()
    client.hostName, client.hostPort, client.tlsEnable = "127.0.0.1", int(port), False
    client.socketTimeout = 10
    client.institutionId, client.patron, client.patronpwd = institution, patron, pin
    client.scLocation, client.language = "CENTRE", "001"
    client.connect()
    ask = client.get_response
    steps = {
        "login": client.sip_login_response(ask(client.sip_login_request(user, password))),
        "status": client.sip_sc_status_response(ask(client.sip_sc_status_request())),
        "patron status": client.sip_patron_status_response(ask(client.sip_patron_status_request())),
        "information": client.sip_patron_information_response(
            ask(client.sip_patron_information_request("none"))
        ),
        "checkout": client.sip_checkout_response(ask(client.sip_checkout_request(item))),
        "charged": client.sip_patron_information_response(
            ask(client.sip_patron_information_request("charged"))
        ),
        "renew": client.sip_renew_response(ask(client.sip_renew_request(item))),
        "item": client.sip_item_information_response(ask(client.sip_item_information_request(item))),
        "checkin": client.sip_checkin_response(ask(client.sip_checkin_request(item))),
        "after": client.sip_patron_information_response(
            ask(client.sip_patron_information_request("charged"))
        ),
        "end": client.sip_end_patron_session_response(ask(client.sip_end_patron_session_request())),
    }
    client.disconnect()
    print(json.dumps(steps), file=sys.__stdout__)


if __name__ == "__main__":
    with contextlib.redirect_stdout(io.StringIO()):
        main(*sys.argv[1:])
