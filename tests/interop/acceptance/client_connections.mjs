// What a connection tells the program that holds it.

import { failure, next, reached, returned, watch } from "../watching.mjs";

const key = ["tally"];

function enter(client, name, more = {}) {
  const params = name && { name };
  return client.tally.getOrCreate(key, { params, ...more }).connect();
}

export async function statusFromTheStart({ client }) {
  const connection = enter(client);
  const before = connection.connStatus;
  const count = await connection.count();
  return { before, count, after: connection.connStatus };
}

export async function statusChanges({ client }) {
  const connection = enter(client);
  const seen = [connection.connStatus];
  connection.onStatusChange((status) => seen.push(status));
  await connection.ready;
  await connection.dispose();
  return seen;
}

export async function statusUnsubscribed({ client }) {
  const connection = enter(client);
  const [kept, stopped] = [[], []];
  connection.onStatusChange((status) => kept.push(status));
  const stop = connection.onStatusChange((status) => stopped.push(status));
  await connection.ready;
  stop();
  await connection.dispose();
  return { kept, stopped };
}

export async function statusAfterAction({ client }) {
  const connection = enter(client);
  await connection.count();
  return connection.connStatus;
}

/** Which of some callbacks for opening are called. */
export async function onOpen({ client }, count) {
  const connection = enter(client);
  const called = [];
  for (let number = 1; number <= count; number++) connection.onOpen(() => called.push(number));
  const before = [...called];
  await connection.ready;
  return [before, called];
}

/** Which of some callbacks for closing are called. */
export async function onClose({ client }, count) {
  const connection = enter(client);
  const called = [];
  for (let number = 1; number <= count; number++) connection.onClose(() => called.push(number));
  await connection.ready;
  const before = [...called];
  await connection.dispose();
  return [before, called];
}

export async function onOpenTakenBack({ client }) {
  const connection = enter(client);
  const called = [];
  const stop = connection.onOpen(() => called.push("taken back"));
  connection.onOpen(() => called.push("kept"));
  stop();
  await connection.ready;
  return called;
}

export async function onCloseTakenBack({ client }) {
  const connection = enter(client);
  const called = [];
  const stop = connection.onClose(() => called.push("taken back"));
  connection.onClose(() => called.push("kept"));
  await connection.ready;
  stop();
  await connection.dispose();
  return called;
}

export async function throughGet({ client }) {
  await client.tally.create(key);
  const connection = client.tally.get(key).connect();
  return await connection.count(2);
}

export async function throughId({ client }) {
  const handle = client.tally.getOrCreate(key);
  await handle.count(3);
  const connection = client.tally.getForId(await handle.resolve()).connect();
  return await connection.count(2);
}

export async function throughGetOrCreate({ client }) {
  const connection = client.tally.getOrCreate(key).connect();
  return await connection.count(2);
}

export async function actorId({ client }) {
  const connection = enter(client);
  const before = connection.actorId ?? null;
  await connection.ready;
  const id = await client.tally.get(key).resolve();
  return { before, same: connection.actorId === id, length: id.length };
}

export async function throughCreate({ client }) {
  const connection = (await client.tally.create(key)).connect();
  return await connection.count(2);
}

/** Replies and events of one connection, in the order in which they arrived. */
export async function repliesAndEvents({ client }) {
  const connection = enter(client);
  const seen = [];
  connection.on("counted", (count) => seen.push(`event ${count}`));
  for (const number of [1, 2]) seen.push(`reply ${await connection.count(number)}`);
  return seen;
}

export async function broadcasts({ client }) {
  const [ann, bob] = [enter(client, "ann"), enter(client, "bob")];
  const heard = [];
  ann.on("named", (...payload) => heard.push(payload));
  await ann.count(0);
  await bob.countAs("first", 1);
  await bob.countAs("second", 2);
  await ann.count(0);
  return heard;
}

export async function once({ client }) {
  const connection = enter(client);
  const heard = [];
  connection.once("counted", (count) => heard.push(count));
  await connection.count();
  await connection.count();
  return heard;
}

export async function unsubscribed({ client }) {
  const connection = enter(client);
  const heard = [];
  const stop = connection.on("counted", (count) => heard.push(count));
  await connection.count();
  stop();
  await connection.count();
  return heard;
}

export async function params({ client }) {
  const [ann, bob] = [enter(client, "ann"), enter(client, "bob")];
  const own = [await ann.myName(), await bob.myName()];
  return { own, all: await ann.names() };
}

export async function freshParams({ client }) {
  let asked = 0;
  const getParams = async () => ({ name: `visit ${++asked}` });
  const handle = client.tally.getOrCreate(key, { getParams });
  const [one, two] = [handle.connect(), handle.connect()];
  const names = [await one.myName(), await two.myName()];
  return { asked, names: names.sort() };
}

export async function failingParams({ client }) {
  let asked = 0;
  const getParams = async () => {
    if (++asked === 1) throw new Error("no token yet");
    return { name: "ann" };
  };
  const connection = client.tally.getOrCreate(key, { getParams }).connect();
  const seen = watch(connection);
  const early = await failure(connection.count());
  await connection.ready;
  return { asked, early, name: await connection.myName(), count: await connection.count(0), seen };
}

export async function hooks({ client }) {
  const witness = enter(client, "witness");
  const left = next(witness, "left");
  await witness.count();
  const visitor = enter(client, "visitor");
  await visitor.count();
  await visitor.dispose();
  await left;
  return await witness.hooks();
}

export async function isConnected({ client }) {
  const connection = enter(client);
  const seen = [connection.isConnected];
  await connection.ready;
  seen.push(connection.isConnected);
  await connection.dispose();
  return [...seen, connection.isConnected];
}

export async function ready({ client }) {
  const connection = enter(client);
  let opened = false;
  connection.onOpen(() => (opened = true));
  await connection.ready;
  return { opened, status: connection.connStatus, id: typeof connection.connectionId };
}

export async function largeRequest({ client }, size) {
  return await enter(client).length("x".repeat(size));
}

export async function tooLargeRequest({ client }, size) {
  const connection = enter(client);
  const seen = watch(connection);
  await connection.ready;
  const request = failure(connection.length("x".repeat(size)));
  await returned(connection);
  return { request: await request, seen, later: await connection.length("x") };
}

export async function largeReply({ client }, size) {
  return (await enter(client).repeat(size)).length;
}

export async function tooLargeReply({ client }, size) {
  const connection = enter(client);
  const seen = watch(connection);
  await connection.ready;
  const reply = await failure(connection.repeat(size));
  await reached(connection, "connected");
  return { reply, seen, later: (await connection.repeat(1)).length };
}
