// graphql-ws on ws: one source, one execution per subscriber and event.
import { createServer } from 'node:http'
import { buildSchema, graphql } from 'graphql'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'
import { eventOf, typeDefs } from './events.mjs'

const listeners = new Set()
const publish = (event) => listeners.forEach((listener) => listener(event))

function subscribe() {
  const waiting = []
  let wake
  const listener = (event) => {
    waiting.push(event)
    wake?.()
  }
  listeners.add(listener)
  return {
    async next() {
      while (!waiting.length) await new Promise((resolve) => (wake = resolve))
      return { value: { incidentEvents: waiting.shift() }, done: false }
    },
    async return() {
      listeners.delete(listener)
      return { value: undefined, done: true }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

const schema = buildSchema(typeDefs)
schema.getSubscriptionType().getFields().incidentEvents.subscribe = subscribe
const rootValue = {
  ready: true,
  createIncident({ input }) {
    const event = eventOf(input)
    publish(event)
    return { incident: event.incident }
  },
}

const server = createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
  const { query, variables } = JSON.parse(body)
  const answer = JSON.stringify(await graphql({ schema, rootValue, source: query, variableValues: variables }))
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) })
  response.end(answer)
})
useServer({ schema }, new WebSocketServer({ server, path: '/graphql', perMessageDeflate: false }))
server.keepAliveTimeout = 120_000
server.listen(+process.argv[2], '127.0.0.1', 8192)
