/** A process that forks a machine again and again until it is killed; it says when it begins each time. */
import { OWNER, shell, specOf } from "@sandkeep/host/testing";
import { openHost } from "./fixture.ts";

const host = await openHost(process.argv[2]!);
await host.adopt(OWNER, []);
await host.ready();
const kept = await host.create(specOf({ id: "sbx_kept", keep: true }));
await shell(kept, "(n=0; while :; do n=$((n + 1)); echo $n > /dev/shm/count; sleep 0.02; done) > /dev/null 2>&1 &");
for (let n = 0; ; n++) {
  console.log(n);
  const specs = ["a", "b"].map((name) => ({ id: `sbx_${name}_${n}`, owner: OWNER, env: {}, keep: true }));
  const children = await host.fork("sbx_kept", specs);
  await Promise.all(children.map((child) => child.destroy()));
}
