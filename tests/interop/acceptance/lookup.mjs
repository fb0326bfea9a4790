// Finding actors and creating them: by key, by id, with an input.

import { failure } from "../watching.mjs";

const origin = { place: "here", weight: 2.5 };

export async function connect({ client }) {
  const counts = [];
  for (const number of [1, 2]) {
    const connection = client.born.getOrCreate(["one"]).connect();
    counts.push(await connection.count(number));
    await connection.dispose();
  }
  return counts;
}

export async function duplicate({ client }) {
  const first = await client.born.create(["one"]);
  await first.count(5);
  return { error: await failure(client.born.create(["one"])), count: await first.count(0) };
}

/** A lookup that finds nothing leaves the key free. */
export async function getCreatesNothing({ client }) {
  const missing = await failure(client.born.get(["one"]).resolve());
  const created = await client.born.create(["one"]);
  const found = await client.born.get(["one"]).resolve();
  return { missing, same: found === (await created.resolve()) };
}

export async function params({ client }) {
  const handle = client.born.getOrCreate(["one"], { params: "from ann" });
  return [await handle.params(), await handle.connect().params()];
}

export async function byId({ client }) {
  const created = await client.born.create(["one"]);
  await created.count(5);
  return await client.born.getForId(await created.resolve()).count(1);
}

export async function input({ client }) {
  return await (await client.born.create(["one"], { input: origin })).origins();
}

export async function noInput({ client }) {
  const created = await client.born.create(["one"]);
  return [await created.origins(), await client.born.getOrCreate(["two"]).origins()];
}

/** The second input comes too late. */
export async function inputOfGetOrCreate({ client }) {
  const wanted = (createWithInput) => client.born.getOrCreate(["one"], { createWithInput });
  return [await wanted(origin).origins(), await wanted({ place: "elsewhere" }).origins()];
}

export async function places({ client }, keys) {
  return await Promise.all(keys.map((key) => client.born.getOrCreate(key).place()));
}

/** The ids of actors that are created by some keys and found by others. */
async function ids(client, created, looked) {
  const id = await client.born.getOrCreate(...created).resolve();
  const found = [];
  for (const key of looked) {
    const handle = client.born.get(...key);
    found.push(await handle.resolve().then((other) => other === id, ({ code }) => code));
  }
  return found;
}

export async function exactly({ client }) {
  return await ids(client, [["a", "b"]], [[["a", "b"]], [["a"]], [["a", "b", "c"]], [["b", "a"]]]);
}

export async function text({ client }) {
  return await ids(client, ["a"], [[["a"]], ["a"]]);
}

export async function nothing({ client }) {
  return await ids(client, [], [[], [undefined], [[]]]);
}

export async function keyless({ client }) {
  return await ids(client, [["a"]], [[], [[]]]);
}

export async function keyed({ client }) {
  return await ids(client, [], [[["a"]], ["a"]]);
}

export async function several({ client }) {
  const handles = ["a", "b", "c"].map((key) => client.born.getOrCreate([key]));
  await Promise.all(handles.map((handle, index) => handle.count(index + 1)));
  return await Promise.all(handles.map((handle) => handle.count(10)));
}

export async function withoutKey({ client }) {
  return [await client.born.getOrCreate().count(2), await client.born.get().count(3)];
}
