// Handles: every way to get one, and what a call through it sets in motion.

import { failure } from "../watching.mjs";

export async function get({ client }) {
  await client.diary.create(["one"]);
  return await client.diary.get(["one"]).add(2);
}

export async function getForId({ client }) {
  const first = client.diary.getOrCreate(["one"]);
  await first.add(2);
  return await client.diary.getForId(await first.resolve()).add(3);
}

export async function getOrCreate({ client }) {
  const counts = [];
  for (const number of [2, 3]) counts.push(await client.diary.getOrCreate(["one"]).add(number));
  return counts;
}

export async function create({ client }) {
  const handle = await client.diary.create(["one"]);
  return await handle.add(2);
}

export async function createTwice({ client }) {
  const first = await client.diary.create(["one"]);
  const error = await failure(client.diary.create(["one"]));
  return { id: await first.resolve(), error };
}

export async function resolveMissing({ client }) {
  return await failure(client.diary.get(["nobody"]).resolve());
}

export async function call({ client }) {
  const handle = client.diary.getOrCreate(["one"]);
  return [await handle.add(1), await handle.action({ name: "add", args: [2] })];
}

export async function twoHandles({ client }) {
  const [one, two] = [client.diary.getOrCreate(["one"]), client.diary.get(["one"])];
  return [await one.add(1), await two.add(2), await one.add(3)];
}

export async function resolve({ client }) {
  const handle = client.diary.getOrCreate(["one"]);
  const ids = [await handle.resolve(), await handle.resolve()];
  ids.push(await client.diary.get(["one"]).resolve());
  return ids;
}

export async function creation({ client }) {
  return await client.diary.getOrCreate(["one"]).read();
}

/** What calls leave in the journal, each through one of some handles. */
export async function calls({ client }, handles) {
  const open = () => client.diary.getOrCreate(["one"]);
  const all = Array.from({ length: handles }, open);
  await all[0].read();
  for (let number = 0; number < 3; number++) await all[number % handles].add();
  return await all[0].read();
}
