"""Who a client is behind proxies, and under what it is counted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from trivet.server.peers import MOST_HOPS, Proxies, counted_address, is_loopback

PROXIES = Proxies(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "unix"])


@pytest.mark.parametrize(
    ("peer", "header", "client"),
    [
        ("198.51.100.7", "203.0.113.1", "198.51.100.7"),
        ("10.1.1.1", "203.0.113.1", "203.0.113.1"),
        ("10.1.1.1", "6.6.6.6, 203.0.113.1", "203.0.113.1"),
        ("10.1.1.1", "6.6.6.6, 203.0.113.1, 192.0.2.1", "203.0.113.1"),
        ("10.1.1.1", " \t203.0.113.1\t", "203.0.113.1"),
        ("10.1.1.1", "10.2.2.2, 10.3.3.3", "10.2.2.2"),
        ("10.1.1.1", "", "10.1.1.1"),
        ("10.1.1.1", "unknown", "10.1.1.1"),
        ("10.1.1.1", "203.0.113.1, _hidden", "10.1.1.1"),
        ("10.1.1.1", "203.0.113.1,", "10.1.1.1"),
        ("10.1.1.1", "203.0.113.1:80", "10.1.1.1"),
        ("10.1.1.1", "203.0.113.1, unknown, 10.2.2.2", "10.2.2.2"),
        ("10.1.1.1", "2001:db9::1", "2001:db9::1"),
        ("2001:db8::5", "203.0.113.1", "203.0.113.1"),
        ("10.1.1.1", "::ffff:203.0.113.1", "203.0.113.1"),
        ("10.1.1.1", "0203.0.113.1", "10.1.1.1"),
        ("10.1.1.1", "fe80::1%eth0", "fe80::1%eth0"),
        ("unix", "203.0.113.1", "203.0.113.1"),
        ("memory", "203.0.113.1", "memory"),
    ],
)
def test_the_client_is_the_last_that_is_no_proxy(peer: str, header: str, client: str) -> None:
    assert PROXIES.client_of(peer, {"x-forwarded-for": header}) == client


def test_without_the_header_it_is_the_proxy() -> None:
    assert PROXIES.client_of("10.1.1.1", {}) == "10.1.1.1"


def test_without_proxies_the_header_is_a_claim() -> None:
    nobody = Proxies()
    assert not nobody
    assert not nobody.trusts("unix")
    assert nobody.client_of("10.1.1.1", {"x-forwarded-for": "203.0.113.1"}) == "10.1.1.1"


def test_a_long_claim_is_read_so_far_only() -> None:
    header = ", ".join(["203.0.113.1"] + ["10.0.0.1"] * MOST_HOPS)
    assert PROXIES.client_of("10.1.1.1", {"x-forwarded-for": header}) == "10.0.0.1"


@given(st.text(), st.lists(st.text(max_size=5)))
def test_what_a_client_writes_before_its_proxy_never_counts(text: str, more: list[str]) -> None:
    header = ",".join([text, *more, "203.0.113.1"])
    assert PROXIES.client_of("10.1.1.1", {"x-forwarded-for": header}) == "203.0.113.1"


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "example.com", "", "10.0.0.0/33", "::1/200"])
def test_what_is_no_network_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="trusted_proxies has"):
        Proxies([wrong])


def test_one_text_is_no_list() -> None:
    wrong: Any = "10.0.0.1"
    with pytest.raises(TypeError, match="list of addresses"):
        Proxies(wrong)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("203.0.113.1", "203.0.113.1"),
        ("2001:db8::5", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("127.0.0.1", None),
        ("::1", None),
        ("unix", None),
        ("memory", None),
    ],
)
def test_a_site_of_ipv6_is_one_address(peer: str, address: str | None) -> None:
    assert counted_address(peer) == address
    assert is_loopback(peer) is (peer in {"127.0.0.1", "::1"})
