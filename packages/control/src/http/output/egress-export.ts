import { EGRESS_KINDS, type SandboxEvent } from "@sandkeep/protocol";
import type { EventQuery } from "@sandkeep/store";
import { harEntry, harFoot, harHead } from "../../events/har.ts";
import { eventView } from "../../events/view.ts";
import type { Services } from "../env.ts";

/** Events that are read from the store and sent at once; bounds the memory of an export. */
const PAGE = 500;

type Filter = Pick<EventQuery, "organisation" | "sandbox" | "since" | "until">;

/** A sandbox's egress as a file: every event as a line of JSON, or its requests as HAR. Oldest first, at the client's pace. */
export async function exportEgress(
  { events, store, version }: Pick<Services, "events" | "store" | "version">,
  format: "jsonl" | "har",
  filter: Filter,
  organisationSlug: string,
): Promise<Response> {
  await events.flush();
  const kinds = format === "har" ? ["http"] : [...EGRESS_KINDS];
  async function* pages(): AsyncGenerator<SandboxEvent[]> {
    for (let after: string | undefined; ; ) {
      const page = await store.events.list({
        ...filter,
        kinds,
        order: "oldest-first",
        limit: PAGE,
        ...(after !== undefined && { after }),
      });
      if (page.length > 0) yield page.map((record) => eventView(record, organisationSlug));
      after = page.at(-1)?.id;
      if (page.length < PAGE) return;
    }
  }
  const text = format === "har" ? har(pages(), version) : jsonLines(pages());
  const name = `${filter.sandbox}.${format}`;
  return new Response(ReadableStream.from(text).pipeThrough(new TextEncoderStream()), {
    headers: {
      "content-type": format === "har" ? "application/json" : "application/jsonl",
      "content-disposition": `attachment; filename="${name}"`,
    },
  });
}

async function* jsonLines(pages: AsyncIterable<SandboxEvent[]>): AsyncGenerator<string> {
  for await (const page of pages) yield page.map((event) => `${JSON.stringify(event)}\n`).join("");
}

async function* har(pages: AsyncIterable<SandboxEvent[]>, version: string): AsyncGenerator<string> {
  yield harHead(version);
  let first = true;
  for await (const page of pages) {
    const entries = page.filter((event) => event.kind === "http").map((event) => JSON.stringify(harEntry(event)));
    yield (first ? "" : ",") + entries.join(",\n");
    first = false;
  }
  yield harFoot;
}
