import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Answer } from "../servers/web.ts";
import type { World } from "../world.ts";

const BEARER = '"Authorization: Bearer $API_TOKEN"';
const URL = "https://api.example.com/whoami";

/** Programs that fetch over HTTPS; each prints the answer. */
const programs: { name: string; command: string; httpVersion: string; requests?: number }[] = [
  { name: "curl over HTTP/1.1", command: `curl -sSf --http1.1 -H ${BEARER} ${URL}`, httpVersion: "1.1" },
  { name: "curl over HTTP/2", command: `curl -sSf --http2 -H ${BEARER} ${URL}`, httpVersion: "2.0" },
  { name: "wget", command: `wget -q -O- --header=${BEARER} ${URL}`, httpVersion: "1.1" },
  { name: "node's fetch", command: `node clients/node-fetch.mjs ${URL}`, httpVersion: "1.1" },
  { name: "node's https, kept alive", command: `node clients/node-https.mjs ${URL}`, httpVersion: "1.1", requests: 2 },
  { name: "node's http2", command: `node clients/node-http2.mjs ${URL}`, httpVersion: "2.0", requests: 2 },
  {
    name: "Deno's fetch",
    command: `deno run --allow-net --allow-env clients/deno-fetch.mjs ${URL}`,
    httpVersion: "2.0",
  },
  { name: "Python's urllib", command: `python clients/python_urllib.py ${URL}`, httpVersion: "1.1" },
  { name: "Python's requests", command: `python clients/python_requests.py ${URL}`, httpVersion: "1.1" },
  { name: "Python's httpx over HTTP/2", command: `python clients/python_httpx.py ${URL}`, httpVersion: "2.0" },
  { name: "Python's aiohttp", command: `python clients/python_aiohttp.py ${URL}`, httpVersion: "1.1" },
  { name: "a static Go program", command: `clients/go/program ${URL}`, httpVersion: "2.0" },
];

export default function web(world: () => World): void {
  before(() => Promise.all([world().tools.python(), world().tools.go()]));

  for (const { name, command, httpVersion, requests = 1 } of programs) {
    test(name, async () => {
      const { guest, upstreams } = world();
      const answer = JSON.parse(await guest.run(command)) as Answer;
      assert.equal(answer.httpVersion, httpVersion);
      assert.equal(upstreams.web.granted().length, requests);
    });
  }
}
