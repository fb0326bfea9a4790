// The code of docs/how-to/without-a-client.md: what a page has without any package.

const LOBBY = "rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key=lobby";

export async function call({ endpoint }) {
  // docs: call
  const lobby = "rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key=lobby";
  async function call(action, ...args) {
    const response = await fetch(`${endpoint}/gateway/chatRoom/action/${action}?${lobby}`, {
      method: "POST",
      headers: { "x-rivet-conn-params": JSON.stringify({ auth_token: "ann-token" }) },
      body: JSON.stringify({ args }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${answer.group}.${answer.code}: ${answer.message}`);
    return answer.output;
  }

  const count = await call("send", "hello");
  // docs: end
  const wrong = await call("send", 5).catch(({ message }) => message);
  return { count, wrong };
}

/** Connect with a token, and return what is heard until the end. */
function connect(endpoint, token, heard) {
  const lobby = LOBBY;
  // docs: connect
  const params = encodeURIComponent(JSON.stringify({ auth_token: token }));
  const socket = new WebSocket(
    `${endpoint.replace("http", "ws")}/gateway/chatRoom/connect?${lobby}`,
    ["rivet", "rivet_encoding.json", `rivet_conn_params.${params}`],
  );
  const send = (tag, val) => socket.send(JSON.stringify({ body: { tag, val } }));

  socket.addEventListener("message", ({ data }) => {
    const { tag, val } = JSON.parse(data).body;
    if (tag === "Init") {
      send("SubscriptionRequest", { eventName: "message", subscribe: true });
      send("ActionRequest", { id: ["$BigInt", "0"], name: "send", args: ["hello"] });
    } else {
      heard(tag, val); // Event: { name: "message", args: [{ sender: "ann", text: "hello" }] }
    }
  });
  // docs: end
  return socket;
}

export async function listen({ endpoint }) {
  const all = [];
  await new Promise((resolve) => {
    const socket = connect(endpoint, "ann-token", (tag, val) => {
      all.push([tag, val]);
      if (tag === "ActionResponse") socket.close(1000);
    });
    socket.addEventListener("close", resolve);
  });
  return all;
}

export async function refused({ endpoint }) {
  const all = [];
  const { code, reason } = await new Promise((resolve) => {
    const socket = connect(endpoint, "stolen", (tag, val) => all.push([tag, val]));
    socket.addEventListener("close", resolve);
  });
  return { all, code, reason };
}
