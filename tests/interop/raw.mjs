// Raw HTTP and raw WebSockets.

export async function fetchTwice({ client }) {
  const desk = client.desk.getOrCreate(["a"]);
  const sent = await desk.fetch("/echo?x=%20", { method: "POST", body: "hello" });
  const asked = await desk.fetch(new URL("https://example.com/echo"));
  return [sent.status, await sent.json(), (await asked.json()).url];
}

export async function speak({ client }) {
  const socket = await client.desk.getOrCreate(["a"]).webSocket("talk?x=1");
  socket.binaryType = "arraybuffer";
  const heard = [];
  const closed = new Promise((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
  });
  socket.addEventListener("message", ({ data }) => {
    heard.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
    if (heard.length === 1) socket.send("text");
    if (heard.length === 2) socket.send(new Uint8Array([1, 255]));
    if (heard.length === 3) socket.send("bye");
  });
  return [await closed, heard];
}
