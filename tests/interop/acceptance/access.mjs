// Who may do what.

import { failure, watch } from "../watching.mjs";

function club(client, params) {
  return client.club.getOrCreate(["one"], { params });
}

export async function noHook({ client }) {
  const plain = client.plain.getOrCreate(["one"]);
  return [await plain.ping(), await plain.connect().echo("let in")];
}

export async function subscribed({ client }) {
  const member = club(client, { trusted: true }).connect();
  const heard = [];
  member.on("whispered", (text) => heard.push(text));
  await member.whisper("psst");
  return heard;
}

/** The client comes back and asks again, without an end; the first answer is enough. */
export async function notSubscribed({ client }) {
  const guest = club(client).connect();
  const heard = [];
  guest.on("whispered", (text) => heard.push(text));
  const { group, code } = await new Promise((resolve) => guest.onError(resolve));
  await guest.dispose();
  await club(client, { trusted: true }).whisper("psst");
  return { reason: `${group}.${code}`, heard };
}

export async function undeclared({ client }) {
  const guest = club(client).connect();
  const seen = watch(guest);
  const heard = [];
  guest.on("neverDeclared", (text) => heard.push(text));
  guest.on("announced", (text) => heard.push(text));
  await guest.announce("welcome");
  return { heard, seen };
}

export async function publisher({ client }) {
  await club(client).send("openBox", "hello");
  return await club(client).whoAsked();
}

export async function published({ client }) {
  const guest = club(client);
  await guest.send("openBox", "from a guest");
  const refused = await failure(guest.send("membersBox", "let me"));
  await club(client, { trusted: true }).send("membersBox", "from a member");
  const ignored = await guest.send("noBox", "anybody?", { wait: true, timeout: 1000 });
  return { refused: `${refused.group}.${refused.code}`, ignored, posted: await guest.posted() };
}

export async function noQueues({ client }) {
  const plain = client.plain.getOrCreate(["one"]);
  return await plain.send("anything", 1, { wait: true, timeout: 1000 });
}

export async function requests({ client }, banned) {
  const response = await club(client, { banned }).fetch("hello");
  return [response.status, banned ? (await response.json()).code : await response.text()];
}

export async function sockets({ client }, banned) {
  const socket = await club(client, { banned }).webSocket("hello");
  const heard = [];
  socket.addEventListener("message", ({ data }) => heard.push(data));
  const closed = await new Promise((resolve) => socket.addEventListener("close", resolve));
  return { heard, code: closed.code, reason: closed.reason };
}
