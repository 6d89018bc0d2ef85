"""`python -m bench.watchers PORT PATH COUNT < cookies`: COUNT viewers of a page.

They run in one process and one thread, so that they cost little, as viewers on other machines
would. It prints `ready` when all of them listen, and the number of events when its input ends.
"""

import selectors
import socket
import sys

HEADERS = "Host: 127.0.0.1\r\nAccept: text/event-stream"
ASK = "GET {path} HTTP/1.1\r\n{headers}\r\nCookie: {cookies}\r\n\r\n"


def connect(port: int, ask: bytes) -> socket.socket:
    viewer = socket.create_connection(("127.0.0.1", port), timeout=60)
    viewer.sendall(ask)
    head = viewer.recv(4096)
    assert head.startswith(b"HTTP/1.1 200"), head
    viewer.setblocking(False)
    return viewer


def main() -> None:
    port, path, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    cookies = sys.stdin.readline().strip()
    ask = ASK.format(path=path, headers=HEADERS, cookies=cookies).encode()
    watching = selectors.DefaultSelector()
    viewers = [connect(port, ask) for _ in range(count)]
    for viewer in viewers:
        watching.register(viewer, selectors.EVENT_READ)
    watching.register(sys.stdin, selectors.EVENT_READ)
    print("ready", flush=True)
    events = 0
    while True:
        for key, _ in watching.select():
            if key.fileobj is sys.stdin:
                print(events, flush=True)
                return
            data = key.fileobj.recv(1 << 16)
            events += data.count(b"data: ")
            if not data:
                watching.unregister(key.fileobj)


if __name__ == "__main__":
    main()
