// Runs scenarios in a page of a real browser, one after the other, each in a page that is loaded anew. Python
// asks for them as it asks tests/interop/driver.mjs. Those of visits.mjs use the page from outside;
// the others are functions in it.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import * as visits from "./visits.mjs";

const stdout = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

function answer(message) {
  stdout(JSON.stringify(message) + "\n");
}

const folder = fileURLToPath(new URL(".", import.meta.url));
const scripts = {
  "/page.js": await bundle(),
  "/plain_fetch.mjs": await readFile(`${folder}plain_fetch.mjs`),
};
// The two pages, and what they load.
const loading = {
  "/plain": ["/plain_fetch.mjs", "/page.js"],
  "/streaming": ["/page.js"],
};
const pages = createServer(({ url }, response) => {
  const type = url in scripts ? "text/javascript" : "text/html";
  response.writeHead(200, { "content-type": `${type}; charset=utf-8` });
  response.end(scripts[url] ?? html(loading[url] ?? []));
});
await new Promise((resolve) => pages.listen(0, "127.0.0.1", resolve));
const { port } = pages.address();

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  // The machine may be a container, and its user root; a shop of that name is on no network.
  args: ["--no-sandbox", "--host-resolver-rules=MAP shop.example 127.0.0.1"],
});

function html(paths) {
  const tags = paths.map((path) => `<script type="module" src="${path}"></script>`);
  return `<!doctype html><title>Lobby</title><div id="root"></div>${tags.join("")}`;
}

async function bundle() {
  const built = await build({
    absWorkingDir: folder,
    entryPoints: ["page.jsx"],
    bundle: true,
    define: { "process.env.NODE_ENV": '"production"' },
    format: "esm",
    jsx: "automatic",
    platform: "browser",
    write: false,
  });
  return built.outputFiles[0].text;
}

const tell = (value) => answer({ told: value });
const page = await browser.newPage();
page.on("console", (message) => console.log(`${message.type()}: ${message.text()}`));
page.on("pageerror", (error) => console.log(inspect(error)));
await page.exposeFunction("tell", tell);

async function run({ scenario, given, ...options }) {
  const [file, name] = scenario.split(".");
  const { host = "127.0.0.1", path = "/plain" } = options;
  await page.goto(`http://${host}:${port}${path}`);
  try {
    if (file === "visits") return await visits[name]({ page, options, tell }, ...given);
    return await page.evaluate((asked) => window.run(...asked), [scenario, { ...options, given }]);
  } finally {
    await page.goto("about:blank");
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    answer({ result: await run(JSON.parse(line)) });
  } catch (error) {
    answer({ error: inspect(error) });
  }
}
await browser.close();
pages.close();
