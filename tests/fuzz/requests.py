"""Hostile requests: what is valid, with something wrong in it, and what never was."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st

from vestnik.api.http.schema import document

#: Stands for an integer of so many digits, which Python itself would not write.
ENDLESS = "\u2603endless\u2603"
SECRET = "geheim-0123456789"
FORM = "application/x-www-form-urlencoded"
ALIASES = ("main", "vendor", "signed", "console", "pigeon")
CALLBACK_WORDS = (
    *("id", "phone", "status", "mes", "to", "md5", "sha1", "err", "ts", "last_timestamp", "text"),
    *("provider_id", "error", "secret", "waitcall", "time", "smsid"),
)
QUERY_WORDS = (
    *("q", "state", "cursor", "page_size", "number", "tag", "code", "audience", "format", "after"),
    *(
        "text",
        "into",
        "since",
        "copy",
        "mailing",
        "client",
        "phone_number",
        "operator_code",
        "test",
    ),
    *("next", "o", "p", "e", "id__exact", "role__exact", "from", "until", "hours", "edit", "csrf"),
)


@dataclass(frozen=True)
class Hostile:
    """A request to be sent."""

    method: str
    path: str
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


words = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=20),
    st.sampled_from(
        [
            "",
            "\x00",
            "\ud800",
            "\u202e",
            "x" * 5000,
            "9" * 5000,
            "-1",
            "1e400",
            "NaN",
            "79261234567",
            "+7 926 123-45-67",
            "9999-12-31T23:59:59Z",
            "0001-01-01T00:00:00+14:00",
            "2026-W20-1",
            "{{ name }}",
            '{{ tag|default:"" }}',
            "{{" * 500,
            "../../etc/passwd",
            "Europe/Moscow",
            "00:00",
            "true",
            "null",
        ]
    ),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**31, 2**63, 10**30, -(2**63), 10**4000]),
    st.just(ENDLESS),
    st.floats(),
    words,
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(words, inner, max_size=5),
    ),
    max_leaves=8,
) | scalars.map(lambda one: [one] * 500)
addresses = st.sampled_from(["1", "0", "-1", str(2**63), "9" * 30, "%00", "x"])


def written(value: Any) -> bytes:
    """As JSON, with what Python would not write."""
    return json.dumps(value).replace(json.dumps(ENDLESS), "9" * 5000).encode()


def _operations() -> list[tuple[str, str, Any]]:
    """Method, path and an example of a body, of each operation that takes one."""
    found = []
    for path, operations in json.loads(document())["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            examples = list((content or {}).get("examples", {}).values())
            if method != "get" and "receipts" not in path and "imports" not in path:
                found.append((method.upper(), path, examples[0]["value"] if examples else {}))
    return found


def _addressed(path: str, id: str) -> str:
    return path.replace("{id}", id).replace("{alias}", "console")


@st.composite
def bodies(draw: st.DrawFn) -> Hostile:
    """JSON: an example with something else in one place, or anything at all."""
    method, path, example = draw(st.sampled_from(_operations()))
    body: Any = example
    if isinstance(example, dict) and draw(st.booleans()):
        name = draw(st.sampled_from([*example, "filter", "unknown"]) | words)
        body = {**example, name: draw(values)}
    elif draw(st.booleans()):
        body = draw(values)
    raw = written(body)
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(raw)))
        raw = raw[:at] + draw(st.binary(max_size=20)) + raw[at:]
    kind = draw(
        st.sampled_from(["application/json"] * 8 + ["text/plain", FORM, "multipart/form-data"])
    )
    id = draw(st.just("{id}") | addresses)
    return Hostile(method, _addressed(path, id), raw, kind)


@st.composite
def queries(draw: st.DrawFn, paths: tuple[str, ...]) -> Hostile:
    """An address that is read, asked for anything."""
    path = draw(st.sampled_from(paths))
    names = st.sampled_from(QUERY_WORDS) | words
    pairs = draw(st.lists(st.tuples(names, words), max_size=4))
    query = urlencode(pairs, errors="replace")
    headers = draw(
        st.dictionaries(
            st.sampled_from(["accept", "accept-language", "hx-request", "last-event-id", "range"]),
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
            max_size=1,
        )
    )
    return Hostile("GET", f"{path}?{query}", headers=headers)


@st.composite
def forms(draw: st.DrawFn, fields: dict[str, tuple[str, ...]]) -> Hostile:
    """A page's form, filled in by somebody who means no good."""
    path = draw(st.sampled_from(sorted(fields)))
    known = fields[path] or ("x",)
    pairs = draw(st.lists(st.tuples(st.sampled_from(known) | words, words), max_size=12))
    return Hostile("POST", path, urlencode(pairs, errors="replace").encode(), FORM)


@st.composite
def callbacks(draw: st.DrawFn) -> Hostile:
    """What a provider calls, or somebody in its name."""
    alias = draw(st.sampled_from(ALIASES))
    path = f"/api/v1/receipts/{alias}/" + draw(st.sampled_from([f"{SECRET}/", "", "x/"]))
    names = st.sampled_from(CALLBACK_WORDS) | words
    if draw(st.booleans()):
        said = draw(st.dictionaries(names, values, max_size=6) | values)
        return Hostile("POST", path, written(said))
    query = urlencode(draw(st.lists(st.tuples(names, words), max_size=8)), errors="replace")
    if draw(st.booleans()):
        return Hostile("GET", f"{path}?{query}")
    return Hostile("POST", path, query.encode(), FORM)


@st.composite
def uploads(draw: st.DrawFn) -> Hostile:
    """A file that is none, or whose fields are none."""
    cells = st.one_of(words, st.just("79261234567"))
    rows = st.lists(st.lists(cells, max_size=5), max_size=5)
    table = "\n".join(";".join(row) for row in draw(rows)).encode("utf-8", "replace")
    content = draw(st.binary(max_size=200) | st.just(table) | st.just(b"PK\x03\x04" + table))
    names = ("into", "encoding", "separator", "mapping", "preview", "header_line", "sheet")
    pairs = draw(st.dictionaries(st.sampled_from(names) | words, words, max_size=3))
    name = draw(words | st.sampled_from(["a.csv", "a.xlsx"]))
    path = draw(st.sampled_from(["/api/v1/clients/imports/", "/clients/import/"]))
    return Hostile(
        "POST", path, _multipart(pairs, name, content), "multipart/form-data; boundary=b"
    )


def _multipart(pairs: dict[str, str], name: str, content: bytes) -> bytes:
    def parts() -> Iterator[bytes]:
        for field_name, value in pairs.items():
            yield _part(field_name, "") + value.encode("utf-8", "surrogatepass")
        yield _part("file", f'; filename="{name}"') + content

    return b"--b\r\n" + b"\r\n--b\r\n".join(parts()) + b"\r\n--b--\r\n"


def _part(name: str, more: str) -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode("utf-8", "surrogatepass")
