"""A server for other machines: who may reach which actor, and what the operator sees of it."""

from __future__ import annotations

import hmac
import json
import secrets
from functools import partial

import attrs
import trio

import trivet

TOKENS = {"ann": secrets.token_urlsafe(), "bob": secrets.token_urlsafe()}


def user_of(token: str | None) -> str | None:
    """Return whose token it is; every one is compared, in the same time."""
    given = (token or "").encode()
    found = [name for name, known in TOKENS.items() if hmac.compare_digest(given, known.encode())]
    return found[0] if found else None


class Notes(trivet.Actor[list[str], str], name="notes"):
    """One person's notes: `authorize` knows the person, the connect hook the notes."""

    @classmethod
    async def authorize(cls, request: trivet.Request) -> bool:
        if request.intent == "manage":
            return True  # it has shown the admin token
        request.notes["user"] = user_of(request.token)
        return request.notes["user"] is not None

    async def create_conn_state(self, params: None) -> str:
        user: str = trivet.current_request().notes.get("user", "this process")
        if user not in (*self.key, "this process"):
            raise trivet.Forbidden
        return user

    @trivet.action
    def add(self, text: str) -> int:
        self.state.append(f"{self.conn.state}: {text}")
        return len(self.state)


# serving
serve = partial(
    trivet.serve,
    trivet.Registry(Notes),
    host="0.0.0.0",
    port=0,
    admin_token=secrets.token_urlsafe(),
    trusted_proxies=["10.0.0.0/8"],
    origins=["https://notes.example"],
)
# end of serving


# looking
async def look(runtime: trivet.Runtime) -> str:
    """Describe what the runtime is doing, in JSON."""
    return json.dumps(attrs.asdict(runtime.snapshot()), indent=2)


# end of looking


async def main() -> None:
    async with trio.open_nursery() as nursery:
        server: trivet.Server = await nursery.start(serve)
        for token in (TOKENS["ann"], TOKENS["bob"], "a-wrong-one"):
            url = server.url.replace("://", f"://default:{token}@")
            async with trivet.open_client(url) as client:
                try:
                    number = await client.get_or_create(Notes, "ann").call(Notes.add, "buy milk")
                    print(f"note {number}")
                except trivet.Error as error:
                    print(error)
        nursery.cancel_scope.cancel()

    async with trivet.open_runtime(trivet.Registry(Notes)) as runtime:
        await runtime.client.get_or_create(Notes, "ann").call(Notes.add, "call bob")
        actors = json.loads(await look(runtime))["actors"]
        print([(actor["name"], actor["key"], actor["phase"]) for actor in actors])


if __name__ == "__main__":
    trio.run(main)
