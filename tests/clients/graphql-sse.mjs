// Subscribes with the official graphql-sse client (distinct connections) and prints what happens, one JSON object a line.
// Argument: { url, token, query, variables, lastEventId }.
import { createClient } from "graphql-sse";

const options = JSON.parse(process.argv[2]);
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const client = createClient({
  url: options.url,
  headers: {
    ...(options.token ? { Authorization: `Bearer ${options.token}` } : {}),
    ...(options.lastEventId ? { "Last-Event-ID": options.lastEventId } : {}),
  },
  retryAttempts: 0,
});

client.subscribe(
  { query: options.query, variables: options.variables ?? {} },
  {
    next: (payload) => print({ type: "next", payload }),
    error: (error) => print({ type: "error", message: String(error.message ?? error) }),
    complete: () => print({ type: "complete" }),
  },
);
