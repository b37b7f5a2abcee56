// The types of client.js.

/** A document as text, or one of graphql-codegen's typed documents, which are texts with types. */
export type Document<Data, Variables> = string | { toString(): string; __apiType?: (variables: Variables) => Data };

export interface ConnectOptions {
  /** The endpoint; by default `graphql` beside the file's own address. */
  url?: string | URL;
  /**
   * The token, or a function that returns one. A function is called again before each connection and request; after a
   * refusal it gets the token that was refused, and should return another. Nothing or an empty text is anonymous.
   */
  token?: Token | Promise<Token> | ((refused?: string) => Token | Promise<Token>);
  /** Only this transport. By default a WebSocket, and Server-Sent Events where none gets through. */
  transport?: "ws" | "sse";
}

export type Token = string | null | undefined;

/** Returns a client. It connects with the first `watch`, and closes the connection with the last one. */
export function connect(options?: ConnectOptions): Client;

export interface Client {
  /** Returns the data of a query. Rejects with an IncidentqlError, whose `data` is the part that there is. */
  query<Data = any, Variables = Record<string, unknown>>(
    document: Document<Data, Variables>,
    variables?: Variables,
  ): Promise<Data>;
  /** Returns the data of a mutation. Rejects with an IncidentqlError, also for the first of the `userErrors`. */
  mutate<Data = any, Variables = Record<string, unknown>>(
    document: Document<Data, Variables>,
    variables?: Variables,
  ): Promise<Data>;
  /** Subscribes until `stop()`. The document declares `$after: String` and passes it on as `after`, so that it resumes. */
  watch<Data = any, Variables = Record<string, unknown>, Item = any>(
    document: Document<Data, Variables>,
    options?: WatchOptions<Data, Variables, Item>,
  ): Watch;
  /** Stops all subscriptions and closes the connection. */
  close(): void;
  /** When the server was last heard over the WebSocket, as `Date.now()` says it; nothing while none is up. */
  readonly heard: number | undefined;
  /** Pings the server, whose answer makes `heard` later. Returns false where that cannot be: over streams, or unconnected. */
  ping(): boolean;
  /** Gives the connection up and connects again at once; subscriptions resume. For callers who know that it is lost. */
  reconnect(): void;
}

export interface WatchOptions<Data, Variables, Item = any> {
  /** The variables but `after`. */
  variables?: Omit<Variables, "after">;
  /** Begins behind this cursor of the log. By default events begin now; other subscriptions with what there is. */
  after?: string;
  /** Gets each result once and in order; `errors` are those of fields that failed. */
  next?(data: Data, more: { cursor?: string; errors?: GraphQLError[] }): void;
  /**
   * Gets a live list after each of its messages: a new array, in which what did not change is the same object. The document
   * selects `startsOver totalCount changes { index previousIndex incident { ... } }`, or `system` in its place.
   */
  list?(items: Item[], more: { totalCount: number; cursor?: string }): void;
  /** Gets each change of the state. */
  state?(state: State): void;
  /**
   * Called where the events behind the last cursor are no longer kept: read what there is now, and return the cursor of
   * that reading. Without it the subscription ends with the reason CURSOR_EXPIRED.
   */
  lost?(): string | undefined | void | Promise<string | undefined | void>;
}

export interface Watch {
  /** Ends the subscription. No handler is called afterwards. */
  stop(): void;
  readonly state: State;
  /** The place up to which everything was received; `after` of a later subscription. */
  readonly cursor: string | undefined;
}

export interface State {
  /**
   * `connecting`: nothing came yet. `live`: connected, and nothing is missing but what is on its way. `behind`: it was live,
   * and what is shown may be old; it resumes without a gap. `ended`: no more will come, for the `reason`.
   */
  status: "connecting" | "live" | "behind" | "ended";
  /** When this status began. */
  since: Date;
  /** Why it is not live. */
  reason?: Reason;
  /** When it is tried again. */
  retryAt?: Date;
  /** What it is live over. */
  transport?: "ws" | "sse";
}

export interface Reason {
  /** One of the server's codes, or UNREACHABLE, CLOSED, SILENT, TOKEN (your function failed), COMPLETE. */
  code: string;
  message: string;
}

export interface GraphQLError {
  message: string;
  path?: (string | number)[];
  extensions?: { code?: string; [name: string]: unknown };
}

export interface UserError {
  code: string;
  message: string;
  field?: string[] | null;
}

/** A failure of a query or mutation. */
export class IncidentqlError extends Error {
  /** The server's code, such as UNAUTHENTICATED or VERSION_CONFLICT; UNREACHABLE where no answer came. */
  readonly code: string;
  /** The path of the input that a user error is about. */
  readonly field?: string[] | null;
  /** All errors, the first included. */
  readonly errors: (GraphQLError | UserError)[];
  /** What came beside them. */
  readonly data?: any;
}
