"""``sip2d client``: the emulator for technicians. Takes the options of Koha's ``sip_cli_emulator`` too."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sip2d.cli import exits

if TYPE_CHECKING:
    from sip2d.client.emulator import Emulator, Line, Teller
    from sip2d.client.script import Step
    from sip2d.wire.profile import Profile

PASSWORD_VARIABLE = "SIP2D_CLIENT_PASSWORD"
DEMO_TERMINAL = "kiosk"
PORT, TLS_PORT = 6001, 6443

Text = str | None
YesNo = Literal["Y", "N"]
MaybeYesNo = YesNo | None


def client(
    messages: Annotated[
        list[str] | None, typer.Argument(help="Messages to send, such as checkout; or whole frames.")
    ] = None,
    message: Annotated[
        list[str] | None, typer.Option("-m", "--message", help="The same; may be repeated.")
    ] = None,
    script: Annotated[Path | None, typer.Option("--script", help="Steps of a file; - reads stdin.")] = None,
    demo: Annotated[
        Path | None, typer.Option("--demo", help="Folder of a running demo: address, login, institution.")
    ] = None,
    host: Annotated[
        Text, typer.Option("-a", "--address", "--host", "--hostaddress", help="The ACS [default: 127.0.0.1].")
    ] = None,
    port: Annotated[
        int | None, typer.Option("-p", "--port", min=1, max=65535, help="[default: 6001; 6443 with --tls]")
    ] = None,
    tls: Annotated[bool, typer.Option("--tls/--plain", help="Over TLS.")] = False,
    ca: Annotated[Path | None, typer.Option("--ca", help="Certificates of the authority to trust.")] = None,
    cert: Annotated[Path | None, typer.Option("--cert", help="The terminal's own certificate.")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Its key, if not in the same file.")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Trust any certificate.")] = False,
    user: Annotated[
        Text, typer.Option("-su", "--sip_user", "--sip-user", "--user", help="Login user of the terminal.")
    ] = None,
    sip_pass: Annotated[
        Text, typer.Option("-sp", "--sip_pass", "--sip-pass", help="Its password; others can see it in ps.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read its password from the first line of stdin.")
    ] = False,
    location: Annotated[
        Text, typer.Option("-l", "--location", "--location_code", help="Location code (CP, AP).")
    ] = None,
    institution: Annotated[
        Text, typer.Option("--institution", help="Institution id (AO) [default: the location].")
    ] = None,
    terminal_password: Annotated[Text, typer.Option("--terminal-password", help="AC.")] = None,
    charset: Annotated[
        Literal["utf-8", "latin-1", "cp850", "ascii"], typer.Option("--charset", help="Of both sides.")
    ] = "utf-8",
    terminator: Annotated[
        Literal["CR", "CRLF"], typer.Option("-t", "--terminator", help="Of requests.")
    ] = "CR",
    delimiter: Annotated[str, typer.Option("--delimiter", help="Between fields.")] = "|",
    error_detection: Annotated[
        bool, typer.Option("--error-detection/--no-error-detection", help="AY and AZ.")
    ] = True,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, max=600, help="Seconds per attempt.")
    ] = 15.0,
    retries: Annotated[int, typer.Option("--retries", min=0, max=99, help="Attempts after the first.")] = 3,
    form: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
    expect: Annotated[
        list[str] | None,
        typer.Option("--expect", help="A pattern the answer must match; the nth is for the nth message."),
    ] = None,
    patron: Annotated[Text, typer.Option("--patron", help="AA.")] = None,
    password: Annotated[
        Text,
        typer.Option("--password", help="PIN of --patron (AD); without --patron the terminal's password."),
    ] = None,
    item: Annotated[Text, typer.Option("-i", "--item", help="AB.")] = None,
    title: Annotated[Text, typer.Option("--title", help="AJ.")] = None,
    summary: Annotated[
        Text, typer.Option("-s", "--summary", help="Of 63: charged, or 10 characters.")
    ] = None,
    start_item: Annotated[Text, typer.Option("--start-item", help="BP.")] = None,
    end_item: Annotated[Text, typer.Option("--end-item", help="BQ.")] = None,
    fee_acknowledged: Annotated[MaybeYesNo, typer.Option("-fa", "--fee-acknowledged", help="BO.")] = None,
    fee_amount: Annotated[Text, typer.Option("--fee-amount", help="BV.")] = None,
    fee_type: Annotated[Text, typer.Option("--fee-type", help="01 to 99.")] = None,
    fee_identifier: Annotated[Text, typer.Option("--fee-identifier", help="CG.")] = None,
    payment_type: Annotated[Text, typer.Option("--payment-type", help="00 cash.")] = None,
    currency: Annotated[Text, typer.Option("--currency-type", "--currency", help="Such as EUR.")] = None,
    transaction_id: Annotated[Text, typer.Option("--transaction-id", help="BK.")] = None,
    pickup_location: Annotated[Text, typer.Option("--pickup-location", help="BS.")] = None,
    hold_mode: Annotated[Literal["+", "-", "*"], typer.Option("--hold-mode", help="Of 15.")] = "+",
    hold_type: Annotated[Text, typer.Option("--hold-type", help="BY.")] = None,
    expiration_date: Annotated[Text, typer.Option("--expiration-date", help="BW.")] = None,
    no_block: Annotated[YesNo, typer.Option("-n", "--no-block", help="Done off-line already.")] = "N",
    nb_due_date: Annotated[Text, typer.Option("--nb-due-date", help="18 characters.")] = None,
    cancel: Annotated[MaybeYesNo, typer.Option("--cancel", help="BI.")] = None,
    language: Annotated[Text, typer.Option("--language", help="001 English, 002 French.")] = None,
    field: Annotated[
        list[str] | None, typer.Option("--field", help="NAME=VALUE or ID=VALUE; may be repeated.")
    ] = None,
) -> None:
    """Talk to an ACS as a kiosk does: messages, a script, or a prompt; every field is printed by name.

    Without messages and script it asks for lines; write help there. Exit code 1: something was refused or did
    not match; 69: the ACS cannot be reached.
    """
    from sip2d.client.script import pairs
    from sip2d.client.words import Unclear

    given = locals()
    login = sip_pass or (password if patron is None else None)
    names = (
        "title summary start_item end_item fee_acknowledged fee_amount fee_type fee_identifier payment_type "
        "currency transaction_id pickup_location hold_mode hold_type expiration_date no_block nb_due_date "
        "cancel language patron item terminal_password"
    ).split()
    try:
        profile = _profile(charset, terminator, delimiter)
        found = _Demo.read(demo, tls) if demo else _Demo()
        values: dict[str, str] = {name: given[name] for name in names if given[name] is not None}
        if patron is not None and password is not None:
            values["patron_password"] = password
        ao = institution or (location if user else None) or found.institution
        values |= {key: value for key, value in (("institution", ao), ("location", location)) if value}
        values |= pairs(field or ())
        steps = _steps([*(messages or ()), *(message or ())], script, expect or [], values)
        line = _line(
            profile, found,
            host=host, port=port, tls=tls, ca=ca, cert=cert, key=key, insecure=insecure,
            user=user, password=login, stdin=password_stdin, location=location,
            error_detection=error_detection, timeout=timeout, retries=retries,
        )  # fmt: skip
        code = _run(line, steps, values, form == "json")
    except Unclear as error:
        raise typer.BadParameter(str(error)) from None
    raise typer.Exit(code)


class _Demo:
    """What ``demo.json`` says: where, and who its terminal is."""

    def __init__(self, said: Mapping[str, Any] | None = None, tls: bool = False) -> None:
        said = said or {}
        place = said.get("tls" if tls else "sip2", {})
        terminal: Mapping[str, Any] = next(
            (row for row in said.get("terminals", ()) if row["user"] == DEMO_TERMINAL), {}
        )
        self.host: str | None = place.get("host")
        self.port: int | None = place.get("port")
        self.ca = Path(place["ca_file"]) if "ca_file" in place else None
        self.user: str = terminal.get("user", "")
        self.password: str = terminal.get("password", "")
        self.institution: str | None = said.get("institution")

    @classmethod
    def read(cls, folder: Path, tls: bool) -> "_Demo":
        file = folder / "demo.json"
        try:
            return cls(json.loads(file.read_text(encoding="utf-8")), tls)
        except FileNotFoundError:
            raise typer.BadParameter(f"there is no {file}: is `sip2d demo` running?") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise typer.BadParameter(f"{file} describes no demo") from None


def _profile(charset: str, terminator: str, delimiter: str) -> "Profile":
    import msgspec

    from sip2d.wire.profile import Profile

    try:
        return msgspec.convert(
            {"charset": charset, "terminator": terminator, "delimiter": delimiter}, Profile
        )
    except (msgspec.ValidationError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None


def _steps(
    names: list[str], script: Path | None, expect: list[str], values: Mapping[str, str]
) -> "list[Step] | None":
    """The steps asked for; ``None``: ask for them line by line."""
    import msgspec

    from sip2d.client.script import Reader, Send

    if not names and script is None:
        return None
    reader = Reader(values)
    steps: list[Step] = []
    for number, name in enumerate(names):
        step = reader.step(name)
        if not isinstance(step, Send):
            raise typer.BadParameter(f"{name!r} is no message")
        wanted = expect[number] if number < len(expect) else ""
        pattern = reader.step(f"expect {wanted}") if wanted else ""
        assert isinstance(pattern, str)
        steps.append(msgspec.structs.replace(step, expect=pattern))
    if len(expect) > len(names):
        raise typer.BadParameter("there are more --expect than messages")
    if script is not None:
        steps += reader.steps(_lines(script))
    return steps


def _lines(script: Path) -> list[str]:
    if str(script) == "-":
        return sys.stdin.read().splitlines()
    try:
        return script.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{script} cannot be read: {error}") from None


def _line(
    profile: "Profile",
    found: _Demo,
    *,
    host: Text, port: int | None, tls: bool, ca: Path | None, cert: Path | None, key: Path | None,
    insecure: bool, user: Text, password: Text, stdin: bool, location: Text,
    error_detection: bool, timeout: float, retries: int,
) -> "Line":  # fmt: skip
    from sip2d.client.connection import tls_context
    from sip2d.client.dialogue import Manner, Unreachable
    from sip2d.client.emulator import Line

    if not tls and (ca or cert or key or insecure):
        raise typer.BadParameter("--ca, --cert, --key and --insecure go with --tls")
    try:
        context = tls_context(ca or found.ca, cert, key, insecure=insecure) if tls else None
    except Unreachable as error:
        raise typer.BadParameter(str(error)) from None
    name = user or found.user
    secret = (
        found.password if name == found.user and not (password or stdin) else _secret(name, password, stdin)
    )
    return Line(
        host=host or found.host or "127.0.0.1",
        port=port or found.port or (TLS_PORT if tls else PORT),
        manner=Manner(profile=profile, error_detection=error_detection, timeout=timeout, retries=retries),
        tls=context,
        user=name,
        password=secret,
        location=location,
    )


def _secret(user: str, password: Text, stdin: bool) -> str:
    """The terminal's password: option, first line of stdin, variable, or asked for."""
    if not user:
        return ""
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    secret = password or os.environ.get(PASSWORD_VARIABLE)
    if secret:
        return secret
    if sys.stdin.isatty():
        return str(typer.prompt(f"Password of {user}", hide_input=True, err=True))
    raise typer.BadParameter(f"the password of {user} is missing: --password-stdin, or {PASSWORD_VARIABLE}")


