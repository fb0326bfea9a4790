// What is in the page: the scenarios of tests/interop that need nothing of node, and the lobby.

import { createRoot } from "react-dom/client";
import { createClient } from "rivetkit/client";

import * as calls from "../interop/calls.mjs";
import * as connections from "../interop/connections.mjs";
import { Lobby } from "./lobby.jsx";

const scenarios = { calls, connections };

window.run = async (scenario, { endpoint, encoding, given }) => {
  const [file, name] = scenario.split(".");
  const client = createClient({ endpoint, encoding });
  try {
    const result = (await scenarios[file][name]({ client, tell: window.tell }, ...given)) ?? null;
    // A copy of now: lists of what connections do grow while these are closed.
    return structuredClone(result);
  } finally {
    await client.dispose();
  }
};

window.show = ({ endpoint, encoding }, userName) => {
  const lobby = <Lobby server={{ endpoint, encoding }} userName={userName} />;
  createRoot(document.getElementById("root")).render(lobby);
};
