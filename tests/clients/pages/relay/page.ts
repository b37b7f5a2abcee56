import { graphql } from "relay-runtime";
export const query = graphql`
  query pageDashboardQuery {
    cursor
    incidentCounts(groupBy: [SEVERITY]) { severity count }
    ...page_incidents
    systems(first: 40) { edges { node { id key name health { status } } } }
  }
`;
export const list = graphql`
  fragment page_incidents on Query @argumentDefinitions(count: {type: "Int", defaultValue: 20}, cursor: {type: "String"}) @refetchable(queryName: "pageMoreQuery") {
    incidents(first: $count, after: $cursor, orderBy: { field: SEVERITY, direction: DESC }) @connection(key: "page_incidents", filters: []) {
      totalCount
      pageInfo { endCursor hasNextPage }
      edges { node { id reference title severity status acknowledgedAt systems { id key } } }
    }
  }
`;
export const live = graphql`
  subscription pageLiveSubscription($after: String) {
    incidentList(first: 20, orderBy: { field: SEVERITY, direction: DESC }, after: $after) {
      cursor startsOver totalCount
      changes { action index previousIndex incidentId incident { id reference title severity status acknowledgedAt } }
    }
  }
`;
export const counts = graphql`
  subscription pageCountsSubscription {
    incidentCounts(groupBy: [SEVERITY]) { severity count }
  }
`;
export const health = graphql`
  subscription pageHealthSubscription($after: String) {
    systemHealth(after: $after) { cursor systems { status system { id health { status } } } }
  }
`;
export const acknowledge = graphql`
  mutation pageAcknowledgeMutation($input: AcknowledgeIncidentInput!) {
    acknowledgeIncident(input: $input) { cursor incident { id acknowledgedAt version } userErrors { code field message } }
  }
`;
