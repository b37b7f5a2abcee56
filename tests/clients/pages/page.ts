// The types of the client file with typed documents; it is compiled and never run.
import { connect, IncidentqlError, type State } from "../../../gql/static/client.js";
import {
  AcknowledgeDocument, CountsDocument, DashboardDocument, HealthDocument, LiveListDocument, type LineFragment,
} from "./generated/graphql.js";
const client = connect({ url: new URL("https://example.com/graphql"), token: async (refused) => refused ?? "x" });
export async function page(): Promise<number> {
  const { incidentCounts } = await client.query(DashboardDocument);
  const watching = client.watch(LiveListDocument, {
    next: ({ incidentList }, { cursor }) => { const total: number = incidentList.totalCount; console.log(total, cursor); },
    list: (items: LineFragment[], { totalCount }) => console.log(items[0]?.title, totalCount),
    state: ({ status }: State) => console.log(status === "ended"),
    lost: async () => (await client.query(DashboardDocument)).cursor,
  });
  client.watch(LiveListDocument, { variables: {} });
  client.watch(CountsDocument, { next: ({ incidentCounts }) => console.log(incidentCounts[0]?.count.toFixed()) });
  client.watch(HealthDocument, { next: ({ systemHealth }) => console.log(systemHealth.systems[0]?.system?.health.status) });
  client.watch("subscription { incidentEvents { id } }", { after: watching.cursor, next: (data) => data.anything });
  try {
    const { acknowledgeIncident } = await client.mutate(AcknowledgeDocument, { input: { id: "inc_1" } });
    console.log(acknowledgeIncident.cursor.length);
    // @ts-expect-error: the variables have types
    await client.mutate(AcknowledgeDocument, { input: { ids: 1 } });
  } catch (error) {
    if (error instanceof IncidentqlError) console.log(error.code, error.field);
  }
  watching.stop();
  return incidentCounts?.[0]?.count ?? 0;
}
