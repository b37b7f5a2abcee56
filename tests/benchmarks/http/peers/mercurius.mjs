// mercurius on fastify, with its JIT and its loaders.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { roots, systemsOf, typeDefs, updatesOf } from './data.mjs'

const app = Fastify({ keepAliveTimeout: 120_000 })
const opts = { cache: false }
await app.register(mercurius, {
  schema: typeDefs,
  resolvers: roots,
  jit: 1,
  path: '/graphql',
  loaders: {
    Incident: {
      systems: { loader: async (queries) => systemsOf(queries.map(({ obj }) => obj.id)), opts },
      updates: { loader: async (queries) => updatesOf(queries.map(({ obj, params }) => ({ id: obj.id, ...params }))), opts },
    },
  },
})
await app.listen({ port: +process.argv[2], host: '127.0.0.1', backlog: 8192 })
