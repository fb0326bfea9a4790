// Errors of actions, each called over HTTP and over a connection.

import { failure } from "../watching.mjs";

async function failures(client, name, ...args) {
  const handle = client.failing.getOrCreate(["one"]);
  const connection = handle.connect();
  const call = (actor) => failure(actor.action({ name, args }));
  return [await call(handle), await call(connection)];
}

export async function simple({ client }) {
  return await failures(client, "failSimply");
}

export async function detailed({ client }, metadata) {
  return await failures(client, "failInDetail", metadata);
}

export async function internal({ client }) {
  return await failures(client, "breakDown");
}

export async function timedOut({ client }) {
  const brief = client.brief.getOrCreate([]);
  return { refused: await failure(brief.waitForever()), later: await brief.answer() };
}

export async function inTime({ client }) {
  return await client.steady.getOrCreate([]).answer();
}

export async function twoTimeouts({ client }) {
  const [brief, patient] = [client.brief.getOrCreate([]), client.patient.getOrCreate([])];
  const [cut, kept] = await Promise.all([failure(brief.waitForever()), patient.outlast()]);
  return { cut, kept };
}

export async function afterErrors({ client }) {
  const failing = client.failing.getOrCreate(["one"]);
  const counts = [await failing.work()];
  await failures(client, "failSimply");
  counts.push(await failing.work());
  await failures(client, "breakDown");
  return [...counts, await failing.work()];
}
