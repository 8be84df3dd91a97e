"""What a person sees when the demo is up: where it listens, whom to log in as, which barcodes to scan."""

import shutil
import sys
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
    program, patron, item = _program(), known["patrons"][0]["barcode"], known["items"][0]["barcode"]
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

In another terminal
  {program} client --demo {folder} patron-information --patron {patron}
  {program} client --demo {folder} checkout --patron {patron} --item {item}
  {program} terminal list --as demo --database sqlite:///{(folder / "library.db").resolve()}

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


def _program() -> str:
    """What to type for `sip2d`: beside this interpreter when it is not on the PATH (`make demo`)."""
    beside = Path(sys.executable).with_name("sip2d")
    if shutil.which("sip2d") or not beside.exists():
        return "sip2d"
    here = Path.cwd()
    return str(beside.relative_to(here) if beside.is_relative_to(here) else beside)
