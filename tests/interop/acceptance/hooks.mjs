// Hooks that let clients in, or do not, and what they see.

import { failure, reached, watch } from "../watching.mjs";

function doorman(client, error) {
  return client.doorman.getOrCreate(["door"], { params: error && { error } });
}

/** By a call alone, and over a connection. */
export async function refused({ client }, error) {
  const called = await failure(doorman(client, error).greet());
  const connection = doorman(client, error).connect();
  const seen = watch(connection);
  const connected = await failure(connection.greet());
  await reached(connection, "idle");
  return { called, connected, seen };
}

export async function letIn({ client }) {
  const connection = doorman(client).connect();
  return [await connection.greet(), connection.connStatus, await doorman(client).greet()];
}

export async function letInAfterErrors({ client }) {
  await failure(doorman(client, "other").greet());
  const connection = doorman(client, "none").connect();
  return [await connection.greet(), connection.connStatus];
}

export async function request({ client }) {
  const porter = client.porter.getOrCreate(["door"]);
  const connection = porter.connect();
  return { connected: await connection.seen(), called: await porter.seen() };
}

export async function noRequest({ client }) {
  return await client.porter.getOrCreate(["door"]).connect().later();
}

/** What is noted after some numbers were set; what each call gives, for there may be errors. */
export async function changes({ client }, numbers) {
  const watchman = client.watchman.getOrCreate(["one"]);
  const calls = [];
  for (const number of numbers) {
    calls.push(await watchman.action({ name: "set", args: [number] }).catch(reason));
  }
  return { calls, notes: await watchman.notes(), state: await watchman.action(get) };
}

export async function readings({ client }) {
  const watchman = client.watchman.getOrCreate(["one"]);
  return [await watchman.action(get), await watchman.action(get), await watchman.notes()];
}

const get = { name: "get", args: [] };

function reason({ group, code }) {
  return `${group}.${code}`;
}
