// Connections as the actor sees them.

import { next } from "../watching.mjs";

function enter(client, name, more = {}) {
  const params = name && { name, ...more };
  return client.desk.getOrCreate(["desk"], { params }).connect();
}

export async function state({ client }) {
  return await enter(client).seat();
}

export async function stateFromParams({ client }) {
  return await enter(client, "ann").seat();
}

export async function ownStates({ client }) {
  const [ann, bob] = [enter(client, "ann"), enter(client, "bob")];
  await ann.count(5);
  return [await ann.count(1), await bob.count(1)];
}

export async function counted({ client }) {
  const ann = enter(client, "ann");
  const left = next(ann, "left");
  const before = await ann.visits();
  const bob = enter(client, "bob");
  await bob.ready;
  const during = await ann.visits();
  await bob.dispose();
  await left;
  return { before, during, after: await ann.visits() };
}

export async function ids({ client }) {
  const [ann, bob] = [enter(client, "ann"), enter(client, "bob")];
  const own = [await ann.myId(), await bob.myId()];
  const known = [ann.connectionId, bob.connectionId];
  return { own: own.sort(), known: known.sort(), all: (await ann.ids()).sort() };
}

/** Who is there while somebody is kept waiting in a hook, and afterwards. */
export async function hidden({ client }, hook) {
  const ann = enter(client, "ann");
  const paused = next(ann, "paused");
  await ann.names();
  const bob = enter(client, "bob", { pause: hook });
  const greeted = next(bob, "greeted");
  await paused;
  const meanwhile = await ann.names();
  await ann.letPass();
  return { meanwhile, greeting: await greeted, later: await ann.names() };
}

export async function greetings({ client }) {
  const ann = enter(client, "ann");
  const heard = [];
  ann.on("greeted", (text) => heard.push(text));
  await ann.seat();
  return heard;
}

export async function leaving({ client }) {
  const ann = enter(client, "ann");
  const left = next(ann, "left");
  await ann.seat();
  const bob = enter(client, "bob");
  const id = await bob.myId();
  const before = (await ann.ids()).includes(id);
  await bob.dispose();
  const gone = (await left) === id;
  return { before, gone, after: (await ann.ids()).includes(id), left: (await ann.visits()).left };
}

export async function writing({ client }) {
  const ann = enter(client, "ann");
  return [await ann.count(1), await ann.count(10), await ann.seat()];
}

export async function toOne({ client }) {
  const [ann, bob] = [enter(client, "ann"), enter(client, "bob")];
  const heard = [];
  ann.on("told", (text) => heard.push(`ann: ${text}`));
  bob.on("told", (text) => heard.push(`bob: ${text}`));
  const id = await bob.myId();
  const sent = [await ann.tell(id, "psst"), await ann.tell("nobody", "psst")];
  await bob.seat();
  await ann.seat();
  return { sent, heard };
}
