/** Forks, pauses and resumes, on a host of the bench's own: the server has no calls for them. */
import { randomUUID } from "node:crypto";
import type { ForkSpec, Machine } from "@sandkeep/host";
import { OWNER, type OwnHost, shell, specOf } from "@sandkeep/host/testing";
import { type BenchContext, repeat, timed } from "../context.ts";
import type { Figures } from "../figures.ts";
import { summarize } from "../statistics.ts";

/** How many children of one pause. */
const CHILDREN = 10;

/** A process that has written so many megabytes, and sleeps. */
const toucher = (megabytes: number) =>
  `nohup python3 -c 'import os, time; b = bytearray(os.urandom(10**6)) * ${megabytes}; open("/dev/shm/done", "w"); time.sleep(10**6)' > /dev/null 2>&1 &
   until [ -e /dev/shm/done ]; do sleep 0.05; done`;

const child = (): ForkSpec => ({ id: `sbx_${randomUUID()}`, owner: OWNER, env: {}, keep: false });

/** A machine in which a program has written memory. */
async function touched({ host }: OwnHost, megabytes: number): Promise<Machine> {
  const machine = await host.create(specOf());
  await shell(machine, megabytes > 0 ? toucher(megabytes) : "true");
  return machine;
}

/** How long the parent was paused, and how long it took until a child was usable. */
async function forks(context: BenchContext, own: OwnHost, megabytes: number, times: number) {
  const parent = await touched(own, megabytes);
  own.paused.length = 0;
  const usable = await repeat(context, context.times(times), async () => {
    await own.settle();
    let children: Machine[] = [];
    const taken = await timed(async () => {
      children = await own.host.fork(parent.id, [child()]);
      await children[0]!.guest.call("ping", {});
    });
    await Promise.all(children.map((machine) => machine.destroy()));
    return taken;
  });
  const paused = summarize(own.paused);
  await parent.destroy();
  return { paused, usable: summarize(usable) };
}

/** How long a machine in a new process takes until it has answered, whatever it continues. */
async function floorOf(context: BenchContext, as: "child" | "resumed") {
  await using machines = await context.newMachines();
  return summarize(await repeat(context, context.times(15), () => machines.answer(as)));
}

export async function measureForks(context: BenchContext): Promise<Partial<Figures>> {
  await using own = await context.ownHost();
  const small = await forks(context, own, 20, 15);
  const large = await forks(context, own, 300, 7);
  const parent = await touched(own, 20);
  const many = await repeat(context, context.times(5), async () => {
    await own.settle();
    let children: Machine[] = [];
    const taken = await timed(async () => {
      const specs = Array.from({ length: CHILDREN }, child);
      children = await own.host.fork(parent.id, specs);
      await Promise.all(children.map(({ guest }) => guest.call("ping", {})));
    });
    await Promise.all(children.map((machine) => machine.destroy()));
    return taken;
  });
  return {
    storage_fork_20MB_paused: small.paused,
    storage_fork_20MB_usable: small.usable,
    storage_fork_300MB_paused: large.paused,
    storage_fork_300MB_usable: large.usable,
    storage_fork_10: summarize(many),
    storage_fork_floor: await floorOf(context, "child"),
  };
}

/** An idle machine: until it is on disk and its process gone, and until it answers again. */
export async function measurePause(context: BenchContext): Promise<Partial<Figures>> {
  await using own = await context.ownHost();
  const machine = await touched(own, 0);
  const resumes: number[] = [];
  const pauses = await repeat(context, context.times(15), async () => {
    await own.settle();
    const taken = await timed(() => own.host.pause(machine.id));
    await own.settle();
    resumes.push(
      await timed(async () => {
        const resumed = await own.host.resume({ id: machine.id, owner: OWNER, keep: false });
        await resumed.guest.call("ping", {});
      }),
    );
    return taken;
  });
  return {
    storage_pause: summarize(pauses),
    storage_resume: summarize(resumes),
    storage_resume_floor: await floorOf(context, "resumed"),
  };
}
