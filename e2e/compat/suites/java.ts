import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Answer } from "../servers/web.ts";
import type { World } from "../world.ts";

/**
 * The program is compiled at start. The second compiler, which helps long-running programs, would only cost time here.
 */
const JAVA = "java -XX:TieredStopAtLevel=1";
/** Time limit for a start of Java under emulation, in milliseconds. */
const JAVA_TIMEOUT_MS = 120_000;

export default function java(world: () => World): void {
  before(() => world().tools.debian("openjdk-21-jre-headless"));

  test("Java's HttpClient, with the store that Debian makes of the system's", async () => {
    const { guest, upstreams } = world();
    const answer = JSON.parse(
      await guest.run(`${JAVA} clients/java/Fetch.java https://api.example.com/whoami`, { timeoutMs: JAVA_TIMEOUT_MS }),
    ) as Answer;
    assert.equal(answer.httpVersion, "2.0");
    assert.equal(upstreams.web.granted().length, 1);
  });
}
