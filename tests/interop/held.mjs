// Servers that come and go behind a socket that stays: what becomes of many clients and their calls.

import { createClient } from "rivetkit/client";
import { reached } from "./watching.mjs";

const ENCODINGS = ["bare", "cbor", "json"];

/** One connection to an actor of its own, and all calls that it ever makes. */
class Peer {
  answered = [];
  failed = [];
  lostWhileQueued = [];
  seen = new Set();
  #calls = 0;

  constructor(client, key, stays) {
    this.key = key;
    this.stays = stays;
    this.handle = client.ledger.getOrCreate([key]);
    this.connection = this.handle.connect();
    this.connection.onStatusChange((status) => this.seen.add(status));
  }

  async call(action) {
    const id = `${this.key} ${this.#calls++}`;
    const isQueued = this.connection.connStatus !== "connected";
    try {
      await this.connection[action](id);
      this.answered.push(id);
    } catch {
      this.failed.push(id);
      if (isQueued) this.lostWhileQueued.push(id);
    }
  }

  /** Be in the middle of a call: one that has no end, or one of many. */
  async begin() {
    await this.call("note");
    if (this.stays) {
      const staying = new Promise((resolve) => this.connection.once("staying", resolve));
      this.call("stay");
      await staying;
    }
  }

  /** Go on until the server has gone and come back. */
  async outlast() {
    const lost = reached(this.connection, "disconnected");
    let isBack = false;
    const back = lost.then(() => reached(this.connection, "connected")).then(() => (isBack = true));
    if (this.stays) {
      await lost;
      await this.call("note");
    } else {
      while (!isBack) await this.call("note");
    }
    await back;
    await this.call("note");
  }
}

/** In each round Python takes the server away when it is told that all are in the middle of calls. */
export async function rounds({ endpoint, tell }, count, staying, times) {
  const clients = ENCODINGS.map((encoding) => createClient({ endpoint, encoding }));
  try {
    const peers = Array.from(
      { length: count },
      (_, number) =>
        new Peer(clients[number % clients.length], String(number), number < staying),
    );
    for (let round = 1; round <= times; round++) {
      await Promise.all(peers.map((peer) => peer.begin()));
      tell(round);
      await Promise.all(peers.map((peer) => peer.outlast()));
    }
    return await Promise.all(
      peers.map(async ({ handle, answered, failed, lostWhileQueued, seen }) => ({
        answered,
        failed,
        lostWhileQueued,
        seen: [...seen],
        counts: await handle.counts(),
      })),
    );
  } finally {
    await Promise.all(clients.map((client) => client.dispose()));
  }
}
