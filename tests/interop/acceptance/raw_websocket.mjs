// Raw WebSockets: messages of both sides, as they are.

import { next } from "../watching.mjs";

/** A socket with its messages in order, each taken once. */
class Socket {
  messages = [];
  waiting = [];

  constructor(socket) {
    this.socket = socket;
    this.events = [];
    for (const name of ["open", "close"]) {
      socket.addEventListener(name, () => this.events.push(name));
    }
    socket.addEventListener("message", ({ data }) => {
      const resolve = this.waiting.shift();
      if (resolve) resolve(data);
      else this.messages.push(data);
    });
    this.closed = new Promise((resolve) =>
      socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason })),
    );
  }

  async receive() {
    if (this.messages.length > 0) return this.messages.shift();
    return await new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Send a message, and return the answer. */
  async ask(message) {
    this.socket.send(message);
    return await this.receive();
  }

  async close() {
    this.socket.close(1000, "done");
    return await this.closed;
  }
}

/** A socket and what it was welcomed with. */
async function open(client, path, params) {
  const handle = client.echoing.getOrCreate(["one"], { params });
  const socket = new Socket(await handle.webSocket(path));
  socket.socket.binaryType = "arraybuffer";
  socket.welcome = JSON.parse(await socket.receive());
  return socket;
}

/** A connection that hears when sockets have ended. */
async function witness(client) {
  const connection = client.echoing.getOrCreate(["one"]).connect();
  const ended = next(connection, "ended");
  await connection.stats();
  return { connection, ended };
}

export async function connect({ client }) {
  const { socket, welcome } = await open(client);
  return { state: socket.readyState, welcome };
}

export async function echo({ client }, texts) {
  const socket = await open(client);
  const answers = [];
  for (const text of texts) answers.push(await socket.ask(text));
  return answers;
}

export async function ping({ client }) {
  return await (await open(client)).ask("ping");
}

export async function stats({ client }) {
  const { ended } = await witness(client);
  const [one, two] = [await open(client), await open(client)];
  await one.ask("a");
  await two.ask("b");
  const during = JSON.parse(await one.ask("stats"));
  await two.close();
  await ended;
  return { during, after: JSON.parse(await one.ask("stats")) };
}

export async function binary({ client }) {
  const answer = await (await open(client)).ask(new Uint8Array([0, 1, 254, 255]));
  return { binary: answer instanceof ArrayBuffer, bytes: [...new Uint8Array(answer)] };
}

export async function welcome({ client }, path, params) {
  return (await open(client, path, params)).welcome;
}

export async function closedByClient({ client }) {
  const { connection, ended } = await witness(client);
  const socket = await open(client);
  const closed = await socket.close();
  await ended;
  return { closed, stats: await connection.stats() };
}

export async function closedByActor({ client }) {
  const { connection, ended } = await witness(client);
  const socket = await open(client);
  socket.socket.send("leave");
  const closed = await socket.closed;
  await ended;
  return { closed, stats: await connection.stats() };
}

export async function asleep({ client }) {
  const { connection, ended } = await witness(client);
  const socket = await open(client);
  await connection.doze();
  const closed = await socket.closed;
  await ended;
  return { closed, stats: await connection.stats() };
}

export async function events({ client }) {
  const handle = client.echoing.getOrCreate(["one"]);
  const socket = new Socket(await handle.webSocket());
  await socket.receive();
  const before = [...socket.events];
  await socket.close();
  return { before, after: socket.events };
}

export async function order({ client }, count) {
  const socket = await open(client);
  const numbers = Array.from({ length: count }, (_, number) => `${number}`);
  for (const number of numbers) socket.socket.send(number);
  const answers = [];
  while (answers.length < count) answers.push(await socket.receive());
  return answers.every((answer, index) => answer === numbers[index]);
}
