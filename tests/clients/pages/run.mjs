// Runs the page's documents with Apollo Client and with urql and Graphcache: the mutation and the live list have to reach
// what the query shows, by the ids alone and without a warning. Arguments: the address of a new server's endpoint, and a token.
import { readFileSync } from "node:fs";
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, fetchExchange, gql as typed, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { buildSchema, introspectionFromSchema, isObjectType, parse, print } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, token] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };
const complaints = [];
for (const kind of ["warn", "error"]) console[kind] = (...words) => complaints.push(words.join(" "));

const { definitions } = parse(readFileSync("page.graphql", "utf8"));
const fragment = print(definitions.find(({ kind }) => kind === "FragmentDefinition"));
const [dashboard, liveList, acknowledge] = ["Dashboard", "LiveList", "Acknowledge"].map(
  (wanted) => `${print(definitions.find(({ name }) => name.value === wanted))}\n${fragment}`,
);
const schema = buildSchema(readFileSync("../../../schema.graphql", "utf8"));
// Graphcache asks for it: types without an id are values of the object that has them.
const values = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !type.getFields().id);
const keys = Object.fromEntries(values.map(({ name }) => [name, () => null]));

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

async function until(isSo) {
  for (let tries = 0; tries < 1200 && !isSo(); tries++) await new Promise((again) => setTimeout(again, 50));
  if (!isSo()) throw new Error(`it never came to be: ${isSo}`);
}

const socket = () =>
  createClient({ url: url.replace("http", "ws"), webSocketImpl: WebSocket, connectionParams: () => headers });

async function apollo(id) {
  const cache = new InMemoryCache();
  const http = new ApolloClient({ cache, link: new HttpLink({ uri: url, headers }) });
  const live = new ApolloClient({ cache, link: new GraphQLWsLink(socket()) });
  let { data: shown } = await http.query({ query: gql(dashboard) });
  http.watchQuery({ query: gql(dashboard), fetchPolicy: "cache-only" }).subscribe(({ data }) => (shown = data));
  let total = 0;
  live.subscribe({ query: gql(liveList) }).subscribe(({ data }) => (total = data.incidentList.totalCount));
  await until(() => total);
  await http.mutate({ mutation: gql(acknowledge), variables: { input: { id } } });
  await until(() => shown.incidents.edges.find(({ node }) => node.id === id).node.acknowledgedAt);
  const before = total;
  await open("For Apollo");
  await until(() => total > before);
}

async function urql(id) {
  const link = socket();
  const forwardSubscription = (operation) => ({ subscribe: (sink) => ({ unsubscribe: link.subscribe(operation, sink) }) });
  const cache = cacheExchange({ schema: introspectionFromSchema(schema), keys });
  const exchanges = [cache, fetchExchange, subscriptionExchange({ forwardSubscription })];
  const client = new Client({ url, preferGetMethod: false, fetchOptions: { headers }, exchanges });
  let shown;
  client.query(typed(dashboard), {}).subscribe(({ data }) => (shown = data));
  await until(() => shown);
  let total = 0;
  client.subscription(typed(liveList), {}).subscribe(({ data }) => (total = data.incidentList.totalCount));
  await until(() => total);
  await client.mutation(typed(acknowledge), { input: { id } }).toPromise();
  await until(() => shown.incidents.edges.find(({ node }) => node.id === id).node.acknowledgedAt);
  const before = total;
  await open("For urql");
  await until(() => total > before);
}

await post('mutation { createSystem(input: {key: "payments", name: "Payments"}) { userErrors { message } } }');
for (const run of [apollo, urql]) {
  await run(await open(`Before ${run.name}`));
  console.log(`${run.name}: the mutation and the live list came`);
}
for (const complaint of complaints) console.log(`complaint: ${complaint}`);
process.exit(complaints.length ? 1 : 0);
