/** A process that owns machines and waits to be killed; reports in one line when it is ready. */
import { OWNER, shell, specOf } from "@sandkeep/host/testing";
import { openHost } from "./fixture.ts";

const host = await openHost(process.argv[2]!);
await host.adopt(OWNER, []);
await host.ready();
const kept = await host.create(specOf({ id: "sbx_kept", keep: true }));
await host.create(specOf({ id: "sbx_session" }));
await host.create(specOf({ id: "sbx_theirs", owner: "cp_other", keep: true }));
await shell(kept, "echo 'on disk' > /home/app/note; echo 'in memory' > /dev/shm/note; sync");
kept.guest
  .stream("spawn", { command: "sleep", args: ["12345"] })
  .resume()
  .end();
while ((await kept.guest.call("processList", {})).every(({ command }) => command !== "sleep"));
console.log("ready");
