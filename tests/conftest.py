"""How thoroughly Hypothesis looks: briefly while one works, longer where changes are accepted."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadline: machines are shared, and a slow example is no wrong one.
settings.register_profile("dev", max_examples=50, deadline=None, print_blob=True)
settings.register_profile("ci", max_examples=200, deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
