// Runs the page's documents with Relay's runtime: everything has to reach what the query shows, by the ids alone but for the
// places in the live list, and without a warning. Arguments: the address of a new server's endpoint, and a token.
import { createClient } from "graphql-ws";
import {
  commitMutation, ConnectionHandler, createOperationDescriptor, Environment, fetchQuery, getSingularSelector, Network,
  Observable, RecordSource, requestSubscription, Store,
} from "relay-runtime";
import type { FetchFunction, GraphQLResponse, RecordSourceSelectorProxy, SubscribeFunction } from "relay-runtime";
import WebSocket from "ws";
import acknowledge, { type pageAcknowledgeMutation } from "../generated/relay/pageAcknowledgeMutation.graphql";
import counts, { type pageCountsSubscription } from "../generated/relay/pageCountsSubscription.graphql";
import dashboard, { type pageDashboardQuery } from "../generated/relay/pageDashboardQuery.graphql";
import health, { type pageHealthSubscription } from "../generated/relay/pageHealthSubscription.graphql";
import live, { type pageLiveSubscription } from "../generated/relay/pageLiveSubscription.graphql";
import more, { type pageMoreQuery } from "../generated/relay/pageMoreQuery.graphql";
import list, { type page_incidents$data } from "../generated/relay/page_incidents.graphql";

const [url, token] = process.argv.slice(2) as [string, string];
const headers = { Authorization: `Bearer ${token}` };
const complaints: string[] = [];
for (const kind of ["warn", "error"] as const) {
  console[kind] = (...words) => complaints.push(words.map((word) => word?.stack ?? word).join(" "));
}

async function post(query: string, variables: object = {}): Promise<any> {
  const body = JSON.stringify({ query, variables });
  const answer = await fetch(url, { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body });
  return answer.json();
}

const fetching: FetchFunction = ({ text }, variables) => post(text!, variables);
const socket = createClient({ url: url.replace("http", "ws"), webSocketImpl: WebSocket, connectionParams: () => headers });
const subscribing: SubscribeFunction = ({ text }, variables) =>
  Observable.create<GraphQLResponse>((sink) =>
    socket.subscribe(
      { query: text!, variables },
      {
        next: (result) => sink.next(result as GraphQLResponse),
        error: (problem) => sink.error(new Error(JSON.stringify(problem))),
        complete: () => sink.complete(),
      },
    ),
  );
const environment = new Environment({
  network: Network.create(fetching, subscribing),
  store: new Store(new RecordSource()),
});

/** Applies a message of the live list to the connection. */
function apply(store: RecordSourceSelectorProxy): void {
  const connection = ConnectionHandler.getConnection(store.getRoot(), "page_incidents")!;
  const update = store.getRootField("incidentList")!;
  let edges = update.getValue("startsOver") ? [] : [...connection.getLinkedRecords("edges")!];
  for (const change of update.getLinkedRecords("changes")!) {
    const id = change.getValue("incidentId");
    edges = edges.filter((edge) => edge?.getLinkedRecord("node")?.getDataID() !== id);
    const incident = change.getLinkedRecord("incident");
    if (!incident) continue;
    edges.splice(change.getValue("index") as number, 0, ConnectionHandler.createEdge(store, connection, incident, "IncidentEdge"));
  }
  connection.setLinkedRecords(edges, "edges").setValue(update.getValue("totalCount"), "totalCount");
}

const operation = createOperationDescriptor(dashboard, {});
environment.retain(operation);
function shown(): pageDashboardQuery["response"] & { list: page_incidents$data } {
  const { data } = environment.lookup(operation.fragment);
  const page = data as unknown as pageDashboardQuery["response"];
  const selector = getSingularSelector(list, page)!;
  return { ...page, list: environment.lookup(selector).data as unknown as page_incidents$data };
}
const titles = () => shown().list.incidents.edges.map(({ node }) => node.title);

async function until(isSo: () => unknown): Promise<void> {
  for (let tries = 0; tries < 600 && !isSo(); tries++) await new Promise((again) => setTimeout(again, 50));
  if (!isSo()) throw new Error([`it never came to be: ${isSo}`, ...complaints].join("\n"));
}

async function open(title: string, severity: string): Promise<string> {
  const input = { title, severity, systemIds: ["payments"] };
  const create = "mutation ($input: CreateIncidentInput!) { createIncident(input: $input) { incident { id } } }";
  return (await post(create, { input })).data.createIncident.incident.id;
}

async function main(): Promise<void> {
  await post('mutation { createSystem(input: {key: "payments", name: "Payments"}) { userErrors { message } } }');
  const [first] = [await open("First for Relay", "MAJOR"), await open("Second for Relay", "MAJOR")];
  await fetchQuery<pageDashboardQuery>(environment, dashboard, {}).toPromise();
  const { cursor } = shown();
  const started = new Set<string>();
  const begun = (name: string) => () => void started.add(name);
  let latest: pageCountsSubscription["response"]["incidentCounts"] = [];
  requestSubscription<pageLiveSubscription>(environment, {
    subscription: live, variables: {}, updater: apply, onNext: begun("list"),
  });
  requestSubscription<pageCountsSubscription>(environment, {
    subscription: counts,
    variables: {},
    onNext: (data) => (started.add("counts"), (latest = data!.incidentCounts)),
  });
  requestSubscription<pageHealthSubscription>(environment, { subscription: health, variables: { after: cursor } });
  await until(() => started.size === 2);

  // A write of the page's own: the payload is normalized.
  await new Promise<void>((resolve, reject) =>
    commitMutation<pageAcknowledgeMutation>(environment, {
      mutation: acknowledge,
      variables: { input: { id: first } },
      onCompleted: (_, errors) => (errors ? reject(errors) : resolve()),
      onError: reject,
    }),
  );
  await until(() => shown().list.incidents.edges.find(({ node }) => node.id === first)!.node.acknowledgedAt);
  // Writes from elsewhere: a new place, another severity, a health, and numbers.
  await open("Third for Relay", "CRITICAL");
  await until(() => titles()[0] === "Third for Relay");
  await post("mutation ($input: UpdateIncidentInput!) { updateIncident(input: $input) { cursor } }", {
    input: { id: first, severity: "CRITICAL" },
  });
  await until(() => titles().indexOf("First for Relay") === 1);
  await until(() => latest?.find(({ severity }) => severity === "CRITICAL")?.count === 2);
  const report = 'mutation { reportSystemHealth(input: {system: "payments", status: DEGRADED}) { cursor } }';
  await post(report);
  await until(() => shown().systems!.edges.some(({ node }) => node.health.status === "DEGRADED"));
  const asked = await post("{ incidents(first: 20, orderBy: {field: SEVERITY, direction: DESC}) { totalCount nodes { title } } }");
  const expected = asked.data.incidents.nodes.map(({ title }: { title: string }) => title);
  if (titles().join() !== expected.join()) throw new Error(`${titles()} and not ${expected}`);
  // The list again, page by page, as a component loads it.
  for (let cursor: string | null = null; ; cursor = shown().list.incidents.pageInfo.endCursor ?? null) {
    await fetchQuery<pageMoreQuery>(environment, more, { count: 2, cursor }).toPromise();
    if (!shown().list.incidents.pageInfo.hasNextPage) break;
  }
  if (titles().join() !== expected.join()) throw new Error(`${titles()} and not ${expected}`);
  console.log("relay: the mutation, the live list, the health and the counts came");
  for (const complaint of complaints) console.log(`complaint: ${complaint}`);
  process.exit(complaints.length ? 1 : 0);
}

void main();
