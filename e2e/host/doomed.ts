/** A process that owns machines and waits to be killed; says so in a line. */
import { openHost, shell } from "./fixture.ts";

const host = await openHost(process.argv[2]!);
await host.adopt([]);
await host.ready();
const kept = await host.create({ id: "sbx_kept", memoryMiB: 1280, env: {}, keep: true });
await host.create({ id: "sbx_session", memoryMiB: 1280, env: {}, keep: false });
await shell(kept, "echo 'on disk' > /home/app/note; echo 'in memory' > /dev/shm/note; sync");
kept.guest
  .stream("spawn", { command: "sleep", args: ["12345"] })
  .resume()
  .end();
while ((await kept.guest.call("processList", {})).every(({ command }) => command !== "sleep"));
console.log("ready");
