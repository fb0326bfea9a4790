// The hook of docs/how-to/javascript.md.

import { createRivetKit } from "@rivetkit/react";
import { useEffect, useState } from "react";

export function roomHook(endpoint) {
  // docs: hook
  const { useActor } = createRivetKit(endpoint); // "http://127.0.0.1:6420"

  function useRoom(name, token) {
    const [messages, setMessages] = useState([]);
    const [refusal, setRefusal] = useState(null);
    const { connection, connStatus, useEvent } = useActor({
      name: "chatRoom",
      key: [name],
      params: { auth_token: token },
      enabled: refusal === null,
    });
    useEvent("message", (message) => setMessages((earlier) => [...earlier, message]));
    useEffect(
      () => connection?.onError((error) => error.group === "user" && setRefusal(error)),
      [connection],
    );
    const send = (text) => connection.action({ name: "send", args: [text] });
    return { messages, send, connStatus, refusal };
  }
  // docs: end
  return useRoom;
}