def _run(line: "Line", steps: "list[Step] | None", values: Mapping[str, str], as_json: bool) -> int:
    from sip2d.cli.caller import tell
    from sip2d.client.dialogue import LineFault
    from sip2d.client.emulator import Emulator, Teller

    teller = Teller(typer.echo, tell, as_json)
    try:
        with Emulator(line) as emulator:
            emulator.connect()
            if not emulator.login():
                tell(f"The ACS refused the login of {line.user}.")
                return exits.SOME_FAILED
            well = _carry_out(emulator, steps, values, teller)
    except LineFault as fault:
        tell(f"No use: {fault}.")
        return exits.UNAVAILABLE
    return exits.OK if well else exits.SOME_FAILED


def _carry_out(
    emulator: "Emulator", steps: "list[Step] | None", values: Mapping[str, str], teller: "Teller"
) -> bool:
    from sip2d.client.emulator import converse, perform

    if steps is not None:
        return perform(emulator, steps, teller)
    return converse(emulator, _typed(), values, teller)


def _typed() -> Iterator[str]:
    """Lines of the prompt, or of stdin where nobody sits."""
    if not sys.stdin.isatty():
        yield from sys.stdin
        return
    with contextlib.suppress(ImportError):  # Windows has none, and its console keeps a history itself
        import readline  # noqa: F401  # importing it gives input() a history
    while True:
        try:
            yield input("sip2> ")
        except (EOFError, KeyboardInterrupt):
            print(file=sys.stderr)
            return
