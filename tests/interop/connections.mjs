// Connections: who is let in, what is heard, and how they end.

import { failure, reached, returned, watch } from "./watching.mjs";

function enter(client, userName, more = {}) {
  return client.room.getOrCreate(["lobby"], { params: { userName, ...more } }).connect();
}

/** Who left, when somebody has: the server hears of a closed socket later than its client. */
async function farewells(connection) {
  for (;;) {
    const left = await connection.whoLeft();
    if (left.length > 0) return left;
  }
}

export async function params({ client }) {
  const connection = enter(client, "ann", { visit: 3 });
  const seen = watch(connection);
  return { who: await connection.whoAmI(), seen, status: connection.connStatus };
}

export async function events({ client }) {
  const [ann, bob] = [enter(client, "ann"), enter(client, "bob")];
  const heard = [];
  for (const name of ["said", "moved", "knocked"]) {
    ann.on(name, (...payload) => heard.push([name, ...payload]));
  }
  await ann.ready;
  await bob.ready;
  await ann.say("hello").then((present) => heard.push(["reply", present]));
  await bob.move(3, -4);
  await bob.knock();
  const whispered = [await bob.whisper("ann", "psst"), await ann.whisper("bob", "unheard")];
  return { heard, whispered };
}

export async function listeners({ client }) {
  const connection = enter(client, "ann");
  const heard = [];
  connection.once("said", (text) => heard.push(`once ${text}`));
  const stop = connection.on("said", (text) => heard.push(`on ${text}`));
  await connection.say("1");
  await connection.say("2");
  stop();
  await connection.say("3");
  connection.once("said", (text) => heard.push(`once ${text}`));
  await connection.say("4");
  await connection.say("5");
  connection.on("said", (text) => heard.push(`on ${text}`));
  await connection.say("6");
  return heard;
}

export async function manyCalls({ client }, count) {
  const connection = client.counter.getOrCreate([]).connect();
  const texts = Array.from({ length: count }, (_, number) => `${number} `);
  const replies = await Promise.all(texts.map((text) => connection.repeat(text, 2)));
  return replies.filter((reply, number) => reply === texts[number] + texts[number]).length;
}

export async function refused({ client }, userName) {
  const connection = enter(client, userName);
  const seen = watch(connection);
  const call = await failure(connection.whoAmI());
  await reached(connection, "idle");
  return { call, seen };
}

export async function kicked({ client }, more) {
  const [ann, bob] = [enter(client, "ann"), enter(client, "bob")];
  const heard = [];
  bob.on("said", (text) => heard.push(text));
  const first = await bob.myId();
  const seen = watch(bob);
  const [gone] = await Promise.all([ann.kick("bob", "go away", ...more), returned(bob)]);
  const second = await bob.myId();
  await ann.say("welcome back");
  await bob.whoAmI();
  return { gone, seen, same: first === second, heard, left: await ann.whoLeft() };
}

export async function kickedByOneself({ client }) {
  const connection = enter(client, "ann");
  const seen = watch(connection);
  const call = await failure(connection.kick("ann", "bye"));
  await reached(connection, "connected");
  return { call, seen, left: await connection.whoLeft() };
}

export async function banned({ client }) {
  const [ann, bob] = [enter(client, "ann"), enter(client, "bob")];
  await bob.ready;
  const seen = watch(bob);
  await Promise.all([ann.ban("bob"), reached(bob, "idle")]);
  await reached(bob, "disconnected");
  let call = "waits";
  bob.whoLeft().then(() => (call = "answered"), () => (call = "failed"));
  for (let round = 0; round < 3; round += 1) await ann.whoLeft();
  return { seen: seen.slice(0, 5), status: bob.connStatus, call };
}

export async function disposed({ client }) {
  const [ann, bob] = [enter(client, "ann"), enter(client, "bob")];
  await bob.ready;
  await bob.dispose();
  return { status: bob.connStatus, call: await failure(bob.whoAmI()), left: await farewells(ann) };
}

/** Python takes the server or the network away when it is told that the connection stands. */
export async function lost({ client, tell }) {
  let visit = 0;
  const getParams = async () => ({ userName: "ann", visit: ++visit });
  const connection = client.room.getOrCreate(["lobby"], { getParams }).connect();
  const heard = [];
  connection.on("said", (text) => heard.push(text));
  const first = await connection.whoAmI();
  const seen = watch(connection);
  const waiting = failure(connection.waitForVisitor());
  tell("connected");
  await reached(connection, "disconnected");
  // This call waits in the client until it is connected again.
  const second = await connection.whoAmI();
  await connection.say("here again");
  const left = await farewells(connection);
  return { visits: [first.visit, second.visit], seen, waiting: await waiting, heard, left };
}

/** Python stops the server for good; the client gives up at the first refused connection. */
export async function abandoned({ client, tell }) {
  const connection = enter(client, "ann");
  await connection.ready;
  const seen = watch(connection);
  tell("connected");
  await reached(connection, "idle");
  return seen;
}

export async function failingParams({ client }) {
  let visit = 0;
  const getParams = async () => {
    if (++visit === 1) throw new Error("no token yet");
    return { userName: "ann", visit };
  };
  const connection = client.room.getOrCreate(["lobby"], { getParams }).connect();
  const seen = watch(connection);
  await connection.ready;
  return { who: await connection.whoAmI(), seen };
}

export async function tooLong({ client }, incoming, outgoing) {
  const connection = client.counter.getOrCreate([]).connect();
  const seen = watch(connection);
  const [reply, other] = [failure(connection.repeat("x", outgoing)), connection.repeat("y", 1)];
  const results = { reply: await reply, other: await other, kept: connection.connStatus };
  const request = failure(connection.repeat("x".repeat(incoming), 1));
  await returned(connection);
  return { ...results, request: await request, later: await connection.add(), seen };
}
