"""The campaign file is read as kubectl reads it: one corpus through our reader and through kubectl's own.

kubectl's reader is Go's ``sigs.k8s.io/yaml``; ``tests/kubectl_yaml`` is a small program around it. Where the two differ
on purpose, the documents stand here with the reason, and they must go on to differ.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from corebound.api.errors import SpecError
from corebound.api.reading import read_document

from .yaml_corpus import CORPUS, PLACES

PROGRAM: Final = Path(__file__).parents[2] / "kubectl_yaml"
REFUSED: Final = "refused"

FRACTIONS: Final = """
08 09 018 1_000.5 1e1_0 1e5 1E5 1e-5 1E-5 1e+5 1.e5 1.5e3 .5 -.5 +.5 5. 5.e1 1.0 -0.0 0.0 +0.0 100.0 1e2 1e20 1e21 1e22
123456789.0 0.1 0.30000000000000004 1e-7 1e-6 0.000001 1.50 1e308 1e-400 4.9e-324 2.2250738585072014e-308
1.7976931348623157e308 -9223372036854775809 18446744073709551616 99999999999999999999 999999999999999999999999
02000000000000000000000 .inf .Inf .INF -.inf -.Inf +.inf +.INF .nan .NaN .NAN 0.5_0 .5_0 12e03 -12e-3 12E+03 685_230.15
6.8523015e+5 685.230_15e+03 1234567890123456789.0
1.2345678901234567e18
"""

WE_REFUSE: Final = {
    "a number with a fraction as a key: kubectl rounds it to 32 bits, 16777217.0 becomes the name 1.6777216e+07": {
        *(f"key: {number}" for number in FRACTIONS.split()),
        *(f"key: !!float {number}" for number in ("1.5", "'1.5'", ".inf", "1_0.5")),
        "number keys",
    },
    "kubectl's reader silently drops what follows the first document": {
        "key: []",
        "key: {}",
        "key: {? a : 1}",
        "flow: }",
        "flow: }}",
        "key: |-\n  a\n  b\n",
        "key: |+\n  a\n\n",
        "key: >-\n  a\n    b\n  c\n",
        "key: >+\n  a\n\n",
        "key: |9\n a",
        "key: |\n",
        "two documents",
    },
    "a file without any document: kubectl says then that there is no object": {
        "nothing",
        "one space",
        "comment only",
        "marker only",
    },
    "libyaml takes the colon for a key's, kubectl's copy of it for a part of the text": {"flow: a:"},
    "campaign files are UTF-8": {"UTF-16 with BOM"},
    "no PostgreSQL text keeps a NUL character": {f'{place}: "\\0"' for place in PLACES},
}
WE_ACCEPT: Final = {
    "an escape of JSON: a whole file in JSON is read as JSON by kubectl": {
        "JSON",
        *(f'{place}: "\\/"' for place in PLACES),
    },
}
OVERRIDES: Final = {"campaign", "campaign, CRLF", "campaign, CR", "merge, own key after", "merge two"}
"""Refused by the strict reader, which takes a merged key that is set again for one given twice; all readers agree on it."""


@pytest.fixture(scope="module")
def kubectl() -> dict[str, dict[str, str]]:
    """What kubectl's reader makes of each document of the corpus."""
    documents = [base64.b64encode(document).decode() for document in CORPUS.values()]
    done = subprocess.run([built()], input=json.dumps(documents).encode(), capture_output=True, check=True)
    return dict(zip(CORPUS, json.loads(done.stdout), strict=True))


def built() -> Path:
    """The program, built once for each version of it and of Go, in the user's cache."""
    sources = b"".join((PROGRAM / name).read_bytes() for name in ("main.go", "go.mod", "go.sum"))
    version = subprocess.run(["go", "version"], capture_output=True, check=True).stdout
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "corebound-tests"
    program = cache / f"kubectl-yaml-{hashlib.sha256(sources + version).hexdigest()[:16]}"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        making = program.with_suffix(f".{os.getpid()}")
        built = subprocess.run(
            ["go", "build", "-buildvcs=false", "-o", making, "."],
            cwd=PROGRAM,
            env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"},
            capture_output=True,
            text=True,
        )
        assert built.returncode == 0, f"go build in {PROGRAM} failed:\n{built.stderr}"
        making.rename(program)
    return program


def theirs(reading: dict[str, str]) -> Any:
    return REFUSED if reading["error"] else json.loads(reading["json"], parse_int=as_an_api_server)


def as_an_api_server(digits: str) -> float:
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else float(number)


def ours(document: bytes) -> Any:
    try:
        read = read_document(document, file="c.yaml")
    except SpecError:
        return REFUSED
    return REFUSED if read.problems else read.value


def alike(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@pytest.mark.needs("go")
def test_both_readers_agree_but_where_a_reason_stands_here(kubectl: dict[str, dict[str, str]]) -> None:
    refused, accepted, otherwise = set(), set(), {}
    for name, document in CORPUS.items():
        their, our = theirs(kubectl[name]), ours(document)
        if alike(their, our) or (kubectl[name]["strict"] and our == REFUSED):
            continue
        if our == REFUSED:
            refused.add(name)
        elif their == REFUSED:
            accepted.add(name)
        else:
            otherwise[name] = (their, our)
    assert otherwise == {}
    assert refused == set().union(*WE_REFUSE.values())
    assert accepted == set().union(*WE_ACCEPT.values())


@pytest.mark.needs("go")
def test_what_the_strict_reader_refuses_is_refused_but_for_overrides(kubectl: dict[str, dict[str, str]]) -> None:
    strict = {name for name, reading in kubectl.items() if reading["strict"]}
    assert {"key twice", "key twice, deep", "boolean keys alike", "number keys alike"} < strict
    assert {name for name in strict if ours(CORPUS[name]) != REFUSED} == OVERRIDES


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1e2", 100),
        ("1.0", 1),
        ("1:30", "1:30"),
        ("2026-11-24", "2026-11-24"),
        ("yes", True),
        ("y", True),
        ("Off", False),
        ("0x1F", 31),
        ("017", 15),
        ("1_000", 1000),
        ("9223372036854775808", 2.0**63),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ("1.5.2", "1.5.2"),
        ("!!str 12", "12"),
    ],
)
def test_scalars_that_surprise(text: str, value: object) -> None:
    """The same without Go: what a user should know, as docs/campaign.md says it."""
    read = ours(f"key: {text}\n".encode())
    assert read == {"key": value}
    assert type(read["key"]) is type(value)


def test_a_json_file_may_write_a_character_as_two_escapes() -> None:
    assert ours(json.dumps({"a": "😀 \\ud83d"}).encode()) == {"a": "😀 \\ud83d"}


def test_each_document_is_read_or_refused_in_words() -> None:
    for name, document in CORPUS.items():
        try:
            problems = read_document(document, file="c.yaml").problems
        except SpecError as error:
            problems = tuple(error.problems)
        for problem in problems:
            assert problem.file == "c.yaml", name
            assert len(problem.message.split()) >= 3, name
