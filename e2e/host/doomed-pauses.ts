/** A process that pauses a machine and resumes it, again and again, until it is killed; it says when it begins each. */
import { OWNER, shell, specOf } from "@sandkeep/host/testing";
import { openHost } from "./fixture.ts";

const host = await openHost(process.argv[2]!);
await host.adopt(OWNER, []);
await host.ready();
const kept = await host.create(specOf({ id: "sbx_kept", keep: true }));
await shell(
  kept,
  `echo disk > /home/app/note
   (n=0; while :; do n=$((n + 1)); echo $n > /dev/shm/new; mv /dev/shm/new /dev/shm/count; sleep 0.02; done) > /dev/null 2>&1 &`,
);
for (;;) {
  console.log("pause");
  await host.pause("sbx_kept");
  console.log("resume");
  await host.resume({ id: "sbx_kept", owner: OWNER, keep: true });
}
