/**
 * A process that finds the machine that the process before it left, or makes a new one, and then forks, pauses and resumes it
 * until it is killed. It tells in one line what it found, and then what it begins. Arguments: the data folder, and how far the
 * machine has counted; nothing for a new one.
 */
import { OWNER, shell, specOf } from "@sandkeep/host/testing";
import { countBeyond, openHost } from "./fixture.ts";

const [dataDir = "", counted] = process.argv.slice(2);
const id = "sbx_kept";
const spec = { id, owner: OWNER, keep: true };
const host = await openHost(dataDir, 0);
const running = await host.adopt(OWNER, counted === undefined ? [] : [id]);
const paused = await host.paused(OWNER);
let machine = running[0];
if (counted === undefined) {
  for (const one of paused) await host.removePaused(one);
  machine = await host.create(specOf({ id, keep: true }));
  await shell(
    machine,
    `echo disk > /home/app/note
     (n=0; while :; do n=$((n + 1)); echo $n > /dev/shm/new; mv /dev/shm/new /dev/shm/count; sleep 0.02; done) > /dev/null 2>&1 &`,
  );
} else machine ??= await host.resume(spec);
const found = {
  running: running.map((one) => one.id),
  paused,
  note: await shell(machine, "cat /home/app/note"),
  count: await countBeyond(machine, Number(counted ?? 0)),
};
console.log(JSON.stringify(found));
for (let n = 0; ; n++) {
  console.log("fork");
  const specs = ["a", "b"].map((name) => ({ id: `sbx_${name}_${n}`, owner: OWNER, env: {}, keep: true }));
  const children = await host.fork(id, specs);
  await Promise.all(children.map((child) => child.destroy()));
  console.log("pause");
  await host.pause(id);
  console.log("resume");
  await host.resume(spec);
}
