"""The whole corpus: every hostile input that this server once met, or another fell to."""

from __future__ import annotations

from typing import Final

from tests.attacks import (
    floods,
    on_addresses,
    on_frames,
    on_heads,
    on_messages,
    on_raw,
    on_upgrades,
)

__all__ = ["ATTACKS"]

ATTACKS: Final = (
    *on_heads.ATTACKS,
    *on_addresses.ATTACKS,
    *on_upgrades.ATTACKS,
    *on_frames.ATTACKS,
    *on_messages.ATTACKS,
    *on_raw.ATTACKS,
    *floods.ATTACKS,
)
