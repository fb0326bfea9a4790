// State: what lasts, and actors that have none.

import { failure, next } from "../watching.mjs";

export async function add({ client }, name, number) {
  return await client[name].getOrCreate(["one"]).add(number);
}

/** What is saved while its action goes on. */
export async function saving({ client }) {
  const connection = client.ledger.getOrCreate(["one"]).connect();
  const saved = next(connection, "saved");
  failure(connection.saveAndWait(5));
  return await saved;
}

/** Call actions of the settings, one after the other, and return the last result. */
export async function settings({ client }, calls) {
  const handle = client.settings.getOrCreate(["one"]);
  let result;
  for (const [name, ...args] of calls) result = await handle.action({ name, args });
  return result;
}

export async function handles({ client }) {
  await client.ledger.getOrCreate(["one"]).add(5);
  return await client.ledger.getOrCreate(["one"]).add(1);
}

export async function reconnected({ client }) {
  const first = client.ledger.getOrCreate(["one"]).connect();
  await first.add(5);
  await first.dispose();
  return await client.ledger.getOrCreate(["one"]).connect().add(1);
}

export async function separate({ client }) {
  const [one, two] = [client.ledger.getOrCreate(["one"]), client.ledger.getOrCreate(["two"])];
  await one.add(5);
  return [await two.add(1), await one.add(1)];
}

export async function stateless({ client }) {
  return await client.plain.getOrCreate(["one"]).ping();
}

export async function echo({ client }, text) {
  return await client.plain.getOrCreate(["one"]).echo(text);
}

export async function id({ client }) {
  const plain = client.plain.getOrCreate(["one"]);
  return (await plain.myId()) === (await plain.resolve());
}

export async function noState({ client }) {
  const plain = client.plain.getOrCreate(["one"]);
  return { caught: await plain.readState(), raised: await failure(plain.failToReadState()) };
}

export async function noConnState({ client }) {
  return await client.plain.getOrCreate(["one"]).connect().readConnState();
}

export async function independent({ client }) {
  const [one, two] = [client.plain.getOrCreate(["one"]), client.plain.getOrCreate(["two"])];
  const ids = [await one.myId(), await two.myId()];
  return { different: ids[0] !== ids[1], pongs: [await one.ping(), await two.ping()] };
}

/** Call actions, over a connection, and return what was heard of changes, and how many there were. */
export async function changes({ client }, calls) {
  const watched = client.watched.getOrCreate(["one"]).connect();
  const heard = [];
  watched.on("changed", (length) => heard.push(length));
  const results = [];
  for (const [name, ...args] of calls) results.push(await watched.action({ name, args }));
  return { results, heard, calls: await watched.countCalls() };
}

export async function onlyReading({ client }) {
  const connection = client.watched.getOrCreate(["one"]).connect();
  await connection.length();
  await connection.dispose();
  return await client.watched.getOrCreate(["one"]).countCalls();
}
