"""Scrapes a URL at a steady pace from a process of its own: `python -m benchmarks.scraper URL ENCODING RATE SECONDS`.

One rule: a scrape is timed from the moment it is sent to the last byte, on one kept connection, as Prometheus does it.
Prints the seconds of each scrape and the bytes of the last as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


def main(url: str, encoding: str, rate: str, seconds: str) -> None:
    """One after another. A scrape that takes longer than its turn delays the next ones; it is not left out."""
    place = urlsplit(url)
    connection = HTTPConnection(place.netloc, timeout=30)
    headers = {"Accept": ACCEPT, "Accept-Encoding": encoding}
    taken, size = [], 0
    turn, end = time.perf_counter(), time.perf_counter() + float(seconds)
    while turn < end:
        time.sleep(max(0.0, turn - time.perf_counter()))
        began = time.perf_counter()
        connection.request("GET", place.path, headers=headers)
        size = _size(connection)
        taken.append(time.perf_counter() - began)
        turn = max(turn + 1 / float(rate), time.perf_counter())
    print(json.dumps({"seconds": taken, "bytes": size}))


def _size(connection: HTTPConnection) -> int:
    reply = connection.getresponse()
    if reply.status != 200:
        raise SystemExit(f"status {reply.status}")
    return len(reply.read())


if __name__ == "__main__":
    main(*sys.argv[1:])
