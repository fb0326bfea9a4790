"""Raw HTTP: what a request is to the actor, and what its answer is to the client."""

from __future__ import annotations

import pytest

from tests.interop.acceptance.conftest import Run

pytestmark = pytest.mark.interop


async def test_everything_about_a_request(run: Run) -> None:
    request = await run("properties")
    assert request["headers"].items() >= {"content-type": "text/plain", "x-own": "value"}.items()
    assert request["url"].endswith("/describe/this?a=1&b=two")
    del request["headers"], request["url"]
    assert request == {
        "method": "POST",
        "path": "/describe/this",
        "query": "a=1&b=two",
        "body": "the body",
    }


async def test_no_body(run: Run) -> None:
    request = await run("noBody")
    assert (request["method"], request["body"]) == ("GET", "")


async def test_types_of_bodies(run: Run) -> None:
    assert await run("contentTypes") == [
        ["text/plain;charset=UTF-8", "text"],
        ["application/json", '{"a":1}'],
        ["application/x-www-form-urlencoded;charset=UTF-8", "a=1+2&b=%C3%BC"],
        ["application/octet-stream", "hi"],
        ["image/png", "blob"],
    ]


async def test_values_of_headers(run: Run) -> None:
    """Names are in lower case, as HTTP does not tell them apart."""
    values = {"x-plain": "a", "X-Mixed-Case": "Mixed Case", "x-marks": 'a=b; c, "d"', "x-empty": ""}
    headers = await run("headers", values)
    assert headers.items() >= {name.lower(): value for name, value in values.items()}.items()


async def test_unusual_paths(run: Run) -> None:
    paths = ["", "/", "/describe/", "describe/a.b-c_d~e", "describe/a+b", "describe/@:;,=!"]
    assert await run("paths", paths) == [
        "/",
        "/",
        "/describe/",
        *(f"/{path}" for path in paths[3:]),
    ]


async def test_every_method(run: Run) -> None:
    """But OPTIONS, by which browsers ask the server whether they may ask at all."""
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    answers = [[200, method] for method in methods]
    assert await run("methods", [*methods, "OPTIONS"]) == [*answers, [204, "no body"]]


async def test_a_query_with_everything(run: Run) -> None:
    query = "a=1&a=2&empty=&flag&nested[x]=1&text=%C3%BC%20%26&plus=a+b"
    assert await run("paths", [f"describe?{query}"]) == [f"/describe?{query}"]


async def test_a_form(run: Run) -> None:
    assert await run("form") == {"name": "ann", "file": ["notes.txt", "\0rest"]}


async def test_a_long_url(run: Run) -> None:
    assert await run("longUrl", 10_000) == len("q=") + 10_000


async def test_a_large_body(run: Run) -> None:
    assert await run("largeBody", 1_500_000) == {"length": 1_500_000, "same": True}


async def test_no_content_type(run: Run) -> None:
    assert await run("noContentType") == {"type": "none", "length": 2}


async def test_an_empty_body(run: Run) -> None:
    assert await run("emptyBody") == {"status": 201, "body": ""}


async def test_methods_of_ones_own(run: Run) -> None:
    methods = ["HEAD", "PURGE", "PROPFIND"]
    assert await run("methods", methods) == [
        [200, "no body"],
        [200, "PURGE"],
        [200, "PROPFIND"],
    ]


async def test_cookies(run: Run) -> None:
    headers = await run("headers", {"cookie": "session=abc; theme=dark"})
    assert headers["cookie"] == "session=abc; theme=dark"


async def test_encoded_urls_stay_as_they_are(run: Run) -> None:
    paths = ["describe/a%20b%2Fc?d=%26%3D", "describe/%C3%BC"]
    assert await run("paths", paths) == [f"/{path}" for path in paths]


async def test_requests_at_a_time_are_kept_apart(run: Run) -> None:
    expected = [[f"/describe/{n}", str(n), f"body {n}"] for n in range(12)]
    assert await run("concurrent", 12) == expected


async def test_get(run: Run) -> None:
    assert await run("get") == {
        "type": "application/json",
        "ok": True,
        "json": {"message": "hello", "method": "GET"},
    }


async def test_post(run: Run) -> None:
    expected = {"status": 201, "body": '{"a":1}', "type": "application/json"}
    assert await run("echo", '{"a":1}') == expected


async def test_requests_share_the_state(run: Run) -> None:
    assert await run("state") == [1, 3, 3]


async def test_headers_arrive(run: Run) -> None:
    headers = await run("headers", {"authorization": "Bearer abc", "x-request-id": "7"})
    assert (headers["authorization"], headers["x-request-id"]) == ("Bearer abc", "7")


async def test_a_path_that_the_actor_does_not_know(run: Run) -> None:
    assert await run("unknownPath") == {"status": 404, "body": "no such page"}


async def test_an_actor_without_the_hook(run: Run) -> None:
    result = await run("noHook")
    assert (result["status"], result["greeting"]) == (404, "hello")


async def test_an_answer_that_is_none(run: Run) -> None:
    result = await run("nothing")
    assert (result["status"], result["group"]) == (500, "rivetkit")


async def test_methods_arrive(run: Run) -> None:
    methods = ["GET", "POST", "PUT", "DELETE"]
    assert await run("methods", methods) == [[200, method] for method in methods]


async def test_every_byte(run: Run) -> None:
    assert await run("binary") == list(range(256))


async def test_a_router_of_the_instance(run: Run) -> None:
    assert await run("router") == [200, 200, 404]


async def test_a_slash_in_front_makes_no_difference(run: Run) -> None:
    paths = ["describe", "/describe", "describe/x", "/describe/x"]
    expected = ["/describe", "/describe", "/describe/x", "/describe/x"]
    assert await run("paths", paths) == expected


async def test_no_slash_is_doubled(run: Run) -> None:
    urls = await run("urls", ["describe/a/b", "/describe/a/b", "/describe/a/b?c=/d"])
    assert [url.split("://")[1].count("//") for url in urls] == [0, 0, 0]
    assert [url.partition("/describe")[2] for url in urls] == ["/a/b", "/a/b", "/a/b?c=/d"]


async def test_a_request_passed_on_by_a_proxy(run: Run) -> None:
    request = await run("forwarded")
    assert request.pop("url").count("//") == 1
    assert request == {
        "method": "POST",
        "path": "/describe/deep",
        "query": "x=1",
        "headers": "kept",
        "body": "passed on",
    }


async def test_a_request_object_by_itself(run: Run) -> None:
    assert await run("requestObject") == {"status": 201, "body": "as it is"}


async def test_urls_and_request_objects_as_fetch_has_them(run: Run) -> None:
    assert await run("urlObject") == {
        "url": ["DELETE", "/describe", "from=url"],
        "request": ["POST", "added"],
    }
