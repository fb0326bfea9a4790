"""Does what the examples ask of curl, with nothing but Python."""

from __future__ import annotations

from argparse import ArgumentParser
from http.client import HTTPConnection
from urllib.parse import urlsplit


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-X", dest="method", default="POST")
    parser.add_argument("-d", dest="body", default="")
    given = parser.parse_args()
    url: str = given.url
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc)
    headers = dict(line.split(": ", 1) for line in given.headers)
    connection.request(given.method, f"{parts.path}?{parts.query}", given.body.encode(), headers)
    print(connection.getresponse().read().decode())


main()
