"""The tables of a wrong peer in docs/providers.md, each row tried over a real socket."""

import asyncio
import gzip
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from tests.gateways.builders import opened, outgoing, run, until_connected
from tests.gateways.servers import Talk, answering, http, read_request, serving
from tests.providers.recipes import DOCS
from tests.providers.test_http_gateway import gateway
from vestnik.providers.base import Accepted, Outcome, Provider, Rejected
from vestnik.providers.smpp import wire
from vestnik.providers.smpp.provider import SmppProvider
from vestnik.providers.smpp.status import name_of

SECTION = DOCS.read_text().split("## A wrong peer")[1].split("\n## ")[0]
TABLES = [
    [[cell.strip() for cell in row.strip("|").split("|")] for row in table.strip().split("\n")[2:]]
    for table in re.findall(r"(?m)^(\|[^\n]*\n(?:\|[^\n]*\n)+)", SECTION)
]
BY_HTTP, BY_STATUS, BY_SMPP = TABLES
YES = b'{"code":0,"message":"OK"}'
#: Nobody listens there.
NOWHERE = "refuses the connection"


async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.05)
    writer.close()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    line: socket.socket = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await asyncio.sleep(5)


def says(status: str, body: bytes = b"", *headers: str) -> Talk:
    return answering(http(body, status, *headers))


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GATEWAYS: Mapping[str, Talk] = {
    "closes the line before it reads": close_at_once,
    "closes the line after the request": answering(),
    "resets the line after the request": reset,
    "says nothing": silent,
    "breaks off in the head": answering(b"HTTP/1.1 200 OK\r\nContent-"),
    "breaks off in the body": answering(http(YES, length=100)),
    "is slow within the body": answering(http(YES, length=40), b" " * 5, b" " * 5, pause=0.4),
    "answers something that is not HTTP": answering(b"220 smtp.example ESMTP\r\n"),
    "answers a page": says("200 OK", b"<html>It works!</html>"),
    "answers nothing in a 200": says("200 OK"),
    "answers too much": says("200 OK", b" " * 70_000 + YES),
    "compresses its answer unasked": says("200 OK", gzip.compress(YES), "Content-Encoding: gzip"),
    "answers in broken chunks": answering(CHUNKS + b"5\r\n{}"),
    "redirects": says("302 Found", b"", "Location: /other"),
    "fails with 500": says("500 Internal Server Error"),
    "fails with 503": says("503 Service Unavailable", b"", "Retry-After: 5"),
    "refuses with 400": says("400 Bad Request"),
    "asks for a password, 401": says("401 Unauthorized"),
    "forbids, 403": says("403 Forbidden"),
    "gives up reading, 408": says("408 Request Timeout"),
    "is in conflict, 409": says("409 Conflict"),
    "is too early, 425": says("425 Too Early"),
    "has too much, 429": says("429 Too Many Requests"),
    "answers with a listed code of failure in a 200": says(
        "200 OK", b'{"code":7,"message":"no such number"}'
    ),
    "interrupts with 100 and 103 first": answering(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + http(YES)
    ),
}


def deadline_of(why: str) -> str:
    """The one that the reason names; where it names none, none may pass."""
    named = re.search(r"no answer within ([0-9.]+) s", why)
    return named[1] if named else "10"


async def handed_over(provider: Provider, why: str) -> Outcome | None:
    """What becomes of a message, on an open connection where only the answer may be late."""
    async with opened(provider) as connection:
        if "no answer within" in why:
            await until_connected(connection)
        (outcome,) = await connection.hand_over_all([outgoing(1)])
    return outcome


def reason_of(outcome: Outcome | None) -> str:
    return "" if isinstance(outcome, Accepted) else str(getattr(outcome, "reason", ""))


async def with_server(talk: Talk | None, use: Callable[[int], Awaitable[None]]) -> None:
    if talk is None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        await use(port)
        return
    async with serving(talk) as port:
        await use(port)


def test_each_row_is_tried_and_each_test_has_a_row() -> None:
    assert {row[0] for row in BY_HTTP} == {NOWHERE, *GATEWAYS}
    assert {row[0] for row in BY_SMPP} == {NOWHERE, *SMSCS}


@pytest.mark.parametrize("row", BY_HTTP, ids=[row[0] for row in BY_HTTP])
def test_a_gateway_that_misbehaves(row: list[str]) -> None:
    does, becomes, why = row
    found: list[Outcome | None] = []

    async def use(port: int) -> None:
        found.append(await handed_over(gateway(port, deadline=deadline_of(why)), why))

    run(lambda: with_server(GATEWAYS.get(does), use))
    assert (f"`{type(found[0]).__name__}`", reason_of(found[0])) == (becomes, why)


