"""What a person sees when the demo is up: where it listens, whom to log in as, which barcodes to scan."""

from pathlib import Path
from typing import Any, cast

from sip2d.demo import plan


def page(described: dict[str, object], folder: Path) -> str:
    """The text for the terminal."""
    sip2, tls, admin = (cast(dict[str, Any], described[name]) for name in ("sip2", "tls", "admin"))
    known = {kind: cast(list[dict[str, str]], described[kind]) for kind in ("terminals", "patrons", "items")}
    terminals = "\n".join(
        f"  {row['user']:<16}{row['password']:<22}{row['branch']:<11}{row['profile']:<20}{row['about']}"
        for row in known["terminals"]
    )
    return f"""
sip2d demo library {described["institution"]}

  SIP2    {sip2["host"]}:{sip2["port"]}
  TLS     {tls["host"]}:{tls["port"]}   CA {tls["ca_file"]}
  Admin   http://{admin["host"]}:{admin["port"]}/metrics  /livez  /readyz

Terminals (user, password, branch, profile)
{terminals}

Patrons (PIN {plan.PIN})
{_codes(known["patrons"])}

Items
{_codes(known["items"])}

The same as JSON: {folder / "demo.json"}. Ctrl-C ends it; what happened stays in {folder}.
"""


def _codes(rows: list[dict[str, str]]) -> str:
    by_about: dict[str, list[str]] = {}
    for row in rows:
        by_about.setdefault(row["about"], []).append(row["barcode"])
    return "\n".join(
        f"  {about:<20}{codes[0]}" + (f" .. {codes[-1]}" if len(codes) > 1 else "")
        for about, codes in by_about.items()
    )
