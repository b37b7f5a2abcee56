"use strict";

const endpoint = new URL(location.pathname, location.href);
const socketAddress = new URL(endpoint);
socketAddress.protocol = endpoint.protocol.replace("http", "ws");

const FORBIDDEN = 4403;
const UNAUTHORIZED = 401;
const LONGEST_WAIT_MILLIS = 15_000;
const PHONE = "(max-width: 700px)";

const LIST = `# The open incidents.
# Ctrl-click a name for its documentation,
# press Ctrl-Space to complete, Ctrl-Enter to run.
query Incidents {
  incidents(first: 20) {
    totalCount
    nodes {
      reference
      title
      status
      severity
      systems {
        key
      }
      updates(first: 3) {
        nodes {
          message
          statusChange
        }
      }
    }
  }
  systems(first: 20) {
    nodes {
      key
      name
    }
  }
}
`;

const OPEN = `# Opens an incident; enter a token above, first.
# Its variables, below, name a system by its key.
# No system yet? In a tab of its own, run
#   mutation {
#     createSystem(input: {
#       key: "payments", name: "Payments"
#     }) { system { key } userErrors { message } }
#   }
mutation OpenIncident($input: CreateIncidentInput!) {
  createIncident(input: $input) {
    incident {
      id
      reference
      status
    }
    cursor
    userErrors {
      code
      field
      message
    }
  }
}
`;

const WATCH = `# Every event from now on: run it, then open
# an incident from another window.
# To resume behind an event that you saw,
# set "after" below to its cursor.
subscription Watch($after: String) {
  incidentEvents(after: $after) {
    cursor
    type
    changedFields
    actor {
      name
    }
    incident {
      reference
      title
      status
      severity
    }
  }
}
`;

const EXAMPLES = [
  { query: LIST },
  {
    query: OPEN,
    variables: JSON.stringify(
      {
        input: {
          title: "Card payments fail",
          severity: "MAJOR",
          systemIds: ["payments"],
          initialMessage: "We are looking into it.",
        },
      },
      null,
      2,
    ),
  },
  { query: WATCH, variables: JSON.stringify({ after: null }, null, 2) },
];

// The token is in the field alone: not in storage, not in the address, gone with the page.
const field = document.getElementById("token");
const sockets = new Set();

function withToken(headers = {}) {
  const token = field.value.trim();
  const isGiven = Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
  return token && !isGiven ? { ...headers, Authorization: `Bearer ${token}` } : headers;
}

// A client for each run, because a socket sends its credential only once, in `connection_init`.
function socketFor(headers) {
  const client = graphqlWs.createClient({
    url: socketAddress.href,
    connectionParams: () => withToken(headers),
    retryAttempts: Infinity,
    retryWait: (retries) => {
      const millis = Math.min(LONGEST_WAIT_MILLIS, 500 * 2 ** retries);
      return new Promise((resolve) => setTimeout(resolve, millis * (0.5 + Math.random() / 2)));
    },
    // A refused connection is an event without a code. A retry would not make a wrong token right.
    shouldRetry: (problem) => problem.code !== FORBIDDEN,
  });
  client.on("connected", () => {
    sockets.add(client);
    say("");
  });
  client.on("closed", ({ code }) => {
    sockets.delete(client);
    if (code !== 1000 && code !== FORBIDDEN) say("Connection lost; reconnecting …");
  });
  return client;
}

const post = GraphiQL.createFetcher({ url: endpoint.href, enableIncrementalDelivery: false });

function fetcher(params, options = {}) {
  const headers = options.headers ?? {};
  return isSubscription(params, options.documentAST)
    ? { subscribe: (sink) => ({ unsubscribe: watch(params, headers, sink) }) }
    : post(params, { ...options, headers: withToken(headers) });
}

function isSubscription({ operationName }, document) {
  const operations = document?.definitions.filter(({ kind }) => kind === "OperationDefinition") ?? [];
  const chosen = operations.find(({ name }) => name?.value === operationName) ?? operations[0];
  return chosen?.operation === "subscription";
}

