// mercurius on fastify, with its JIT and its in-memory emitter.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { eventOf, typeDefs } from './events.mjs'

const app = Fastify({ keepAliveTimeout: 120_000 })
await app.register(mercurius, {
  schema: typeDefs,
  jit: 1,
  path: '/graphql',
  subscription: true,
  resolvers: {
    Query: { ready: () => true },
    Mutation: {
      async createIncident(_, { input }) {
        const event = eventOf(input)
        await app.graphql.pubsub.publish({ topic: 'events', payload: { incidentEvents: event } })
        return { incident: event.incident }
      },
    },
    Subscription: { incidentEvents: { subscribe: (_, __, { pubsub }) => pubsub.subscribe('events') } },
  },
})
await app.listen({ port: +process.argv[2], host: '127.0.0.1', backlog: 8192 })
