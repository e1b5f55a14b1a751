// Runs against a real server: GUICHET_URL and GUICHET_TOKEN say which.
import assert from "node:assert/strict";
import { test } from "node:test";
import { all, type Conversation, guichet, GuichetError, unwrap } from "../src/index.js";

const baseUrl = process.env["GUICHET_URL"];
const token = process.env["GUICHET_TOKEN"];
assert.ok(baseUrl && token, "GUICHET_URL and GUICHET_TOKEN are needed");
const client = guichet({ baseUrl, token });

test("answers are typed and errors are problems", async () => {
  const me = await unwrap(client.GET("/api/v1/me"));
  assert.equal(typeof me.name, "string");
  const missing = unwrap(
    client.GET("/api/v1/conversations/{conversation_id}", {
      params: { path: { conversation_id: "00000000-0000-7000-8000-000000000000" } },
    }),
  );
  await assert.rejects(missing, (e: unknown) => e instanceof GuichetError && e.problem.code === "not_found");
});

test("a call that is made again with its key is carried out once", async () => {
  const name = `Team ${crypto.randomUUID()}`;
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  const first = await unwrap(client.POST("/api/v1/teams", { body: { name }, headers }));
  const second = await unwrap(client.POST("/api/v1/teams", { body: { name }, headers }));
  assert.equal(first.id, second.id);
  const again = unwrap(client.POST("/api/v1/teams", { body: { name } }));
  await assert.rejects(again, (e: unknown) => e instanceof GuichetError && e.problem.code === "conflict");
});

test("pages are walked to their end", async () => {
  const seen = new Set<string>();
  const conversations = all<Conversation>((cursor) =>
    unwrap(client.GET("/api/v1/conversations", { params: { query: { view: "all", limit: 1, ...(cursor && { cursor }) } } })),
  );
  for await (const c of conversations) seen.add(c.id);
  assert.ok(seen.size >= 2, `${seen.size} conversations`);
});
