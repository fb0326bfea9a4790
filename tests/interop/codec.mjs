// The client's own encoders and decoders, without a server: what it would send is caught, and what
// it should receive is put before it.

import { inspect, isDeepStrictEqual } from "node:util";
import { runInThisContext } from "node:vm";
import { ActorConnRaw, ActorHandleRaw } from "rivetkit/client";

const target = { getForId: { name: "echo", actorId: "id" } };

/** The value of an expression that Python has written. */
function valueOf(source) {
  return runInThisContext(`(${source})`);
}

function bytesOf(data) {
  return Buffer.from(typeof data === "string" ? data : new Uint8Array(data));
}

/** Stands where the client has its network. */
class Wire {
  sent = [];
  replies = [];

  async sendRequest(_target, request) {
    this.sent.push(Buffer.from(await request.arrayBuffer()));
    const { body, status } = this.replies.shift() ?? { status: 500 };
    return new Response(body, { status });
  }

  async openWebSocket() {
    return this.socket;
  }

  socket = {
    readyState: 1,
    listeners: {},
    addEventListener(name, listener) {
      this.listeners[name] = listener;
    },
    send: (data) => this.sent.push(bytesOf(data)),
    close() {},
  };

  /** Let the client have a message. */
  async receive(data, encoding) {
    const bytes = Buffer.from(data, "base64");
    await this.socket.listeners.message({
      data: encoding === "json" ? bytes.toString() : new Uint8Array(bytes).buffer,
    });
  }

  /** Return what has been sent since the last time. */
  take() {
    const sent = this.sent.map((data) => data.toString("base64"));
    this.sent = [];
    return sent;
  }
}

function handleOf(wire, encoding) {
  return new ActorHandleRaw(undefined, wire, undefined, undefined, encoding, target);
}

/** A connection that is open, once it has received what says so. */
async function connect(wire, encoding, init) {
  const connection = new ActorConnRaw(undefined, wire, undefined, undefined, encoding, target);
  const [start] = Object.getOwnPropertySymbols(ActorConnRaw.prototype);
  connection[start]();
  while (wire.socket.listeners.message === undefined) await Promise.resolve();
  await wire.receive(init, encoding);
  await connection.ready;
  return connection;
}

/** What the client sends for each value as an argument: over a connection, and over HTTP. */
export async function encoded({ encoding }, init, sources) {
  const wire = new Wire();
  const handle = handleOf(wire, encoding);
  const connection = await connect(wire, encoding, init);
  const results = [];
  for (const source of sources) {
    const call = { name: "echo", args: [valueOf(source)] };
    connection.action(call).catch(() => {});
    await handle.action(call).catch(() => {});
    results.push(wire.take());
  }
  return results;
}

function difference(value, source) {
  if (isDeepStrictEqual(value, valueOf(source))) return null;
  return inspect(value, { depth: 9, breakLength: Infinity, compact: 9 });
}

/** How what the client reads differs from what it should: by each way that values come. */
export async function decoded({ encoding }, init, messages) {
  const wire = new Wire();
  const handle = handleOf(wire, encoding);
  const connection = await connect(wire, encoding, init);
  const call = { name: "echo", args: [] };
  const results = [];
  for (const { source, reply, event, response, error } of messages) {
    const heard = new Promise((resolve) => connection.once("heard", resolve));
    await wire.receive(event, encoding);
    const answer = connection.action(call);
    await wire.receive(reply, encoding);
    wire.replies = [
      { body: Buffer.from(response, "base64"), status: 200 },
      { body: Buffer.from(error, "base64"), status: 500 },
    ];
    const values = [await heard, await answer, await handle.action(call)];
    values.push(await handle.action(call).catch(({ metadata }) => metadata));
    results.push(values.map((value) => difference(value, source)));
  }
  return results;
}
