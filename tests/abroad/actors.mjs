// The actors of actors.py, as RivetKit's own server has them.

import { actor, event, setup, UserError } from "rivetkit";

const counter = actor({
  createState: (_, input) => ({ count: input?.count ?? 0 }),
  actions: {
    add: (c, number = 1) => (c.state.count += number),
    place: (c) => c.key,
    refuse: (_, code, metadata) => {
      throw new UserError("No, thank you", { code, metadata });
    },
    breakDown: () => {
      throw new Error("the-password-is-swordfish");
    },
    repeat: (_, text, times) => text.repeat(times),
    size: (_, text) => text.length,
  },
});

const sluggard = actor({
  options: { actionTimeout: 300 },
  actions: { never: () => new Promise(() => {}), ready: () => true },
});

const find = (c, name) => [...c.conns.values()].find((conn) => conn.state.name === name);

const room = actor({
  createState: () => ({ banned: [], left: [] }),
  events: { said: event(), moved: event(), knocked: event() },
  createVars: () => ({ knocked: () => {} }),
  onBeforeConnect: (c, { userName }) => {
    c.vars.knocked();
    if (c.state.banned.includes(userName)) {
      throw new UserError("You are banned", { code: "banned", metadata: { name: userName } });
    }
  },
  createConnState: (_, { userName, visit = 1 }) => {
    if (userName === "eve") {
      throw new UserError("Nobody knows you", { code: "unwelcome", metadata: { name: "eve" } });
    }
    if (userName === "broken") throw new Error("the-password-is-swordfish");
    return { name: userName, visit };
  },
  onConnect: (_, conn) => conn.send("said", `welcome, ${conn.state.name}`),
  onDisconnect: (c, conn) => {
    c.state.left.push(conn.state.name);
  },
  actions: {
    whoAmI: (c) => c.conn.state,
    whoLeft: (c) => c.state.left,
    say: (c, text) => {
      c.broadcast("said", text);
      return text.length;
    },
    move: (c, right, up) => c.broadcast("moved", right, up),
    knock: (c) => c.broadcast("knocked"),
    whisper: (c, name, text) => {
      const conn = find(c, name);
      conn?.send("said", text);
      return conn !== undefined;
    },
    kick: async (c, name, reason) => {
      const conn = find(c, name);
      await conn?.disconnect(reason);
      return conn !== undefined;
    },
    // There is no way to say that it should not come back.
    expel: async (c, name, reason) => await find(c, name)?.disconnect(reason),
    ban: async (c, name, reason) => {
      c.state.banned.push(name);
      await find(c, name)?.disconnect(reason);
    },
    waitForVisitor: (c) => new Promise((resolve) => (c.vars.knocked = resolve)),
  },
});

const echo = actor({
  createState: (_, input) => ({ input }),
  events: { heard: event() },
  actions: {
    bornWith: (c) => c.state.input,
    echo: (c, value) => {
      c.broadcast("heard", value);
      return value;
    },
    complain: (_, metadata) => {
      throw new UserError("Not this one", { metadata });
    },
  },
});

// What only test_engine.py needs: trivet's server has no such actor.
const sleeper = actor({
  state: { count: 0 },
  events: { counted: event() },
  vars: { fresh: true },
  actions: {
    add: (c, number) => {
      c.state.count += number;
      c.broadcast("counted", c.state.count);
      return c.state.count;
    },
    /** Whether it has just woken up. */
    fresh: (c) => {
      const { fresh } = c.vars;
      c.vars.fresh = false;
      return fresh;
    },
    doze: (c) => c.sleep(),
    leave: (c) => c.destroy(),
  },
});

const registry = setup({
  use: { counter, sluggard, room, echo, sleeper },
  endpoint: process.env.ENGINE,
  token: process.env.TOKEN,
  startServices: false,
  noWelcome: true,
  logging: { level: "warn" },
});
registry.start();
