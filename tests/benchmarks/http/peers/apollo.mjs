// Apollo Server as its documentation starts it, with DataLoader.
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import DataLoader from 'dataloader'
import { roots, systemsOf, typeDefs, updatesOf } from './data.mjs'

const resolvers = {
  ...roots,
  Incident: {
    systems: ({ id }, _, { systems }) => systems.load(id),
    updates: ({ id }, given, { updates }) => updates.load({ id, ...given }),
  },
}
const context = async () => ({
  systems: new DataLoader(async (ids) => systemsOf(ids)),
  updates: new DataLoader(async (keys) => updatesOf(keys), { cacheKeyFn: JSON.stringify }),
})
const server = new ApolloServer({ typeDefs, resolvers })
await startStandaloneServer(server, { listen: { port: +process.argv[2], host: '127.0.0.1' }, context })
