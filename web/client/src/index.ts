// A typed client of Guichet's API. Paths, parameters, bodies and answers are those of schema.ts, which the build generates
// from the OpenAPI document: what the server does not know does not compile.
import createClient, { type Client, type ClientOptions, type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";

/** Problem is the body of every answer that is an error (RFC 9457). */
export type Problem = components["schemas"]["Problem"];
/** Conversation is one thread on one account. */
export type Conversation = components["schemas"]["Conversation"];
/** Message is one item in a conversation, in or out. */
export type Message = components["schemas"]["Message"];

/** GuichetError is a request that the server refused; `problem.code` says why. */
export class GuichetError extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
    this.name = "GuichetError";
  }
}

export interface Options extends Omit<ClientOptions, "baseUrl"> {
  /** Where Guichet is served, such as https://inbox.example.com; empty for the page's own origin. */
  baseUrl?: string;
  /** An API token. Browsers leave it out: their session cookie says who they are. */
  token?: string;
  /** The session's token against forged requests, for browsers. */
  csrfToken?: () => string | undefined;
}

/**
 * guichet returns a client. Each POST gets an idempotency key unless the call brings one: a call that is made again with the
 * same key is carried out once.
 */
export function guichet(options: Options = {}): Client<paths> {
  const { token, csrfToken, ...rest } = options;
  const client = createClient<paths>({ credentials: "same-origin", ...rest });
  const headers: Middleware = {
    onRequest({ request }) {
      if (token !== undefined) request.headers.set("Authorization", `Bearer ${token}`);
      const csrf = csrfToken?.();
      if (csrf !== undefined && request.method !== "GET") request.headers.set("X-CSRF-Token", csrf);
      if (request.method === "POST" && !request.headers.has("Idempotency-Key")) {
        request.headers.set("Idempotency-Key", crypto.randomUUID());
      }
      return request;
    },
  };
  client.use(headers);
  return client;
}

/** unwrap returns the data of an answer and throws a GuichetError if it is a problem. */
export async function unwrap<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (error !== undefined || data === undefined) {
    throw new GuichetError(isProblem(error) ? error : unreadable(response));
  }
  return data;
}

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "code" in value && "detail" in value && "status" in value;
}

function unreadable(response: Response): Problem {
  const detail = "the answer is not one of Guichet: a proxy may have given it";
  return { code: "unavailable", detail, status: response.status, title: response.statusText };
}

/** all walks the pages of a list. */
export async function* all<T>(
  page: (cursor: string | undefined) => Promise<{ items: T[]; next_cursor?: string }>,
): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const { items, next_cursor } = await page(cursor);
    yield* items;
    cursor = next_cursor;
  } while (cursor !== undefined && cursor !== "");
}
