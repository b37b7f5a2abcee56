// Holds a server against the audits of GraphQL over HTTP: node graphql-http.mjs http://127.0.0.1:8000/graphql
import { serverAudits } from "graphql-http";

const [url] = process.argv.slice(2);
let failed = 0;
const counts = {};
for (const audit of serverAudits({ url, fetchFn: fetch })) {
  const result = await audit.fn();
  counts[result.status] = (counts[result.status] ?? 0) + 1;
  if (result.status !== "ok") {
    failed += 1;
    console.log(`${result.status} ${audit.id} ${audit.name}: ${result.reason}`);
  }
}
console.log(JSON.stringify(counts));
process.exit(failed === 0 ? 0 : 1);
