// Raw HTTP: what a request is to the actor, and what its answer is to the client.

function site(client) {
  return client.site.getOrCreate(["one"]);
}

async function describe(client, input, init) {
  const response = await site(client).fetch(input, init);
  return await response.json();
}

async function shown(response) {
  return { status: response.status, body: await response.text() };
}

export async function properties({ client }) {
  return await describe(client, "describe/this?a=1&b=two", {
    method: "POST",
    headers: { "content-type": "text/plain", "x-own": "value" },
    body: "the body",
  });
}

export async function noBody({ client }) {
  return await describe(client, "describe");
}

/** The type of each body, as the client sets it or as it is given. */
export async function contentTypes({ client }) {
  const bodies = [
    ["text", {}],
    ['{"a":1}', { "content-type": "application/json" }],
    [new URLSearchParams({ a: "1 2", b: "ü" }), {}],
    [new Uint8Array([104, 105]), { "content-type": "application/octet-stream" }],
    [new Blob(["blob"], { type: "image/png" }), {}],
  ];
  const seen = [];
  for (const [body, headers] of bodies) {
    const request = await describe(client, "describe", { method: "POST", headers, body });
    seen.push([request.headers["content-type"], request.body]);
  }
  return seen;
}

export async function headers({ client }, given) {
  return (await describe(client, "describe", { headers: given })).headers;
}

export async function paths({ client }, given) {
  const seen = [];
  for (const path of given) {
    const { path: arrived, query } = await describe(client, path);
    seen.push(query ? `${arrived}?${query}` : arrived);
  }
  return seen;
}

/** HEAD has no body, so its method is not told but known from the length. */
export async function methods({ client }, given) {
  const seen = [];
  for (const method of given) {
    const body = ["GET", "HEAD"].includes(method) ? undefined : "x";
    const response = await site(client).fetch("hello", { method, body });
    const text = await response.text();
    seen.push([response.status, text ? JSON.parse(text).method : "no body"]);
  }
  return seen;
}

export async function form({ client }) {
  const body = new FormData();
  body.append("name", "ann");
  body.append("file", new Blob(["\x00\xff of it".slice(0, 1), "rest"]), "notes.txt");
  return await (await site(client).fetch("form", { method: "POST", body })).json();
}

export async function longUrl({ client }, length) {
  return (await describe(client, `describe?q=${"x".repeat(length)}`)).query.length;
}

export async function largeBody({ client }, size) {
  const body = new Uint8Array(size).map((_, index) => index % 251);
  const response = await site(client).fetch("echo", { method: "POST", body });
  const echo = new Uint8Array(await response.arrayBuffer());
  return { length: echo.length, same: echo.every((byte, index) => byte === index % 251) };
}

export async function noContentType({ client }) {
  const body = new Uint8Array([1, 2]);
  const response = await site(client).fetch("echo", { method: "POST", body });
  return { type: response.headers.get("x-type"), length: (await response.bytes()).length };
}

export async function emptyBody({ client }) {
  const response = await site(client).fetch("echo", { method: "POST", body: "" });
  return await shown(response);
}

export async function concurrent({ client }, count) {
  const numbers = Array.from({ length: count }, (_, number) => number);
  const seen = await Promise.all(
    numbers.map((number) =>
      describe(client, `describe/${number}`, {
        method: "POST",
        headers: { "x-number": `${number}` },
        body: `body ${number}`,
      }),
    ),
  );
  return seen.map(({ path, headers, body }) => [path, headers["x-number"], body]);
}

export async function get({ client }) {
  const response = await site(client).fetch("hello");
  return { type: response.headers.get("content-type"), ok: response.ok, json: await response.json() };
}

export async function echo({ client }, body) {
  const headers = { "content-type": "application/json" };
  const response = await site(client).fetch("echo", { method: "POST", headers, body });
  return { ...(await shown(response)), type: response.headers.get("x-type") };
}

/** Requests and actions have one state. */
export async function state({ client }) {
  const counts = [];
  for (const body of ["1", "2"]) {
    const response = await site(client).fetch("count", { method: "POST", body });
    counts.push(await response.json());
  }
  return [...counts, await site(client).counted()];
}

export async function unknownPath({ client }) {
  return await shown(await site(client).fetch("nowhere"));
}

export async function noHook({ client }) {
  const response = await client.deaf.getOrCreate(["one"]).fetch("hello");
  return { ...(await shown(response)), greeting: await client.deaf.getOrCreate(["one"]).greet() };
}

export async function nothing({ client }) {
  const response = await site(client).fetch("nothing");
  const { group, code } = await response.json();
  return { status: response.status, group, code };
}

export async function binary({ client }) {
  const body = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const response = await site(client).fetch("echo", { method: "POST", body });
  return [...(await response.bytes())];
}

export async function router({ client }) {
  const seen = [];
  for (const path of ["hello", "count", "missing"]) {
    seen.push((await site(client).fetch(path)).status);
  }
  return seen;
}

/** The URLs of requests by each kind of path. */
export async function urls({ client }, given) {
  const seen = [];
  for (const path of given) seen.push((await describe(client, path)).url);
  return seen;
}

/** What a proxy does: it takes the front off a request's path and passes the rest on. */
export async function forwarded({ client }) {
  const incoming = new Request("http://proxy.test/actors/one/describe/deep?x=1", {
    method: "POST",
    headers: { "x-own": "kept" },
    body: "passed on",
  });
  const url = new URL(incoming.url);
  url.pathname = url.pathname.replace("/actors/one", "");
  const seen = await describe(client, new Request(url, incoming));
  return { ...seen, headers: seen.headers["x-own"] };
}

export async function requestObject({ client }) {
  const request = new Request("http://any.test/echo", { method: "PUT", body: "as it is" });
  return await shown(await site(client).fetch(request));
}

export async function urlObject({ client }) {
  const url = new URL("http://any.test/describe?from=url");
  const { method, path, query } = await describe(client, url, { method: "DELETE" });
  const request = new Request(url, { method: "POST", body: "a" });
  const changed = await describe(client, request, { headers: { "x-own": "added" } });
  return { url: [method, path, query], request: [changed.method, changed.headers["x-own"]] };
}
