"""Mail addresses: whether one can be written to, and how it stands in a header."""

import re
from email.headerregistry import Address
from typing import Final

MOST: Final = 254
_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")


def usable(text: str | None) -> str | None:
    """The address, with its domain in ASCII (IDNA); None: there is none, or nobody could deliver to it."""
    local, at, domain = (text or "").strip().rpartition("@")
    if not at or not _LOCAL.fullmatch(local):
        return None
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    if not all(_LABEL.fullmatch(label) for label in ascii_domain.split(".")):
        return None
    address = f"{local}@{ascii_domain}"
    return address if len(address) <= MOST else None


def domain_of(address: str) -> str:
    """What stands behind the @."""
    return address.rpartition("@")[2]


def named(name: str | None, address: str) -> Address:
    """For a header: whatever is in a name, it stays one name of one address."""
    shown = " ".join("".join(each if each.isprintable() else " " for each in name or "").split())[:100]
    return Address(display_name=shown, addr_spec=address)
