"""Documents that YAML's readers are known to disagree about, each under a name of its own.

Scalars stand in every place a campaign file has for one: as a value, in a list, in a flow mapping, as a key and behind
an alias. Documents are bytes, because some are no text at all.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NUMBERS: Final = _words("""
0 1 -1 +1 00 01 007 017 -017 +017 08 09 018 0o17 0O17 -0o17 0o18 0x1F 0X1f -0x1f 0xg 0b101 0B101 -0b101 0b102
1_000 1__0 _1 1_ 0x_1F 0_17 0o1_7 -1_0 1_000.5 +0x10 --1 +-1 0b 0x 0o 1e1_0
1e5 1E5 1e-5 1E-5 1e+5 1.e5 1.5e3 .5 -.5 +.5 ._5 5. 5.e1 1e 1e+ e5 .e5 . -. +. - + 1.2.3 1.5.2 1,000 1/2 1%
1.0 -0 -0.0 0.0 +0.0 100.0 1e2 1e20 1e21 1e22 123456789.0 0.1 0.30000000000000004 1e-7 1e-6 0.000001 1.50
1e308 1e309 -1e309 1e400 1e-400 4.9e-324 2.2250738585072014e-308 1.7976931348623157e308 1.7976931348623159e308
9007199254740991 9007199254740993 9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809
18446744073709551615 18446744073709551616 99999999999999999999 999999999999999999999999 0xFFFFFFFFFFFFFFFF
0x7fffffffffffffff 0x1_0000_0000_0000_0000 0777777777777777777777 01777777777777777777777 02000000000000000000000
.inf .Inf .INF -.inf -.Inf +.inf +.INF .iNF .nan .NaN .NAN .Nan -.nan inf Inf nan NaN Infinity -inf +Inf infinity
1234567890123456789.0 1.2345678901234567e18
0x1p-2 0x1.8p1 1p3 0.5_0 .5_0 1:30 1:30:45 1:30.5 190:20:30 -1:30 12:30:45.6 0:0 1:2:3:4 1:60
1d 1f 1L 1j 1u 0d10 12e03 -12e-3 12E+03 685_230.15 6.8523015e+5 685.230_15e+03 02472256 0x_0A_74_AE
0b1010_0111_0100_1010_1110 \u0663 \uff11\uff12 1e\uff15 \u00bd \u00b2
""")

WORDS: Final = _words("""
yes Yes YES yES no No NO nO on On ON oN off Off OFF oFF true True TRUE tRUE false False FALSE fALSE y Y n N t f T F
~ null Null NULL nULL nil None none void undefined NA N/A ~~ ~a null_ y1 yess truee tru
2026-11-24 2026-1-2 2026-11-24T10:00:00Z 2026-11-24T10:00:00.5+02:00 2026-13-45 20261124 2026-11 10:00 10:00:00
0001-01-01 2001-12-14t21:59:43.10-05:00 2026-11-24T10:00
= << <<< => a=b a:b a::b a#b http://a/b /path ./x ../x C:\\x a\\tb \\n $HOME ${x} {{ }} %d %x
a-b a_b a.b a,b -a --a -1a ?a :a a: é ü 日本語 😀 \u00e9 ½x
""")

QUOTED: Final = (
    "''",
    '""',
    "'12'",
    '"12"',
    "'yes'",
    '"null"',
    "'~'",
    "'it''s'",
    '"a\\nb"',
    '"a\\tb"',
    '"\\x41\\u00e9\\U0001F600"',
    '"\\/"',
    '"\\0"',
    '"\\e\\a\\b\\v\\f\\r\\N\\_\\L\\P"',
    '"\\q"',
    '"\\ud83d\\ude00"',
    '"\\ud83d"',
    '"a\\\n  b"',
    '"a\n  b"',
    "'a\n\n  b'",
    "'a\\nb'",
    '"unclosed',
    "'unclosed",
    "'a' b",
    '"a"b',
    '"\t"',
    '"a\tb"',
    "' a '",
    "'#no comment'",
)

TAGGED: Final = (
    "!!str 12",
    "!!str yes",
    "!!str",
    "!!str ~",
    "!!str 1.0",
    "!!str 2026-11-24",
    "!!int 12",
    "!!int '12'",
    "!!int 1.5",
    "!!int a",
    "!!int ''",
    "!!float 1",
    "!!float 1.5",
    "!!float '1.5'",
    "!!float a",
    "!!bool yes",
    "!!bool 'true'",
    "!!bool y",
    "!!bool 1",
    "!!null ~",
    "!!null ''",
    "!!null a",
    "!!binary aGVsbG8=",
    "!!binary 'aGVs bG8='",
    "!!binary /w==",
    "!!binary a",
    "!!binary '*'",
    "!!timestamp 2026-11-24",
    "!!timestamp a",
    "!!merge <<",
    "!!set {a: null}",
    "!!omap [a: 1]",
    "!!pairs [a: 1]",
    "!!map {a: 1}",
    "!!seq [1]",
    "!!map [1]",
    "!!seq {a: 1}",
    "!!str [1]",
    "!!int {a: 1}",
    "!custom 12",
    "!custom a",
    "!custom {a: 1}",
    "! 12",
    "! a",
    "!<tag:yaml.org,2002:str> 12",
    "!<tag:yaml.org,2002:int> '3'",
    "!e!x 1",
    "!!python/object/apply:os.getcwd []",
    "!!python/name:os.getcwd ''",
    "!!float .inf",
    "!!int 0x10",
    "!!int 1_0",
    "!!float 1_0.5",
    "!!bool maybe",
    "!!value =",
)

PLAIN: Final = (
    "a b",
    "a  b",
    "a #comment",
    "a# b",
    "a\n  b",
    "a\n\n  b",
    "a: b",
    "- a",
    "[1, 2, 3]",
    "[1, , 2]",
    "[1, 2,]",
    "[]",
    "[a b, c]",
    "[1 2]",
    "[,]",
    "[a: b, c: d]",
    "[{a: 1}, [2]]",
    "{}",
    "{a: 1, b: 2}",
    "{a, b: 2}",
    "{a: , b: 2}",
    "{a: 1,}",
    "{,}",
    "{a:1}",
    '{"a":1}',
    "{'a':1}",
    "{a: [1, {b: c}]}",
    "{? a : 1}",
    "{a: b: c}",
    "[1\n, 2]",
    "{\n\ta: 1\n}",
    "[\n\t1,\n\t2\n]",
    "[1",
    "{a: 1",
    "]",
    "}",
    "@a",
    "`a",
    "%a",
    "*missing",
    "&a",
    "& a",
    "|\n  a\n  b",
    "|-\n  a\n  b\n",
    "|+\n  a\n\n",
    ">\n  a\n  b\n\n  c",
    ">-\n  a\n    b\n  c\n",
    ">+\n  a\n\n",
    "|2\n   a\n  b",
    "|1\n a",
    "|9\n a",
    "|0\n a",
    "|\n a\n  b\n c",
    "|\n  12",
    "|\n\ta",
    "|a\n  b",
    "| # comment\n  a",
    "|\n",
    ">\n\n\n  a",
    "!!str |\n  12",
    "!!int |\n  12",
    "!!binary |\n  aGVs\n  bG8=",
)

SCALARS: Final = (*NUMBERS, *WORDS, *QUOTED, *TAGGED, *PLAIN)

PLACES: Final = {
    "value": "key: {}\n",
    "item": "- {}\n",
    "flow": "{{key: {}}}\n",
    "key": "{}: value\n",
    "alias": "a: &x {}\nb: *x\n",
}

CAMPAIGN: Final = """\
# a comment
apiVersion: corebound.dev/v1alpha1
kind: SearchCampaign
metadata: {name: good, labels: {team: "1"}}
spec:
  trials: 1e2
  objectives:
  - {metric: loss, direction: minimize}   # indented as its key
  search:
    parameters:
      - &lr {name: lr, type: float, low: 1e-5, high: 1.0, log: true}
      - <<: *lr
        name: lr2
  trial:
    command: [python, -c, 'print("x")']
    timeout: 1:30
