import type { Sandbox, TransferOptions } from "sandkeep";
import { connectSandbox } from "../../client/sandbox.ts";
import { requireTarget, type Target } from "../../client/target.ts";
import { download } from "../../copy/download.ts";
import { copying } from "../../copy/failures.ts";
import { Interruption } from "../../copy/interruption.ts";
import { fitsGlob, isGlob, type Place, parsePlace } from "../../copy/place.ts";
import { relay } from "../../copy/relay.ts";
import { upload } from "../../copy/upload.ts";
import { CliError, ExitCode, UsageError } from "../../errors.ts";
import { printable } from "../../output/colour.ts";
import { silent } from "../../output/progress.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep cp from… to` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [paths],
    terminal,
    env,
  } = invocation;
  const places = (paths as string[]).map((path) => parsePlace(path, env));
  const to = places.pop()!;
  if (places.length === 0)
    throw new UsageError("source and destination are missing", "write them like sandkeep cp <from>... <to>");
  if (to.kind === "local" && places.every(({ kind }) => kind === "local")) {
    throw new UsageError("none of these paths is in a sandbox", "write a path in a sandbox as id:path");
  }
  await using sandboxes = new Sandboxes(await requireTarget(invocation));
  // Usually takes moments: worth a progress bar, but not lines in a log.
  const progress = terminal.streams.stderr.isTTY ? terminal.progress() : silent;
  using interruption = new Interruption();
  const options = {
    signal: interruption.signal,
    onSkip: (path: string, reason: string) => terminal.note(printable(`${path} was not copied: ${reason}`)),
  };
  let copied = 0;
  try {
    await copying(
      async () => {
        for (const from of await interruption.or(expand(places, sandboxes))) {
          progress.step(`Copying ${from.path}`);
          await copy(from, to, sandboxes, interruption, options);
          copied++;
        }
      },
      () => interruption.received,
    );
    progress.done();
  } catch (error) {
    progress.fail();
    throw error;
  }
  if (terminal.json) terminal.result({ copied }, () => "");
}

async function copy(
  from: Place,
  to: Place,
  sandboxes: Sandboxes,
  interruption: Interruption,
  options: TransferOptions,
): Promise<void> {
  if (from.kind === "sandbox") {
    const source = await interruption.or(sandboxes.get(from.id));
    if (to.kind === "local") return await download(source, from.path, to.path, options);
    await interruption.or(sandboxes.get(to.id).then((target) => relay(source, from.path, target, to.path)));
  } else if (to.kind === "sandbox") {
    await upload(await interruption.or(sandboxes.get(to.id)), from.path, to.path, options);
  } else {
    throw new UsageError(`${from.path} and ${to.path} are both on this machine`, "use cp to copy between them");
  }
}

/** Replaces patterns in sandboxes with the paths that they match there. */
async function expand(places: Place[], sandboxes: Sandboxes): Promise<Place[]> {
  const expanded: Place[] = [];
  for (const place of places) {
    if (place.kind === "local" || !isGlob(place.path)) {
      expanded.push(place);
      continue;
    }
    const sandbox = await sandboxes.get(place.id);
    const matches = await Array.fromAsync(sandbox.fs.expandGlob(place.path), ({ path }) => path);
    if (matches.length === 0)
      throw new CliError("NO_MATCH", `nothing in the sandbox matches ${place.path}`, { exitCode: ExitCode.notFound });
    const unasked = matches.find((path) => !fitsGlob(path, place.path));
    if (unasked !== undefined)
      throw new CliError(
        "NO_MATCH",
        `the sandbox says that ${JSON.stringify(unasked)} matches ${place.path}, which it does not`,
        { hint: "do not trust this sandbox; or name the files without a glob" },
      );
    expanded.push(...matches.map((path) => ({ ...place, path })));
  }
  return expanded;
}

/** Connections to sandboxes: each is opened when first needed, all are closed at the end. */
class Sandboxes implements AsyncDisposable {
  readonly #target: Target;
  readonly #open = new Map<string, Promise<Sandbox>>();

  constructor(target: Target) {
    this.#target = target;
  }

  get(id: string): Promise<Sandbox> {
    const known = this.#open.get(id) ?? connectSandbox(this.#target, id);
    this.#open.set(id, known);
    return known;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connecting of this.#open.values())
      await connecting.then(
        (sandbox) => sandbox.close(),
        () => {},
      );
  }
}
