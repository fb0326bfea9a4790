// What an instance has beside its state.

function notebook(client, key) {
  return client.notebook.getOrCreate([key]);
}

export async function constant({ client }) {
  return await notebook(client, "a").greet();
}

export async function nested({ client }) {
  const [a, b] = [notebook(client, "a"), notebook(client, "b")];
  return [await a.write("one"), await b.write("two"), await a.write("three")];
}

export async function made({ client }) {
  const a = notebook(client, "a");
  const numbers = [await a.which(), await a.which()];
  return { number: typeof numbers[0], stays: numbers[0] === numbers[1] };
}

export async function madeForEach({ client }) {
  const numbers = await Promise.all(["a", "b", "c"].map((key) => notebook(client, key).which()));
  return new Set(numbers).size;
}

export async function surroundings({ client }) {
  return await notebook(client, "a").lookAround();
}