Pdu = tuple[int, int]
#: Given the line and the sequence number of the submit.
Does = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
TAKEN = wire.SUBMIT_SM | wire.ANSWER


async def read_pdu(reader: asyncio.StreamReader) -> Pdu:
    length, command, _, sequence = wire.HEADER.unpack(await reader.readexactly(16))
    await reader.readexactly(length - 16)
    return command, sequence


def smsc(*pdus: Callable[[int], bytes], bind: int | None = 0, close: bool = False) -> Talk:
    """Binds, or does not, and says these to the first message; then it closes or stays."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command, sequence = await read_pdu(reader)
        if bind is None:
            await asyncio.sleep(0 if close else 5)
            return
        writer.write(wire.pdu(command | wire.ANSWER, bind, sequence, b"x\0"))
        _, sequence = await read_pdu(reader)
        for pdu in pdus:
            writer.write(pdu(sequence))
            await asyncio.sleep(0.02)
        if not close:
            await asyncio.sleep(5)

    return talk


SMSCS: Mapping[str, Talk] = {
    "says nothing to the bind": smsc(bind=None),
    "closes the line after the bind was asked": smsc(bind=None, close=True),
    "refuses the password": smsc(bind=0x0E),
    "closes the line after the message": smsc(close=True),
    "says nothing to the message": smsc(),
    "answers another number": smsc(lambda number: wire.pdu(TAKEN, 0, number + 7, b"id\0")),
    "answers with another command": smsc(
        lambda number: wire.pdu(wire.DATA_SM | wire.ANSWER, 0, number, b"id\0")
    ),
    "answers with a PDU that is too long": smsc(
        lambda number: wire.HEADER.pack(1 << 30, TAKEN, 0, number)
    ),
    "nacks it with status 0": smsc(lambda number: wire.pdu(wire.GENERIC_NACK, 0, number)),
    "unbinds and answers afterwards": smsc(
        lambda _: wire.pdu(wire.UNBIND, 0, 9), lambda number: wire.pdu(TAKEN, 0, number, b"id\0")
    ),
}


def by_smpp(talk: Talk | None, why: str) -> Outcome | None:
    found: list[Outcome | None] = []
    connect_timeout = "0.3" if talk is SMSCS["says nothing to the bind"] else "10"
    options = {"connect_timeout": connect_timeout, "reconnect_least": "5"}

    async def use(port: int) -> None:
        given = {"host": "127.0.0.1", "port": str(port), "system_id": "v", **options}
        provider = SmppProvider("main", {**given, "deadline": deadline_of(why)})
        found.append(await handed_over(provider, why))

    run(lambda: with_server(talk, use))
    return found[0]


@pytest.mark.parametrize("row", BY_SMPP, ids=[row[0] for row in BY_SMPP])
def test_an_smsc_that_misbehaves(row: list[str]) -> None:
    does, becomes, why = row
    outcome = by_smpp(SMSCS.get(does), why)
    assert (f"`{type(outcome).__name__}`", reason_of(outcome)) == (becomes, why)


STATUSES = [
    (int(code, 16), becomes, why)
    for codes, becomes, why in BY_STATUS
    for code in re.findall(r"`(0x[0-9a-f]+)`", codes)
]


def test_each_status_means_what_its_row_says() -> None:
    """All of them in one flight, so that they share a connection's cost."""
    found: dict[int, Any] = {}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command, sequence = await read_pdu(reader)
        writer.write(wire.pdu(command | wire.ANSWER, 0, sequence, b"x\0"))
        numbers = [(await read_pdu(reader))[1] for _ in STATUSES]
        for (status, _, _), number in zip(STATUSES, numbers, strict=True):
            writer.write(wire.pdu(TAKEN, status, number))
        await asyncio.sleep(5)

    async def use(port: int) -> None:
        given = {"host": "127.0.0.1", "port": str(port), "system_id": "v"}
        async with opened(SmppProvider("main", given)) as connection:
            flight = [outgoing(number) for number in range(len(STATUSES))]
            outcomes = await connection.hand_over_all(flight)
            found.update(zip([status for status, _, _ in STATUSES], outcomes, strict=True))

    run(lambda: with_server(talk, use))
    for status, becomes, why in STATUSES:
        outcome, name = found[status], name_of(status)
        assert f"`{type(outcome).__name__}`" == becomes, name
        shown = f"{outcome.code}: {outcome.reason}" if isinstance(outcome, Rejected) else None
        assert (shown or reason_of(outcome)) == why.split(";")[0].replace("its name", name)