"""

DOCUMENTS: Final = {
    "nothing": "",
    "one space": " ",
    "comment only": "# nothing\n",
    "marker only": "---\n",
    "markers": "---\na: 1\n...\n",
    "marker with content": "--- {a: 1}\n",
    "end marker only": "...\n",
    "campaign": CAMPAIGN,
    "campaign, CRLF": CAMPAIGN.replace("\n", "\r\n"),
    "campaign, CR": CAMPAIGN.replace("\n", "\r"),
    "directive": "%YAML 1.1\n---\na: 012\n",
    "directive 1.2": "%YAML 1.2\n---\na: 012\n",
    "directive 2.0": "%YAML 2.0\n---\na: 1\n",
    "tag directive": "%TAG !e! tag:yaml.org,2002:\n---\na: !e!str 12\n",
    "unknown directive": "%FOO bar\n---\na: 1\n",
    "tab indents": "a:\n\tb: 1\n",
    "tab after key": "a:\t1\n",
    "tab before comment": "a: 1\t# b\n",
    "tab after dash": "-\ta\n",
    "tab line": "a: 1\n\t\nb: 2\n",
    "tab ends value": "a: b\t\nc: d\n",
    "JSON": '{"a": 1, "b": [true, null, 1.5e3, "x"], "c": {"d": "\\u00e9\\/"}}',
    "JSON with tabs": '{\n\t"a": 1,\n\t"b": [\n\t\t2\n\t]\n}\n',
    "JSON without spaces": '{"a":1,"b":"c","d":[1,2],"e":{"f":null}}',
    "JSON key twice": '{"a": 1, "a": 2}',
    "key twice": "a: 1\na: 2\n",
    "key twice in flow": "{a: 1, a: 2}\n",
    "key twice, deep": "a:\n  b:\n    - c: 1\n      c: 2\n",
    "key twice, quoted": "a: 1\n'a': 2\n",
    "same value, other key": "a: 1\nb: 1\n",
    "number keys alike": "1: a\n0x1: b\n",
    "boolean keys alike": "yes: a\ntrue: b\n",
    "number keys": "1: a\n2.5: b\n-3: c\n1e3: d\n1e-5: e\n0.1: f\n16777217.0: g\n1e300: h\n.inf: i\n-.inf: j\n.nan: k\n",
    "word keys": "yes: a\nno: b\nmaybe: c\n",
    "y and n keys": "y: a\nn: b\n",
    "null key": "~: a\n",
    "empty key": ": a\n",
    "date key": "2026-11-24: a\n",
    "list key": "[1, 2]: a\n",
    "mapping key": "{a: 1}: b\n",
    "explicit key": "? a\n: b\n",
    "explicit list key": "? - a\n: b\n",
    "key without value": "? a\n",
    "binary key": "!!binary aGk=: a\n",
    "tagged key": "!!str 1: a\n",
    "anchored key": "&k a: 1\nb: *k\n",
    "alias key": "a: &k b\n*k : c\n",
    "long key": "a" * 1025 + ": b\n",
    "long quoted key": '"' + "a" * 1100 + '": b\n',
    "equals key": "=: 1\n",
    "merge": "a: &a {x: 1, y: 2}\nb: {<<: *a, z: 3}\n",
    "merge, own key after": "a: &a {x: 1}\nb: {<<: *a, x: 2}\n",
    "merge, own key before": "a: &a {x: 1}\nb: {x: 2, <<: *a}\n",
    "merge two": "a: &a {x: 1}\nb: &b {x: 2, w: 3}\nc: {<<: [*a, *b]}\n",
    "merge twice": "a: &a {x: 1}\nb: &b {w: 2}\nc: {<<: *a, <<: *b}\n",
    "merge twice, alike": "a: &a {x: 1}\nb: &b {x: 2}\nc: {<<: *a, <<: *b}\n",
    "merge of merge": "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, z: 3}\n",
    "merge inline": "b: {<<: {x: 1}, z: 3}\n",
    "merge inline list": "b: {<<: [{x: 1}], z: 3}\n",
    "merge number": "b: {<<: 1}\n",
    "merge list of numbers": "b: {<<: [1]}\n",
    "merge null": "b: {<<: ~}\n",
    "merge text": "b: {<<: a}\n",
    "merge list alias": "a: &a [{x: 1}]\nb: {<<: *a}\n",
    "merge nested list": "a: &a {x: 1}\nb: {<<: [[*a]]}\n",
    "merge quoted": "b: {'<<': {x: 1}}\n",
    "merge alone": "<<: {x: 1}\ny: 2\n",
    "merge tagged": "a: &a {x: 1}\nb:\n  !!merge <<: *a\n",
    "merge value in list": "- <<\n- '<<'\n",
    "anchors": "a: &x 1\nb: *x\nc: [*x, *x]\n",
    "anchor again": "a: &x 1\nb: &x 2\nc: *x\n",
    "anchor later": "a: *x\nb: &x 1\n",
    "anchor on nothing": "a: &x\nb: *x\n",
    "anchor and tag": "a: &x !!str 12\nb: *x\n",
    "tag and anchor": "a: !!str &x 12\nb: *x\n",
    "anchor itself": "a: &a [*a]\n",
    "anchor itself in mapping": "a: &a {b: *a}\n",
    "anchor of mapping": "a: &a\n  b: 1\nc: *a\n",
    "alias with colon": "a: &x 1\nb: {c: *x}\n",
    "anchor with dots": "a: &x.y 1\nb: *x.y\n",
    "anchor, unicode": "a: &é 1\nb: *é\n",
    "two documents": "a: 1\n---\nb: 2\n",
    "trailing marker": "a: 1\n---\n",
    "bad indent": "a:\n  b: 1\n c: 2\n",
    "bad list indent": "a:\n  - 1\n - 2\n",
    "list at key": "a:\n- 1\n- 2\nb: 3\n",
    "list of lists": "- - 1\n  - 2\n- - 3\n",
    "dash without value": "-\n- a\n-\n",
    "mapping in list": "- a: 1\n  b: 2\n- c: 3\n",
    "value on next line": "a:\n  b\nc:\n    d\n",
    "value on next line, no indent": "a:\nb\n",
    "colon in value": "a: b: c\n",
    "colon at end": "a: b:\n",
    "two on a line": "a: 1 b: 2\n",
    "comment right after": "a: 1#b\n",
    "comment between": "a:\n  # comment\n  b: 1\n# comment\nc: 2\n",
    "question mark": "a: ?\n",
    "question": "a: ?b\n",
    "plain with specials": "a: b'c\"d&e*f!g|h>i%j@k`l\n",
    "backslash": "a: \\n\n",
    "wide": "日本語: テスト\nclé: é\nemoji: 😀\n",
    "no break space": "a:\u00a01\n",
    "next line": "a: b\u0085c: d\n",
    "line separator": "a: b\u2028c: d\n",
    "paragraph separator": "a: b\u2029c: d\n",
    "BOM inside": "a: \ufeffb\n",
    "BOM first": "\ufeffa: 1\n",
    "zero width space": "a: \u200bb\n",
    "nul": "a: \0\n",
    "control": "a: \x01\n",
    "delete": "a: \x7f\n",
    "C1": "a: \x80\n",
    "escape": "a: \x1b\n",
    "not a character": "a: \uffff\n",
    "private": "a: \ue000\n",
    "form feed": "a: \fb\n",
    "vertical tab": "a: \vb\n",
    "CR in value": "a: b\rc: d\n",
    "no final newline": "a: 1",
    "no final newline in block": "a: |\n  b",
    "trailing spaces": "a: 1   \nb: 2 \n",
    "block scalars": "a: |\n  x\n\n  y\nb: >\n  x\n  y\n\n  z\nc: |-\n  x\nd: |+\n  x\n\ne: 1\n",
    "block scalar, CRLF": "a: |\r\n  x\r\n  y\r\nb: 1\r\n",
    "block scalar, tabs": "a: |\n  x\n  \ty\n",
    "block scalar, deeper first": "a: |\n    x\n  y\n",
    "block scalar, comment": "a: |\n  x\n# c\nb: 1\n",
    "block scalar, blank with spaces": "a: |\n  x\n   \n  y\n",
    "block scalar, top": "|\n x\n",
    "folded with list": "a: >\n  x\n  - y\n  - z\n",
    "text at top": "just text\n",
    "number at top": "12\n",
    "list at top": "- 1\n",
    "null at top": "~\n",
    "deep, 90": "a: " + "[" * 90 + "]" * 90 + "\n",
    "deep mappings, 90": "".join(" " * level + "a:\n" for level in range(90)),
    "many items": "a: [" + ", ".join(str(index) for index in range(2000)) + "]\n",
    "many aliases": "a: &a [1, 2, 3]\nb: [" + ", ".join(["*a"] * 200) + "]\n",
}

BYTES: Final = {
    "Latin-1": "a: \xe9\n".encode("latin-1"),
    "UTF-8 with BOM": b"\xef\xbb\xbfa: 1\n",
    "UTF-16 with BOM": "a: 1\n".encode("utf-16"),
    "UTF-16 without BOM": "a: 1\n".encode("utf-16-le"),
    "cut character": b"a: \xc3",
    "overlong": b"a: \xc0\xaf\n",
    "surrogate": b"a: \xed\xa0\x80\n",
    "too high": b"a: \xf4\x90\x80\x80\n",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
}

CORPUS: Final[dict[str, bytes]] = {
    **{f"{place}: {scalar}": form.format(scalar).encode() for scalar in SCALARS for place, form in PLACES.items()},
    **{name: text.encode() for name, text in DOCUMENTS.items()},
    **BYTES,
}
