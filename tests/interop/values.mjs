// Values in both directions: what Python says of ours, and what comes back.

import { inspect } from "node:util";
import { runInThisContext } from "node:vm";

import { failure } from "./watching.mjs";

/** The value of an expression that Python has written. */
function valueOf(source) {
  return runInThisContext(`(${source})`);
}

function shown(value) {
  return inspect(value, { depth: 9, breakLength: Infinity, compact: 9 });
}

/** Send values to an actor by each way there is, and back by each. */
export async function crossing({ client }, sources) {
  const handle = client.echo.getOrCreate([]);
  const connection = handle.connect();
  let heard;
  connection.on("heard", (value) => (heard = value));
  const results = [];
  for (const source of sources) {
    const value = valueOf(source);
    const returned = [await connection.echo(value), heard, await handle.echo(value)];
    const { metadata } = await failure(connection.complain([value]));
    results.push({
      arrived: [await connection.describe(value), await handle.describe(value)],
      returned: [...returned, metadata[0]].map(shown),
    });
  }
  return results;
}

export async function inputs({ client }, source) {
  const input = valueOf(source);
  const created = await client.echo.create(["a"], { input });
  const wanted = client.echo.getOrCreate(["b"], { createWithInput: input });
  return [await created.bornWith(), await wanted.bornWith()];
}

export async function typed({ client }, source) {
  const connection = client.echo.getOrCreate([]).connect();
  return [shown(await connection.wrap()), await connection.unwrap(valueOf(source))];
}

export async function unreadable({ client }, source) {
  const handle = client.echo.getOrCreate([]);
  const connection = handle.connect();
  const calls = [handle.describe(valueOf(source)), connection.describe(valueOf(source))];
  return await Promise.all(calls.map(failure));
}
