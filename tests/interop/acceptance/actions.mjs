// Actions, each called over HTTP and over a connection.

import { failure } from "../watching.mjs";

/** What a function returns for a handle of an actor, and for a connection to it. */
async function byBothWays(handle, call) {
  const connection = handle.connect();
  return [await call(handle), await call(connection)];
}

export async function tooSlow({ client }) {
  const brief = client.brief.getOrCreate([]);
  return await byBothWays(brief, (actor) => failure(actor.waitForever()));
}

export async function inTime({ client }) {
  return await byBothWays(client.worker.getOrCreate([]), (actor) => actor.addLater("x"));
}

export async function computing({ client }) {
  return await byBothWays(client.brief.getOrCreate([]), (actor) => actor.compute());
}

export async function ownTimeouts({ client }) {
  const [brief, patient] = [client.brief.getOrCreate([]), client.patient.getOrCreate([])];
  const cut = [await failure(brief.waitForever()), await failure(patient.waitBriefly())];
  return { cut, kept: await patient.outlast() };
}

export async function nested({ client }) {
  const worker = client.worker.getOrCreate([]);
  return await byBothWays(worker, async (actor) => [
    await actor.notes.add("short"),
    await actor.action({ name: "notes.add", args: ["long"] }),
    await actor.notes.archive.count(),
  ]);
}

export async function synchronous({ client }) {
  return await byBothWays(client.worker.getOrCreate([]), (actor) => actor.add("x"));
}

export async function delegated({ client }) {
  return await byBothWays(client.worker.getOrCreate([]), async (actor) => [
    await actor.delegate("x"),
    await failure(actor.delegate("")),
  ]);
}

export async function concurrent({ client }) {
  return await byBothWays(client.pair.getOrCreate([]), (actor) =>
    Promise.all([actor.wait(), actor.finish()]),
  );
}

export async function largeRequest({ client }, size) {
  return await client.worker.getOrCreate([]).length("x".repeat(size));
}

export async function tooLargeRequest({ client }, size) {
  const worker = client.worker.getOrCreate([]);
  return { refused: await failure(worker.length("x".repeat(size))), later: await worker.length("x") };
}

export async function largeReply({ client }, size) {
  return (await client.worker.getOrCreate([]).repeat(size)).length;
}

export async function tooLargeReply({ client }, size) {
  const worker = client.worker.getOrCreate([]);
  return { refused: await failure(worker.repeat(size)), later: await worker.repeat(1) };
}
