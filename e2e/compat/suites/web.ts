import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "../servers/web.ts";
import type { World } from "../world.ts";

const BEARER = '"Authorization: Bearer $API_TOKEN"';
const URL = "https://api.example.com/whoami";

/** Programs that fetch over HTTPS; each prints the answer. */
const programs: { name: string; command: string; httpVersion: string }[] = [
  { name: "curl over HTTP/1.1", command: `curl -sSf --http1.1 -H ${BEARER} ${URL}`, httpVersion: "1.1" },
  { name: "curl over HTTP/2", command: `curl -sSf --http2 -H ${BEARER} ${URL}`, httpVersion: "2.0" },
  { name: "wget", command: `wget -q -O- --header=${BEARER} ${URL}`, httpVersion: "1.1" },
];

export default function web(world: () => World): void {
  for (const { name, command, httpVersion } of programs) {
    test(name, async () => {
      const { guest, upstreams } = world();
      const answer = JSON.parse(await guest.run(command)) as Answer;
      assert.equal(answer.httpVersion, httpVersion);
      assert.equal(upstreams.web.granted().length, 1);
    });
  }
}
