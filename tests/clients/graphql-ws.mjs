// Runs one operation with the official graphql-ws client and prints what happens, one JSON object a line.
// Argument: { url, token, query, variables, retries, tokens, keepAlive, take }. With `tokens` each connection takes the
// next one, with `keepAlive` it pings every so many milliseconds, after `take` results it has had enough. A resumable subscription names its cursor `variables.after`.
// Its client alone: the whole package would also read all of graphql-js, which takes longer than most tests.
import { createClient } from "graphql-ws/client";
import WebSocket from "ws";

const options = JSON.parse(process.argv[2]);
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const client = createClient({
  url: options.url,
  webSocketImpl: WebSocket,
  connectionParams: () => {
    const token = options.tokens?.shift() ?? options.token;
    return token ? { Authorization: `Bearer ${token}` } : undefined;
  },
  keepAlive: options.keepAlive ?? 0,
  retryAttempts: options.retries ?? 0,
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
  shouldRetry: () => true,
  on: {
    connected: () => print({ type: "connected" }),
    pong: (received) => options.keepAlive && received && print({ type: "pong" }),
    closed: (event) => print({ type: "closed", code: event.code, reason: event.reason }),
  },
});

const payload = { query: options.query, variables: options.variables ?? {} };
let taken = 0;
const stop = client.subscribe(payload, {
  next(result) {
    // The client sends this payload again when it connects again: from where it got to, not from where it began.
    const cursor = result.extensions?.cursor;
    if (cursor) payload.variables.after = cursor;
    print({ type: "next", payload: result });
    if (++taken === options.take) stop();
  },
  error(error) {
    print({ type: "error", code: error.code ?? null, message: String(error.reason ?? error.message ?? error) });
    process.exit(0);
  },
  complete() {
    print({ type: "complete" });
    client.dispose();
  },
});
