// The code of docs/how-to/javascript.md, with the room of examples/chat_room.py.

import { createElement, useEffect } from "react";
import { create as render } from "react-test-renderer";
import { createClient } from "rivetkit/client";

import { roomHook } from "./room_hook.mjs";
import { reached } from "./watching.mjs";

/** Stands for the console: it keeps what is printed, each line once. */
class Notes {
  lines = new Set();
  log(line) {
    this.lines.add(line);
  }
}

export async function talk({ endpoint }) {
  const console = new Notes();
  // docs: connect
  const client = createClient(endpoint); // "http://127.0.0.1:6420"
  const params = { auth_token: "ann-token" };
  const room = client.chatRoom.getOrCreate(["lobby"], { params });

  const connection = room.connect();
  connection.on("message", ({ sender, text }) => console.log(`${sender}: ${text}`));
  const count = await connection.action({ name: "send", args: ["hi"] });

  // A call alone needs no connection.
  const messages = await room.history();
  // docs: end
  await client.dispose();
  return { printed: [...console.lines], count, messages };
}

export async function refused({ client }) {
  const console = new Notes();
  const room = client.chatRoom.getOrCreate(["lobby"], { params: { auth_token: "stolen" } });
  // docs: errors
  const connection = room.connect();
  connection.onError(({ group, code }) => console.log(`${group}.${code}`));
  try {
    await connection.history();
  } catch ({ group, code, message, metadata }) {
    console.log(`${group}.${code}: ${message}`);
  }
  // docs: end
  await reached(connection, "idle");
  return [...console.lines];
}

/** Show a component that uses the hook, and return what waits for a state of it. */
function show(endpoint, token) {
  const useRoom = roomHook(endpoint);
  const waiting = new Set();
  let shown;
  function Room() {
    const room = useRoom("lobby", token);
    useEffect(() => {
      shown = room;
      for (const look of waiting) look();
    });
    return null;
  }
  const page = render(createElement(Room));
  const until = (condition) =>
    new Promise((resolve) => {
      const look = () => {
        if (shown === undefined || !condition(shown)) return;
        waiting.delete(look);
        resolve(shown);
      };
      waiting.add(look);
      look();
    });
  return { page, until };
}

export async function react({ endpoint }) {
  const { page, until } = show(endpoint, "ann-token");
  const room = await until(({ connStatus }) => connStatus === "connected");
  const count = await room.send("hi");
  const { messages } = await until(({ messages }) => messages.length > 0);
  page.unmount();
  return { count, messages };
}

export async function reactRefused({ endpoint }) {
  const { page, until } = show(endpoint, "stolen");
  const { refusal } = await until(({ refusal, connStatus }) => refusal && connStatus === "idle");
  page.unmount();
  return refusal.code;
}
