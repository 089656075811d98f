/** FOR TESTS ONLY: forks, pauses and resumes sandboxes over the API. */
import type { SandboxDetail, SandboxEvent } from "@sandkeep/protocol";
import type { Fixture } from "./fixture.ts";

export interface Answer<Body> {
  status: number;
  body: Body & { code: string; message: string };
}

async function post<Body>(fixture: Fixture, path: string, body?: unknown, token?: string): Promise<Answer<Body>> {
  const response = await fixture.request("POST", path, {
    ...(body !== undefined && { body }),
    ...(token && { token }),
  });
  return { status: response.status, body: (await response.json()) as Answer<Body>["body"] };
}

export const fork = (fixture: Fixture, id: string, body?: unknown, token?: string) =>
  post<SandboxDetail[]>(fixture, `/api/v1/sandboxes/${id}/fork`, body, token);

export const pause = (fixture: Fixture, id: string, token?: string) =>
  post<SandboxDetail>(fixture, `/api/v1/sandboxes/${id}/pause`, undefined, token);

export const resume = (fixture: Fixture, id: string, body?: unknown, token?: string) =>
  post<SandboxDetail>(fixture, `/api/v1/sandboxes/${id}/resume`, body, token);

export const detail = (fixture: Fixture, id: string) => fixture.get<SandboxDetail>(`/api/v1/sandboxes/${id}`);

/** The first events of these kinds, oldest first, once there are so many. */
export async function events(
  fixture: Fixture,
  count: number,
  ...kinds: SandboxEvent["kind"][]
): Promise<SandboxEvent[]> {
  for (;;) {
    const found = await fixture.get<SandboxEvent[]>(`/api/v1/events?order=oldest-first&kind=${kinds.join(",")}`);
    if (found.length >= count) return found;
  }
}
