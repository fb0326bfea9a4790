"""What clients and servers send each other."""

from __future__ import annotations

from typing import Final

__all__ = ["MESSAGE", "NEWS"]

MESSAGE: Final = "m" * 64
"""What a client sends and gets back."""

NEWS: Final = "n" * 256
"""What a server sends to all its clients."""
