// Scenarios with the lobby, seen and used as by a person. Python does what happens meanwhile.

class Visit {
  constructor(page) {
    this.page = page;
  }

  items(label) {
    return this.page.getByRole("list", { name: label }).getByRole("listitem");
  }

  /** Wait until an item of a list has been shown this often. */
  async shown(label, text, times = 1) {
    const items = this.items(label).getByText(text, { exact: true });
    await items.nth(times - 1).waitFor();
  }

  async statuses() {
    return await this.items("Statuses").allTextContents();
  }

  async say(text) {
    await this.page.getByLabel("Text").fill(text);
    await this.page.getByRole("button", { name: "Say" }).click();
  }

  async ask() {
    await this.page.getByRole("button", { name: "Who am I?" }).click();
    const answer = this.page.getByLabel("Answer").filter({ hasText: /./ });
    return await answer.textContent();
  }

  async refusal() {
    return await this.page.getByRole("alert").textContent();
  }
}

/** Show the lobby to somebody. */
async function enter({ page, options }, userName) {
  await page.evaluate(([options, name]) => window.show(options, name), [options, userName]);
  return new Visit(page);
}

/** Show it and wait until it is connected. */
async function visit(test, userName) {
  const lobby = await enter(test, userName);
  await lobby.shown("Statuses", "connected");
  return lobby;
}

export async function talk(test, userName) {
  const lobby = await visit(test, userName);
  await lobby.say("hello");
  await lobby.shown("Messages", "hello");
  const statuses = await lobby.statuses();
  return { statuses, messages: await lobby.items("Messages").allTextContents() };
}

export async function ask(test, userName) {
  const lobby = await visit(test, userName);
  return await lobby.ask();
}

/** Python cuts the network, or restarts the server, and then says something. */
export async function stay(test, userName) {
  const lobby = await visit(test, userName);
  test.tell("connected");
  await lobby.shown("Statuses", "connected", 2);
  test.tell("back");
  await lobby.shown("Messages", "welcome back");
  return await lobby.statuses();
}

/** Python bans the visitor. */
export async function leave(test, userName) {
  const lobby = await visit(test, userName);
  test.tell("connected");
  const refusal = await lobby.refusal();
  await lobby.shown("Statuses", "idle");
  return { refusal, statuses: await lobby.statuses() };
}

/** Somebody who is banned comes again. */
export async function knock(test, userName) {
  const lobby = await enter(test, userName);
  return { refusal: await lobby.refusal(), statuses: await lobby.statuses() };
}

/** Where the page is from. */
export async function origin({ page }) {
  return new URL(page.url()).origin;
}

/** Whether the page can read what the server says. */
export async function reach({ page, options }) {
  const url = `${options.endpoint}/metadata`;
  return await page.evaluate((url) => fetch(url).then(Boolean, () => false), url);
}
