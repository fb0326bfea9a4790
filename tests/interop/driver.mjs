// Runs scenarios, the functions of the *.mjs files beside this one, one after the other. Python
// asks for them with one JSON value a line:
//
//   in   {"scenario": "file.function", "endpoint", "encoding", "given": [...]}
//   out  {"told": ...}  any number of times, then {"result": ...} or {"error": "..."}
//
// A scenario gets its test and what Python gave it; what it returns is its result.

import { createInterface } from "node:readline";
import { inspect } from "node:util";
import { createClient } from "rivetkit/client";

// The client's log and the console print to stdout, which is spoken for.
const stdout = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

function answer(message) {
  stdout(JSON.stringify(message) + "\n");
}

class Test {
  constructor({ endpoint, encoding }) {
    this.endpoint = endpoint;
    this.encoding = encoding;
    this.client = createClient({ endpoint, encoding });
  }

  /** Let Python know something before the scenario is over. */
  tell(value) {
    answer({ told: value });
  }
}

async function run({ scenario, given, ...options }) {
  const [file, name] = scenario.split(".");
  const scenarios = await import(`./${file}.mjs`);
  const test = new Test(options);
  try {
    const result = (await scenarios[name](test, ...given)) ?? null;
    // A copy of now: lists of what connections do grow while these are closed.
    return structuredClone(result);
  } finally {
    await test.client.dispose();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    answer({ result: await run(JSON.parse(line)) });
  } catch (error) {
    answer({ error: inspect(error) });
  }
}
