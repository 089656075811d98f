import assert from "node:assert/strict";
import type { SandboxEvent } from "@sandkeep/protocol";
import type { Fixture } from "./fixture.ts";

/** Resolves when the sandbox is recorded as stopped, as the event reports. */
export async function stopped(fixture: Fixture, id: string): Promise<SandboxEvent & { kind: "sandbox.stopped" }> {
  const response = await fixture.request("GET", `/api/v1/events/stream?sandbox=${id}&kind=sandbox.stopped&after=evt_0`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    assert.ok(!done, "the stream of events ended");
    text += value;
    const data = /^data: (.*)$/m.exec(text)?.[1];
    if (data === undefined) continue;
    await reader.cancel();
    return JSON.parse(data);
  }
}
