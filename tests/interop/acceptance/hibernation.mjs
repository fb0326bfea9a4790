// Connections that stay while their actor sleeps.

import { next, watch } from "../watching.mjs";

function enter(client, name) {
  return client.dozing.getOrCreate(["bed"], { params: name }).connect();
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Put the actor to sleep, and wait until that has begun. */
async function doze(connection) {
  const dozed = next(connection, "dozed");
  await connection.ping();
  await connection.doze();
  await dozed;
}

export async function calls({ client }) {
  const connection = enter(client, "ann");
  const before = await connection.ping();
  await doze(connection);
  await sleep(700);
  return { before, after: await connection.ping(), nights: await connection.nights() };
}

export async function states({ client }) {
  const connection = enter(client, "ann");
  const first = await connection.rename("bob");
  await doze(connection);
  await sleep(700);
  const name = await connection.ping();
  const ids = await connection.ids();
  return { name, same: ids.length === 1 && ids[0] === first, nights: await connection.nights() };
}

export async function events({ client }) {
  const connection = enter(client, "ann");
  const rang = [];
  connection.on("rang", (woken) => rang.push(woken));
  const seen = watch(connection);
  let opened = 0;
  connection.onOpen(() => (opened += 1));
  for (const _ of [1, 2]) {
    await doze(connection);
    await sleep(700);
    await connection.ping();
  }
  return { opened, seen, rang };
}

export async function left({ client }) {
  const [ann, bob] = [enter(client, "ann"), enter(client, "bob")];
  await bob.ping();
  await doze(ann);
  await sleep(700);
  await bob.dispose();
  for (;;) {
    const { left } = await ann.nights();
    if (left.length > 0) return { left, ids: (await ann.ids()).length };
  }
}

export async function meanwhile({ client }, delay) {
  const connection = enter(client, "ann");
  await doze(connection);
  await sleep(delay);
  const { woken, slept } = await connection.nights();
  return { woken, slept };
}

function open(socket) {
  return new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
}

export async function sockets({ client }, words) {
  const handle = client.dreaming.getOrCreate(["bed"]);
  const socket = await handle.webSocket();
  if (socket.readyState === 0) await open(socket);
  const answers = [];
  const all = new Promise((resolve) =>
    socket.addEventListener("message", ({ data }) => {
      answers.push(JSON.parse(data));
      if (answers.length === words.length) resolve();
    }),
  );
  for (const word of words) socket.send(word);
  await all;
  return { answers, notes: await handle.notes() };
}
