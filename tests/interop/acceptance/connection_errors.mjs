// Errors that reach clients over a connection.

import { failure, next, reached, watch } from "../watching.mjs";

function enter(client, refusedIn) {
  const params = { refusedIn };
  return client.gate.getOrCreate(["gate"], { params }).connect();
}

export async function refused({ client }, place) {
  const connection = enter(client, place);
  const seen = watch(connection);
  const call = await failure(connection.seen());
  await reached(connection, "idle");
  return { call, seen };
}

export async function letIn({ client }) {
  const connection = enter(client, "nowhere");
  const seen = watch(connection);
  return { call: await connection.seen(), seen };
}

export async function metadata({ client }, given) {
  const connection = enter(client, "nowhere");
  const error = await failure(connection.complain(given));
  return { error, status: connection.connStatus };
}

export async function noFarewell({ client }) {
  const witness = enter(client, "nowhere");
  const left = next(witness, "left");
  await witness.seen();
  for (const place of ["on_before_connect", "create_conn_state"]) {
    const refused = enter(client, place);
    await failure(refused.seen());
    await reached(refused, "idle");
  }
  const between = await witness.seen();
  const visitor = enter(client, "nowhere");
  await visitor.ready;
  await visitor.dispose();
  await left;
  return { between, after: await witness.seen(), status: witness.connStatus };
}
