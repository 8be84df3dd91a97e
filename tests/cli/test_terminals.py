"""Terminals by command (CN-6, CN-7, CN-11, CN-12)."""

from tests.cli.shell import Shell

PASSWORD = "Sesame-4711"


def add(shell: Shell, name: str, more: str, *, code: int = 0) -> str:
    stdin = PASSWORD + "\n" if "--password-stdin" in more else ""
    run = shell(f"terminal add {name} --branch NORTH {more} --as boss", stdin=stdin, code=code)
    return run.err if code else run.out


WITH = "--username {} --password-stdin"


def test_cn_6a_the_address_never_changes(library: Shell) -> None:
    refused = library("terminal set kiosk-north --address 192.0.2.9 --as boss", code=65)
    assert "never changes" in refused.err


def test_cn_6b_an_address_is_shared_only_by_terminals_with_user_names(library: Shell) -> None:
    add(library, "A", f"--address 192.0.2.7 {WITH.format('a')}")
    add(library, "B", f"--address 192.0.2.7 {WITH.format('b')}")
    assert "every one of them has a user name" in add(library, "C", "--address 192.0.2.7", code=65)
    add(library, "D", "--address 192.0.2.8")
    refused = add(library, "E", f"--address 192.0.2.8 {WITH.format('e')}", code=65)
    assert "which has no user name" in refused
    taken = library("terminal set A --username", "", "--as", "boss", code=65)
    assert "every one of them has a user name" in taken.err


def test_cn_6c_address_and_user_name_are_unique(library: Shell) -> None:
    add(library, "A", f"--address 192.0.2.7 {WITH.format('a')}")
    assert "already" in add(library, "B", f"--address 192.0.2.7 {WITH.format('a')}", code=65)
    add(library, "C", f"--address 192.0.2.0/24 {WITH.format('a')}")


def test_cn_6c_passwords_are_argon2id_and_nowhere_else(library: Shell) -> None:
    """No password or hash in any output or audit row (GN-7)."""
    said = add(library, "A", f"--address 192.0.2.7 {WITH.format('a')}")
    said += library("terminal show A --as boss").out + library("terminal list --as boss").out
    ((stored,),) = library.rows("SELECT password_hash FROM terminal WHERE name = 'A'")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    audited = str(library.rows("SELECT * FROM audit_log"))
    for secret in (PASSWORD, "argon2"):
        assert secret not in said
        assert secret not in audited


def test_cn_6d_a_new_user_name_clears_the_password(library: Shell) -> None:
    add(library, "A", f"--address 192.0.2.7 {WITH.format('a')}")
    assert "give a new one" in library("terminal set A --username other --as boss", code=65).err
    library("terminal set A --username other --password-stdin --as boss", stdin="another\n")
    assert library("terminal show A --as boss").json["username"] == "other"
    refused = library("terminal set A --password-stdin --as boss", stdin="third\n", code=65)
    assert "--reset-password" in refused.err
    library("terminal set A --reset-password --password-stdin --as boss", stdin="third\n")


def test_cn_6e_disabled_and_expired_terminals_behave_as_absent(library: Shell) -> None:
    add(library, "A", f"--address 192.0.2.7 --expires-in 4h {WITH.format('a')}")
    test = "terminal test --from 192.0.2.7 --user a --as boss"
    assert library(test).json[0]["serves"] is True
    library("terminal disable A --as boss")
    assert library(test, code=1).json[0]["why_not"] == ["the terminal is disabled"]
    library("terminal set A --enabled --as boss")
    library.change("UPDATE terminal SET expires_at = 1 WHERE name = 'A'")
    library.change("UPDATE library_epoch SET epoch = epoch + 1")
    assert library(test, code=1).json[0]["why_not"] == ["the terminal has expired"]


