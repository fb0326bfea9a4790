// What scenarios say of errors and connections.

/** What a promise is rejected with. */
export async function failure(promise) {
  try {
    return { unexpected: await promise };
  } catch ({ group, code, message, metadata }) {
    return { group, code, message, metadata };
  }
}

/**
 * A list that grows by each status of a connection and by the reason of each error; some errors
 * are reported two or three times in a row, which counts once.
 */
export function watch(connection) {
  const seen = [];
  const add = (entry) => entry === seen.at(-1) || seen.push(entry);
  connection.onStatusChange(add);
  connection.onError(({ group, code }) => add(`${group}.${code}`));
  return seen;
}

/** Wait until a connection has a status. */
export async function reached(connection, wanted) {
  if (connection.connStatus === wanted) return;
  await new Promise((resolve) => {
    const stop = connection.onStatusChange((status) => {
      if (status !== wanted) return;
      stop();
      resolve();
    });
  });
}

/** Wait until a connection has been lost and is there again. */
export async function returned(connection) {
  await reached(connection, "disconnected");
  await reached(connection, "connected");
}

/**
 * The payload of an event's next occurrence. The server has heard of the subscription when it has
 * answered a later call of the same connection.
 */
export function next(connection, event) {
  return new Promise((resolve) => connection.once(event, resolve));
}
