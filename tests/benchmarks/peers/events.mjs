// What both Node peers share: the schema and the event, which is as large as ours.
export const typeDefs = `
  type Query { ready: Boolean! }
  type Incident { id: ID! title: String! description: String! status: String! severity: String! }
  type Payload { incident: Incident }
  input CreateIncidentInput { title: String! description: String severity: String! systemIds: [ID!]! }
  type Mutation { createIncident(input: CreateIncidentInput!): Payload! }
  type IncidentEvent {
    id: ID! type: String! incidentId: ID! cursor: String! incident: Incident
  }
  type Subscription { incidentEvents: IncidentEvent! }
`

const ids = { change: 'chg_01m83yksx6ek1tw8zxvywdy0ng', incident: 'inc_01m83yksx2f4k8pewt8vcqvm2t' }

export const eventOf = ({ title, description = '', severity }) => ({
  id: ids.change,
  type: 'CREATED',
  incidentId: ids.incident,
  // Ours says it once more beside the data, which takes 56 bytes.
  cursor: 'JWHe-VwbVBqLdlsibG9nIiwzMDFd'.padEnd(28 + 56, '-'),
  incident: { id: ids.incident, title, description, status: 'INVESTIGATING', severity },
})