def test_cn_6f_the_branch_is_configured_first(library: Shell) -> None:
    library("branch add FRESH --institution MAIN --as boss")
    line = "terminal add F --branch FRESH --address 192.0.2.7"
    assert "CN-6f" in library(f"{line} --as boss", code=65).err
    library(f"{line} --disabled --as boss")
    assert "CN-6f" in library("terminal set F --enabled --as boss", code=65).err
    library("branch set FRESH --sip2 library_name=Fresh --as boss")
    library("terminal set F --enabled --as boss")


def test_a_removed_terminal_keeps_its_history_and_frees_its_address(library: Shell) -> None:
    add(library, "A", "--address 192.0.2.7")
    library("terminal remove A --as boss")
    assert [
        row["name"] for row in library("terminal list --removed --as boss").json if row["state"] == "removed"
    ] == ["A"]
    add(library, "B", "--address 192.0.2.7")
    assert "not used twice" in add(library, "A", "--address 192.0.2.9", code=65)


def test_cn_11_upsert_makes_a_terminal_or_gives_it_a_new_login(library: Shell) -> None:
    line = "terminal upsert --ip 198.51.100.4 --password-stdin --expires-in 4h --as boss"
    assert "--branch" in library(f"{line} --user one", stdin="p1\n", code=65).err
    made = library(f"{line} --user one --branch NORTH", stdin="p1\n")
    row = made.json
    assert (row["purpose"], row["require_tls"], row["username"]) == ("bulk", True, "one")
    assert f"terminal {row['id']}" in made.err
    assert "only if every one of them has a user name" in made.err
    again = library(f"{line} --user two", stdin="p2\n").json
    assert (again["id"], again["username"]) == (row["id"], "two")


def test_cn_11_upsert_knows_the_branch_marked_for_renewals(library: Shell) -> None:
    library("branch set NORTH --sip2 renewal_branch=true --as boss")
    line = "terminal upsert --ip 198.51.100.4 --user u --password-stdin --as boss"
    assert library(line, stdin="p\n").json["branch"] == "NORTH"


def test_cn_12_prune_removes_what_nothing_has_used(library: Shell) -> None:
    add(library, "A", "--address 192.0.2.7")
    add(library, "USED", "--address 192.0.2.8")
    library.change("UPDATE terminal SET created_at = 1000000")
    library.change("UPDATE terminal SET last_used_at = 4000000000 WHERE name <> 'A'")
    line = "terminal prune --unused-days 30 --as boss"
    assert [row["name"] for row in library(f"{line} --dry-run").json] == ["A"]
    assert library("terminal show A --as boss").json["state"] == "enabled"
    assert [row["name"] for row in library(line).json] == ["A"]
    assert library("terminal show A --as boss").json["state"] == "removed"


def test_cn_7_refused_addresses_come_with_the_command_that_admits_them(library: Shell) -> None:
    library.change(
        "INSERT INTO refused_address (address, reason, listener, first_at, last_at, count)"
        " VALUES ('203.0.113.9', 'address', 'plain', 100, 200, 3)"
    )
    (row,) = library("terminal refused --as boss").json
    assert (row["address"], row["count"]) == ("203.0.113.9", 3)
    assert "--address 203.0.113.9" in row["command"]
    command = row["command"].removeprefix("sip2d ").replace("NAME", "N").replace("BRANCH", "NORTH")
    library(f"{command} --as boss")
    assert library("terminal test --from 203.0.113.9 --user USER --as boss").json[0]["serves"] is True


def test_an_address_within_a_network_is_told_apart(sqlite_library: Shell) -> None:
    assert "say 192.0.2.0/24 or 192.0.2.7" in add(sqlite_library, "A", "--address 192.0.2.7/24", code=65)
    assert "is no address" in add(sqlite_library, "A", "--address kiosk.example", code=65)


def test_cn_1_a_terminal_for_bulk_renewals_requires_tls(sqlite_library: Shell) -> None:
    assert "requires TLS" in add(sqlite_library, "A", "--address 192.0.2.7 --purpose bulk", code=65)
    told = sqlite_library(
        "terminal add A --branch NORTH --address 192.0.2.7 --purpose bulk --require-tls --profile extended"
        " --as boss"
    )
    assert "CN-9" in told.err
