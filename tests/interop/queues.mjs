// Queues: what `send` of a handle and of a connection does.

import { failure } from "./watching.mjs";

function clerk(client, key = "one") {
  return client.clerk.getOrCreate([key]);
}

export async function sent({ client }, body) {
  const { status } = (await clerk(client).send("notes", body)) ?? { status: "completed" };
  return [status, await clerk(client).nextNote()];
}

export async function sentOverAConnection({ client }, body) {
  const connection = clerk(client).connect();
  await connection.send("notes", body);
  const note = await connection.nextNote();
  await connection.dispose();
  return note;
}

export async function waited({ client }, body) {
  return await clerk(client).send("newJobs", body, { wait: true, timeout: 10_000 });
}

export async function waitedInVain({ client }) {
  const late = await clerk(client, "late").send("notes", "late", { wait: true, timeout: 100 });
  return [late, await clerk(client, "late").nextNote()];
}

export async function undeclared({ client }) {
  await clerk(client, "quiet").send("nothing", 1);
  return await clerk(client, "quiet").send("nothing", 1, { wait: true, timeout: 100 });
}

export async function refused({ client }) {
  const full = clerk(client, "full");
  for (let number = 0; number < 3; number += 1) await full.send("notes", number);
  return {
    full: await failure(full.send("notes", 3)),
    large: await failure(clerk(client).send("notes", "x".repeat(70_000))),
    wrong: await failure(clerk(client).send("newJobs", "no job")),
  };
}

export async function afterDestruction({ client }) {
  const stale = clerk(client, "stale");
  await stale.send("notes", "old");
  await stale.die();
  await stale.send("notes", "new");
  return await stale.nextNote();
}
