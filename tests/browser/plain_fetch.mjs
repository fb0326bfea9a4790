// Part of docs/how-to/javascript.md: what a page does before its first call over plain HTTP.

// docs: fetch
const { fetch } = globalThis;

globalThis.fetch = async (input, init) => {
  if (!(init?.body instanceof ReadableStream)) return fetch(input, init);
  const body = await new Response(init.body).arrayBuffer();
  return fetch(input, { ...init, body });
};
// docs: end
