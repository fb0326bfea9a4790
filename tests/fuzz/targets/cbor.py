"""The cbor encoding; `messages` states the property."""

from __future__ import annotations

from tests.fuzz.targets.messages import target

check = target("cbor")
