// Runs the page's documents with Apollo Client, with urql and Graphcache, and with Relay: the mutation, the health and the live
// list have to reach what the query shows, by the ids alone and without a warning. Arguments: the address of a new server's
// endpoint, and a token.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, fetchExchange, gql as typed, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { buildSchema, introspectionFromSchema, parse, print } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { keysOf } from "./generated/docs/keys.mjs";

const [url, token] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };
const complaints = [];
for (const kind of ["warn", "error"]) console[kind] = (...words) => complaints.push(words.join(" "));

const { definitions } = parse(readFileSync("page.graphql", "utf8"));
const fragment = print(definitions.find(({ kind }) => kind === "FragmentDefinition"));
const [dashboard, liveList, acknowledge, counts, health] = ["Dashboard", "LiveList", "Acknowledge", "Counts", "Health"].map(
  (wanted) => {
    const text = print(definitions.find(({ name }) => name.value === wanted));
    return text.includes("...Line") ? `${text}\n${fragment}` : text;
  },
);
const schema = introspectionFromSchema(buildSchema(readFileSync("../../../schema.graphql", "utf8")));

async function post(query, variables) {
  const body = JSON.stringify({ query, variables });
  const answer = await fetch(url, { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body });
  return (await answer.json()).data;
}

async function open(title) {
  const input = { title, severity: "MAJOR", systemIds: ["payments"] };
  const create = "mutation ($input: CreateIncidentInput!) { createIncident(input: $input) { incident { id } } }";
  return (await post(create, { input })).createIncident.incident.id;
}

async function report(status) {
  await post("mutation ($input: ReportSystemHealthInput!) { reportSystemHealth(input: $input) { cursor } }", {
    input: { system: "payments", status },
  });
}

const isShown = (shown, status) => shown.systems.edges.some(({ node }) => node.health.status === status);
const major = (counted) => counted?.find(({ severity }) => severity === "MAJOR")?.count;

async function until(isSo) {
  for (let tries = 0; tries < 1200 && !isSo(); tries++) await new Promise((again) => setTimeout(again, 50));
  if (!isSo()) throw new Error(`it never came to be: ${isSo}`);
}

// What a page sends: its requests, with what they cost, and its sockets.
const costs = [];
let sockets = 0;

async function measured(...request) {
  const answer = await fetch(...request);
  costs.push((await answer.clone().json()).extensions.cost.requested);
  return answer;
}

const socket = () =>
  createClient({
    url: url.replace("http", "ws"),
    webSocketImpl: WebSocket,
    connectionParams: () => headers,
    on: { connected: () => (sockets += 1) },
  });

/** Checks that a page has what it shows, and is live, by one request and one socket. */
function begun() {
  const [cost, ...others] = costs.splice(0);
  if (others.length || sockets !== 1 || cost >= 2_000) throw new Error(`${others.length + 1} requests, ${sockets} sockets, ${cost}`);
  console.log(`one request of ${cost} points, one socket`);
  sockets = 0;
}

async function apollo(id) {
  const cache = new InMemoryCache();
  const http = new ApolloClient({ cache, link: new HttpLink({ uri: url, headers, fetch: measured }) });
  const live = new ApolloClient({ cache, link: new GraphQLWsLink(socket()) });
  let { data: shown } = await http.query({ query: gql(dashboard) });
  http.watchQuery({ query: gql(dashboard), fetchPolicy: "cache-only" }).subscribe(({ data }) => (shown = data));
  let total = 0;
  live.subscribe({ query: gql(liveList) }).subscribe(({ data }) => (total = data.incidentList.totalCount));
  let counted;
  live.subscribe({ query: gql(counts) }).subscribe(({ data }) => (counted = data.incidentCounts));
  live.subscribe({ query: gql(health), variables: { after: shown.cursor } }).subscribe(() => undefined);
  await until(() => total && counted);
  begun();
  await http.mutate({ mutation: gql(acknowledge), variables: { input: { id } } });
  await until(() => shown.incidents.edges.find(({ node }) => node.id === id).node.acknowledgedAt);
  const before = total;
  const [more] = [major(counted) + 1, await open("For Apollo"), await report("DEGRADED")];
  await until(() => total > before && major(counted) === more && isShown(shown, "DEGRADED"));
}

async function urql(id) {
  const link = socket();
  const forwardSubscription = (operation) => ({ subscribe: (sink) => ({ unsubscribe: link.subscribe(operation, sink) }) });
  const cache = cacheExchange({ schema, keys: keysOf(schema) });
  const exchanges = [cache, fetchExchange, subscriptionExchange({ forwardSubscription })];
  const client = new Client({ url, preferGetMethod: false, fetch: measured, fetchOptions: { headers }, exchanges });
  let shown;
  client.query(typed(dashboard), {}).subscribe(({ data }) => (shown = data));
  await until(() => shown);
  let total = 0;
  client.subscription(typed(liveList), {}).subscribe(({ data }) => (total = data.incidentList.totalCount));
  let counted;
  client.subscription(typed(counts), {}).subscribe(({ data }) => (counted = data.incidentCounts));
  client.subscription(typed(health), { after: shown.cursor }).subscribe(() => undefined);
  await until(() => total && counted);
  begun();
  await client.mutation(typed(acknowledge), { input: { id } }).toPromise();
  await until(() => shown.incidents.edges.find(({ node }) => node.id === id).node.acknowledgedAt);
  const before = total;
  const [more] = [major(counted) + 1, await open("For urql"), await report("HEALTHY")];
  await until(() => total > before && major(counted) === more && isShown(shown, "HEALTHY"));
}

await post('mutation { createSystem(input: {key: "payments", name: "Payments"}) { userErrors { message } } }');
for (const run of [apollo, urql]) {
  await run(await open(`Before ${run.name}`));
  costs.length = 0;
  console.log(`${run.name}: the mutation, the live list, the health and the counts came`);
}
// Relay's compiler writes modules that only bundlers and CommonJS find.
writeFileSync("generated/js/package.json", '{ "type": "commonjs" }');
const relay = spawnSync("node", ["generated/js/relay/run.js", url, token], { stdio: "inherit" });
for (const complaint of complaints) console.log(`complaint: ${complaint}`);
process.exit(complaints.length || relay.status ? 1 : 0);
