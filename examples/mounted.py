"""Actors inside a Starlette application; run it with ``hypercorn -k trio examples.mounted:app``."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

import trivet


# the application
class Visits(trivet.Actor[int]):
    @trivet.action
    def count(self) -> int:
        self.state += 1
        return self.state


actors = trivet.asgi_app(trivet.Registry(Visits), public=True)


async def home(request: Request) -> PlainTextResponse:
    visits = actors.server.client.get_or_create(Visits, "home")
    return PlainTextResponse(f"visit {await visits.call(Visits.count)}\n")


app = Starlette(
    routes=[Route("/", home), Mount("/actors", actors)],
    lifespan=lambda _: actors.running(),
)
# end of the application
