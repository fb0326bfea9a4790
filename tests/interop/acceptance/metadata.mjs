// What an actor knows of itself.

const key = ["lobby", "north"];

export async function name({ client }) {
  return await client.named.getOrCreate(key).myName();
}

export async function nameAtTheStart({ client }) {
  return await client.named.getOrCreate(key).nameAtTheStart();
}

export async function wholeKey({ client }) {
  return await client.named.getOrCreate(key).myKey();
}

export async function partsOfKey({ client }) {
  const named = client.named.getOrCreate(key);
  return [await named.part(0), await named.part(1)];
}

export async function card({ client }) {
  const named = client.named.getOrCreate(key);
  return { id: await named.resolve(), card: await named.card() };
}

/** Regions may be asked for, by either way to create. */
export async function regions({ client }) {
  const created = await client.named.create(["a"], { region: "eu-west" });
  const wanted = client.named.getOrCreate(["b"], { createInRegion: "us-east" });
  return [await created.myName(), await wanted.myName()];
}