function watch(params, headers, sink) {
  let seen;
  const resumable = {
    ...params,
    // Read again on each reconnect, so that the subscription resumes from its last cursor.
    get variables() {
      return seen === undefined ? params.variables : { ...params.variables, after: seen };
    },
  };
  return socketFor(headers).subscribe(resumable, {
    next: (result) => {
      seen = result.extensions?.cursor ?? seen;
      sink.next(result);
    },
    error: (problem) => sink.error(Array.isArray(problem) ? problem : { message: inWords(problem) }),
    complete: () => sink.complete(),
  });
}

function say(words) {
  document.getElementById("connection").textContent = words;
}

const WRONG_TOKEN = "This token is not valid.";

function inWords(problem) {
  if (problem.code === FORBIDDEN) return problem.reason === "Forbidden" ? WRONG_TOKEN : problem.reason;
  return "code" in problem ? `The socket was closed: ${problem.code} ${problem.reason}` : problem.message;
}

// Renders GraphiQL with a new fetcher, so that it requests the schema again.
let renew = () => {};
let latest = 0;

field.addEventListener("change", async () => {
  // Running subscriptions reconnect as the new caller.
  for (const client of sockets) client.terminate();
  const request = (latest += 1);
  const caller = await whoIsCalling();
  if (request !== latest) return;
  document.getElementById("caller").textContent = caller.words;
  if (caller.isValid) renew();
});

async function whoIsCalling() {
  if (!field.value.trim()) return { isValid: true, words: "Without a token you are anonymous." };
  try {
    const headers = withToken({ "Content-Type": "application/json" });
    const body = JSON.stringify({ query: "{ viewer { role actor { name } } }" });
    const answer = await fetch(endpoint.href, { method: "POST", headers, body });
    if (answer.status === UNAUTHORIZED) return { isValid: false, words: WRONG_TOKEN };
    const { role, actor } = (await answer.json()).data.viewer;
    return { isValid: true, words: `${actor.name ?? "You"}, ${role}. Sent with every request, stored nowhere.` };
  } catch {
    return { isValid: false, words: "The server does not answer; the token was not checked." };
  }
}

// GraphiQL's history keeps the headers of each run, even where they are not to be persisted.
const HISTORY = ["graphiql:queries", "graphiql:favorites"];
const storage = {
  get length() {
    return localStorage.length;
  },
  getItem: (key) => localStorage.getItem(key),
  setItem: (key, value) => localStorage.setItem(key, HISTORY.includes(key) ? withoutHeaders(value) : value),
  removeItem: (key) => localStorage.removeItem(key),
  clear: () => localStorage.clear(),
};

function withoutHeaders(json) {
  return JSON.stringify(JSON.parse(json), (name, value) => (name === "headers" ? undefined : value));
}

function Ide() {
  const [query, setQuery] = React.useState();
  const [generation, setGeneration] = React.useState(0);
  renew = () => setGeneration((last) => last + 1);
  const currentFetcher = React.useCallback((...given) => fetcher(...given), [generation]);
  const explorer = GraphiQLPluginExplorer.useExplorerPlugin({ query, onEdit: setQuery });
  return React.createElement(GraphiQL, {
    fetcher: currentFetcher,
    query,
    onEditQuery: setQuery,
    plugins: [explorer],
    defaultTabs: EXAMPLES,
    // On a phone there is room for two panes.
    defaultEditorToolsVisibility: matchMedia(PHONE).matches ? false : "variables",
    storage,
    // Headers may hold a token, too.
    shouldPersistHeaders: false,
    showPersistHeadersSettings: false,
  });
}

// The editors' names for screen readers, in their order on the page; GraphiQL gives them none.
const EDITORS = ["Query", "Variables", "Headers", "Result"];

new MutationObserver((_, observer) => {
  const editors = document.querySelectorAll("#ide .CodeMirror");
  if (editors.length !== EDITORS.length) return;
  observer.disconnect();
  editors.forEach((editor, place) => editor.CodeMirror.setOption("screenReaderLabel", EDITORS[place]));
}).observe(document.getElementById("ide"), { childList: true, subtree: true });

ReactDOM.render(React.createElement(Ide), document.getElementById("ide"));
