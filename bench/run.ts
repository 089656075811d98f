import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Api, dataDirOf, type Invocation, imagesOf, namedTarget, prepareImage, table, UsageError } from "@sandkeep/cli";
import type { Image } from "@sandkeep/host";
import { openNewMachines, startOwnHost, startPausedMachine } from "@sandkeep/host/testing";
import type { ServerInfo } from "@sandkeep/protocol";
import { computerTable, measureComputer } from "./computer.ts";
import type { BenchContext } from "./context.ts";
import { startRig } from "./egress/rig.ts";
import type { Figures } from "./figures.ts";
import { describeMachine } from "./machine.ts";
import { rehearse, untilReady } from "./pool.ts";
import { nodesBelow, sandboxProcesses } from "./processes.ts";
import { rowsOf } from "./rows.ts";
import { type Subject, startSubject } from "./subject.ts";
import { MEASURES } from "./suite.ts";

const SETTLE_MS = 20_000;
const QUICK_SETTLE_MS = 5_000;
/** `--quick` repeats a tenth as often, but at least this often. */
const QUICK_TIMES = 3;

interface Options {
  json?: boolean | string;
  only?: string;
  quick?: boolean;
  settle?: number;
  images?: string;
}

function requireImage(image: Image | undefined): Image {
  if (image) return image;
  throw new UsageError(
    "machines, forks and disks are measured on this computer",
    "leave the server's address out, or choose other measurements with --only",
  );
}

/** `sandkeep bench` */
export async function run({ options, terminal, env }: Invocation<Options>): Promise<void> {
  const names = options.only?.split(",").map((name) => name.trim()) ?? Object.keys(MEASURES);
  const unknown = names.find((name) => !Object.hasOwn(MEASURES, name));
  if (unknown !== undefined)
    throw new UsageError(`there is no measurement "${unknown}"`, `there are ${Object.keys(MEASURES).join(", ")}`);

  const progress = terminal.progress();
  const images = imagesOf(dataDirOf(options as object, env), env);
  const remote = namedTarget(options as object, env);
  const image = remote ? undefined : await prepareImage(images, progress);
  progress.step("Starting a server to measure");
  await using rig = remote ? undefined : await startRig();
  await using subject: Subject = rig
    ? await startSubject(images, rig.config)
    : { target: remote!, dataDir: undefined, pid: undefined, [Symbol.asyncDispose]: async () => {} };
  const { Sandbox } = await import("sandkeep");
  const api = new Api(subject.target);
  const notes: string[] = [];
  const machineOptions = (image: Image, folder: string) => ({
    image,
    templatesDir: join(images, "templates"),
    frequency: join(subject.dataDir!, "tsc-khz"),
    dir: join(subject.dataDir!, folder),
  });
  const context: BenchContext = {
    create: (more) => Sandbox.create({ ...subject.target, ...more }),
    times: (full) => (options.quick ? Math.max(QUICK_TIMES, Math.round(full / 10)) : full),
    progress,
    pausedMachine: image && (() => startPausedMachine(machineOptions(image, "floor"))),
    newMachines: async () => await openNewMachines(machineOptions(requireImage(image), "new")),
    hostFiles: () => ({ image: requireImage(image), templatesDir: join(images, "templates") }),
    ownHost: async () =>
      await startOwnHost({
        image: requireImage(image),
        dataDir: join(subject.dataDir!, "own"),
        templatesDir: join(images, "templates"),
        frequency: join(subject.dataDir!, "tsc-khz"),
      }),
    processes: subject.dataDir === undefined ? undefined : () => sandboxProcesses(subject.dataDir!),
    server: subject.pid,
    proxies: () => (subject.pid === undefined ? [] : nodesBelow(subject.pid, "/egress/src/process/main.ts")),
    rig: () => {
      if (!rig)
        throw new UsageError(
          "egress is measured on a server that the bench starts",
          "leave the server's address out, or choose other measurements with --only",
        );
      return rig;
    },
    settleMs: options.settle ?? (options.quick ? QUICK_SETTLE_MS : SETTLE_MS),
    untilReady: () => untilReady(api),
    note: (text) => notes.push(text),
  };
  const computer = async () => {
    progress.step("Measuring: this computer");
    await context.untilReady();
    return await measureComputer(context, rig);
  };
  const figures: Partial<Figures> = {};
  const before = await computer();
  let rehearsed = 0;
  for (const name of Object.keys(MEASURES).filter((name) => names.includes(name))) {
    const { title, inARow, run: measure } = MEASURES[name]!;
    progress.step(`Measuring: ${title}`);
    await context.untilReady();
    const sandboxes = inARow ? context.times(inARow) : 0;
    if (sandboxes > rehearsed) {
      await rehearse(context, (rehearsed = sandboxes));
      await context.untilReady();
    }
    Object.assign(figures, await measure(context));
  }
  figures.computer = { before, after: await computer() };
  progress.done();
  figures.machine = describeMachine(await api.json<ServerInfo>("GET", "/api/v1/info"));

  if (typeof options.json === "string") await writeFile(options.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  terminal.result(figures, (colour) => {
    const rows = rowsOf(figures).map(({ figure, value, goal, reached }) => [
      reached === undefined ? " " : reached ? colour.green("✔") : colour.red("✘"),
      figure,
      value,
      goal,
    ]);
    const { cores, cpu, acceleration } = figures.machine!;
    return [
      table(
        [{ title: " " }, { title: "FIGURE" }, { title: "HERE", align: "right" }, { title: "GOAL" }],
        rows,
        colour.bold,
      ),
      `${colour.dim(`${cores} cores (${cpu}), ${acceleration.kind}`)}\n`,
      computerTable(figures.computer!, colour.bold),
    ].join("\n");
  });
  for (const note of notes) terminal.note(note);
}
