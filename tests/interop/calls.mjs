// Calls over HTTP, and how they fail; a call over a connection fails the same way.

import { failure } from "./watching.mjs";

export async function getOrCreate({ client }) {
  const counter = client.counter.getOrCreate(["a", "b"], { createWithInput: { count: 5 } });
  const first = await counter.add(2);
  const same = client.counter.get(["a", "b"]);
  const byId = client.counter.getForId(await same.resolve());
  return [first, await counter.add(), await same.add(3), await byId.add(0)];
}

export async function undefinedArgument({ client }) {
  return await client.counter.getOrCreate([]).add(undefined);
}

export async function create({ client }) {
  const counter = await client.counter.create(["new"], { input: { count: 3 } });
  const id = await counter.resolve();
  return { id, sum: await counter.add(1), again: await failure(client.counter.create(["new"])) };
}

export async function places({ client }, keys) {
  return await Promise.all(keys.map((key) => client.counter.getOrCreate(key).place()));
}

export async function missing({ client }) {
  const unknown = [client.counter.getForId("nobody"), client.nothing.getOrCreate([])];
  return await Promise.all(unknown.map((handle) => failure(handle.add())));
}

/** The client asks 24 times before it believes that there is no such actor. */
export async function missingKey({ client }) {
  return await failure(client.counter.get(["nobody"]).add());
}

/** An error that an action passes on from a call of its own: the action runs once. */
export async function passedOn({ client }) {
  const counter = client.counter.getOrCreate(["passing on"]);
  const connection = counter.connect();
  const called = await failure(counter.askNobody());
  const connected = await failure(connection.askNobody());
  await connection.dispose();
  return { called, connected, sum: await counter.add(0) };
}

export async function failures({ client }) {
  const handle = client.counter.getOrCreate([]);
  const connection = handle.connect();
  const failuresOf = async (counter) => ({
    own: await failure(counter.refuse("tired", { until: "noon", deep: [1, { x: null }] })),
    bare: await failure(counter.refuse("plain")),
    broken: await failure(counter.breakDown()),
    unknown: await failure(counter.fly()),
    arguments: await failure(counter.add("one")),
  });
  const [called, connected] = [await failuresOf(handle), await failuresOf(connection)];
  return { called, connected, status: connection.connStatus };
}

export async function params({ client }) {
  const room = (params) => client.room.getOrCreate(["lobby"], { params });
  const ann = room({ userName: "ann" });
  await ann.ban("bob");
  return {
    ann: await ann.whoAmI(),
    bob: await failure(room({ userName: "bob" }).whoAmI()),
    broken: await failure(room({ userName: "broken" }).whoAmI()),
    wrong: await failure(room({ userName: 3 }).whoAmI()),
    absent: await failure(room(undefined).whoAmI()),
  };
}

export async function tooLong({ client }, incoming, outgoing) {
  const counter = client.counter.getOrCreate([]);
  return [
    (await counter.repeat("x".repeat(incoming - 100), 1)).length,
    await failure(counter.repeat("x".repeat(incoming), 1)),
    (await counter.repeat("x", outgoing - 100)).length,
    await failure(counter.repeat("x", outgoing)),
  ];
}
