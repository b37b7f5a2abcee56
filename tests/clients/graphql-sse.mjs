// Subscribes with the official graphql-sse client (distinct connections) and prints what happens, one JSON object a line.
// Argument: { url, token, query, variables, lastEventId, retries }. A resumable subscription names its cursor
// `variables.after`.
import { createClient } from "graphql-sse";

const options = JSON.parse(process.argv[2]);
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const client = createClient({
  url: options.url,
  headers: {
    ...(options.token ? { Authorization: `Bearer ${options.token}` } : {}),
    ...(options.lastEventId ? { "Last-Event-ID": options.lastEventId } : {}),
  },
  retryAttempts: options.retries ?? 0,
  retry: () => new Promise((resolve) => setTimeout(resolve, 50)),
});

const payload = { query: options.query, variables: options.variables ?? {} };
client.subscribe(
  payload,
  {
    next(result) {
      // The client sends this again when it connects again: from where it got to, not from where it began.
      const cursor = result.extensions?.cursor;
      if (cursor) payload.variables.after = cursor;
      print({ type: "next", payload: result });
    },
    error: (error) => print({ type: "error", message: String(error.message ?? error) }),
    complete: () => print({ type: "complete" }),
  },
);
