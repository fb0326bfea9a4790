from __future__ import annotations

import pytest

from trivet.declare.errors import Error
from trivet.protocol.errors import (
    DecodingError,
    EncodingError,
    GatewayError,
    IncomingTooLong,
    LocalProtocolError,
    OutgoingTooLong,
    RemoteProtocolError,
    UnsupportedEncoding,
)


@pytest.mark.parametrize(
    ("error", "close"),
    [
        (DecodingError("x"), (1011, "actor.invalid_request")),
        (IncomingTooLong(9, 8), (1011, "message.incoming_too_long")),
        (UnsupportedEncoding(), (1003, "actor.unsupported_websocket_encoding")),
        (GatewayError("missing_header", "x"), (1011, "guard.missing_header")),
        (RemoteProtocolError("x"), (1011, "actor.invalid_request")),
    ],
)
def test_a_peers_fault_says_how_to_close(
    error: RemoteProtocolError, close: tuple[int, str]
) -> None:
    assert isinstance(error, Error)
    assert (error.close_code, f"{error.group}.{error.code}") == close


def test_our_own_fault_is_told_apart() -> None:
    for error in (EncodingError((), "x"), OutgoingTooLong(9, 8)):
        assert isinstance(error, LocalProtocolError)
        assert not isinstance(error, RemoteProtocolError)
    assert OutgoingTooLong(9, 8).metadata == {"size": 9, "limit": 8}


def test_a_path_grows_outwards() -> None:
    error = EncodingError((), "a value of type X").inside(3).inside("rooms")
    assert error.path == ("rooms", 3)
    assert error.message == "Cannot encode a value of type X @ $.rooms[3]"
    assert error.metadata == {"path": "$.rooms[3]"}
