import type { Sandbox } from "sandkeep";
import { type BenchContext, repeat, timed } from "./context.ts";
import type { Figures } from "./figures.ts";
import { summarize } from "./statistics.ts";

type Measure = (context: BenchContext) => Promise<Partial<Figures>>;

/**
 * From the SDK's call until it resolves. Each sandbox is killed before the next is created, outside of the measured time.
 * In turn with it the floor: resuming a paused machine, until its agent has answered that it has taken its identity.
 */
export const measureCreate: Measure = async (context) => {
  await using machine = await context.pausedMachine?.();
  const identities: number[] = [];
  const pings: number[] = [];
  const create = summarize(
    await repeat(context, context.times(50), async () => {
      const started = performance.now();
      const sandbox = await context.create();
      const taken = performance.now() - started;
      await sandbox.kill();
      if (machine) {
        identities.push(await machine.answer("identity"));
        pings.push(await machine.answer("ping"));
      }
      return taken;
    }),
  );
  if (!machine) return { create };
  const floor = summarize(identities);
  return { create, create_floor: { ...floor, ratio: create.p50 / floor.p50, ping_p50: summarize(pings).p50 } };
};

/** From the call that creates a sandbox until the output of its first command has arrived. */
async function toFirstOutput(context: BenchContext, expected: RegExp, command: (sandbox: Sandbox) => Promise<string>) {
  return summarize(
    await repeat(context, context.times(30), async () => {
      const started = performance.now();
      const sandbox = await context.create();
      const output = await command(sandbox);
      const taken = performance.now() - started;
      await sandbox.kill();
      if (!expected.test(output)) throw new Error(`a sandbox answered ${JSON.stringify(output)}`);
      return taken;
    }),
  );
}

export const measureEcho: Measure = async (context) => ({
  tti_echo: await toFirstOutput(context, /^hello\n$/, (sandbox) => sandbox.sh`echo hello`.text()),
});

export const measureNodeVersion: Measure = async (context) => ({
  tti_node_version: await toFirstOutput(context, /^v\d+\.\d+\.\d+\n$/, (sandbox) => sandbox.sh`node --version`.text()),
});

export const measurePython: Measure = async (context) => ({
  tti_python: await toFirstOutput(context, /^1\n$/, (sandbox) => sandbox.sh`python3 -c ${"print(1)"}`.text()),
});

/** A shell that does nothing, in a sandbox that has already run a few. */
export const measureExec: Measure = async (context) => {
  await using sandbox = await context.create();
  const once = async () => {
    const child = await sandbox.spawn("bash", { args: ["-c", "true"], stdout: "piped", stderr: "piped" });
    const { status } = await child.output();
    if (!status.success) throw new Error("true failed");
  };
  for (let i = 0; i < 5; i++) await once();
  return { exec_true: summarize(await repeat(context, context.times(100), () => timed(once))) };
};

export const measureStat: Measure = async (context) => {
  await using sandbox = await context.create();
  const once = () => sandbox.fs.stat("/etc/hostname");
  for (let i = 0; i < 10; i++) await once();
  return { rpc_stat: summarize(await repeat(context, context.times(500), () => timed(once))) };
};

/** From the SDK's call until it resolves, which is when the machine and its disk are gone. */
export const measureKill: Measure = async (context) => ({
  kill: summarize(
    await repeat(context, context.times(30), async () => {
      const sandbox = await context.create();
      return await timed(() => sandbox.kill());
    }),
  ),
});
