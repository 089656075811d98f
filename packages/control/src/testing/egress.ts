/** FOR TESTS ONLY: helpers for tests of egress. */
import assert from "node:assert/strict";
import type { EgressSpec } from "@sandkeep/egress";
import type { Fixture } from "./fixture.ts";

/** Values of secrets, to search for where they must not be. */
export const VALUE = "sk-live-6f1d0c5b9a84";
export const OTHER = "sk-live-other-77e2";
/** A new secret. */
export const KEY = { hosts: ["api.example"], value: VALUE };

/** The egress part of a sandbox's configuration. */
export const egressPath = (id: string, rest = "") => `/api/v1/sandboxes/${id}/egress${rest}`;

/** What the machine was last told. */
export const told = (fixture: Fixture, id: string): EgressSpec => {
  const spec = fixture.host.machines.get(id)?.egress;
  assert.ok(spec, "the machine was told nothing");
  return spec;
};

/** The answer's JSON, if it has this status. */
export async function answer(response: Response, status: number): Promise<Record<string, unknown>> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}
