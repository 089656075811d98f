/** A process that owns machines and waits to be killed; reports in one line when it is ready. */
import { OWNER, shell, specOf } from "@sandkeep/host/testing";
import { openHost } from "./fixture.ts";

const host = await openHost(process.argv[2]!);
await host.adopt(OWNER, []);
await host.ready();
for (const id of ["vol_kept", "vol_session"]) await host.storage.createVolume({ id, capacityBytes: 100_000_000 });
const disk = (volume: string) => ({ id: "data", volume, readOnly: false, mount: "/data" });
const kept = await host.create(specOf({ id: "sbx_kept", keep: true, disks: [disk("vol_kept")] }));
const session = await host.create(specOf({ id: "sbx_session", disks: [disk("vol_session")] }));
for (const machine of [kept, session]) await shell(machine, "echo synced > /data/note; sync /data/note");
await host.create(specOf({ id: "sbx_theirs", owner: "cp_other", keep: true }));
await shell(kept, "echo 'on disk' > /home/app/note; echo 'in memory' > /dev/shm/note; sync");
kept.guest
  .stream("spawn", { command: "sleep", args: ["12345"] })
  .resume()
  .end();
while ((await kept.guest.call("processList", {})).every(({ command }) => command !== "sleep"));
console.log("ready");
