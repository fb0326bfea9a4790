// A page with the official hooks: who talks in the lobby, how the connection fares, and what a call
// without one says.

import { createRivetKit } from "@rivetkit/react";
import { useEffect, useMemo, useState } from "react";

/** A list that grows by a value whenever that changes. */
function useHistory(value) {
  const [values, setValues] = useState([]);
  useEffect(() => setValues((earlier) => [...earlier, value]), [value]);
  return values;
}

export function Lobby({ server, userName }) {
  const { useActor } = useMemo(() => createRivetKit(server), [server]);
  const [messages, setMessages] = useState([]);
  const [refusal, setRefusal] = useState(null);
  const [answer, setAnswer] = useState("");
  const { connection, handle, connStatus, useEvent } = useActor({
    name: "room",
    key: ["lobby"],
    params: { userName },
    enabled: refusal === null,
  });
  useEvent("said", (text) => setMessages((earlier) => [...earlier, text]));
  useEffect(
    () => connection?.onError((error) => error.group === "user" && setRefusal(error)),
    [connection],
  );
  const statuses = useHistory(connStatus);

  async function say(event) {
    event.preventDefault();
    await connection.say(new FormData(event.target).get("text"));
  }

  async function ask() {
    const told = await handle.whoAmI().then(
      ({ name }) => `You are ${name}`,
      ({ message }) => message,
    );
    setAnswer(told);
  }

  return (
    <main>
      <List label="Statuses" items={statuses} />
      <List label="Messages" items={messages} />
      <form onSubmit={say}>
        <input name="text" aria-label="Text" />
        <button>Say</button>
      </form>
      <button onClick={ask}>Who am I?</button>
      <output aria-label="Answer">{answer}</output>
      {refusal && <p role="alert">{`${refusal.code}: ${refusal.message}`}</p>}
    </main>
  );
}

function List({ label, items }) {
  return (
    <ul aria-label={label}>
      {items.map((item, number) => (
        <li key={number}>{item}</li>
      ))}
    </ul>
  );
}
