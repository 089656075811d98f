/** Checks every disk: that its files are there, what their headers say, and their tables. */
import type { JailKind } from "@sandkeep/jail";
import type { DiskFinding } from "../../contract.ts";
import { checkLayer } from "../jailed/check.ts";
import type { StorageParts } from "../parts.ts";
import { type DiskRecord, deviceBytes } from "../record.ts";

type State = DiskFinding["state"];
type Result = [State, string];
/** The worst first. */
const ORDER: State[] = ["damaged", "leak", "busy", "fine"];

/** How long a volume's own layer is checked: nobody can use the volume meanwhile. Usually 30 ms, a few seconds for a terabyte. */
const OWN_TIMEOUT_MS = 30_000;

const BUSY: Result = ["busy", "A machine has it, so its own layer was not checked."];

export async function* verifyDisks(options: StorageParts): AsyncIterable<DiskFinding> {
  const { catalogue, layers } = options;
  for (const [disk, why] of catalogue.unreadable)
    yield { disk, state: "damaged", detail: `Its record cannot be read: ${why}` };
  /** Results of layers that several disks may have. */
  const known = new Map<string, Promise<Result>>();
  for (const disk of catalogue.ids) {
    // Layers are not kept while a reader does not read.
    const finding = await findingOf(disk, known, options);
    if (finding) yield finding;
  }
  if (catalogue.unreadable.size > 0) return;
  for (const file of await layers.orphans())
    yield { disk: null, state: "orphan", detail: `No disk has the file ${file}; the next start removes it.` };
}

async function findingOf(
  disk: string,
  known: Map<string, Promise<Result>>,
  options: StorageParts,
): Promise<DiskFinding | null> {
  const { catalogue, layers } = options;
  const record = catalogue.find(disk);
  if (!record) return null;
  await using _ = layers.pin(record.layers);
  const results: Result[] = [];
  for (const name of record.layers) results.push(await resultOf(disk, record, name, known, options));
  return { disk, ...worst(results, record) };
}

async function resultOf(
  disk: string,
  record: DiskRecord,
  name: string,
  known: Map<string, Promise<Result>>,
  { layers, jail, isWritten, exclusively }: StorageParts,
): Promise<Result> {
  const check = (frozen: boolean) => layers.exclusively(name, () => checkOne(layers.path(name), record, jail, frozen));
  const checkUnlessWritten = () => exclusively(disk, async () => (isWritten(disk) ? BUSY : await check(false)));
  const written = await layers.mayChange(name).catch(() => false);
  const result = written ? checkUnlessWritten() : (known.get(name) ?? check(true));
  if (!written) known.set(name, result);
  const found = await result;
  return found === BUSY ? BUSY : [found[0], `Layer ${name}: ${found[1]}`];
}

async function checkOne(path: string, { capacityBytes }: DiskRecord, jail: JailKind, frozen: boolean): Promise<Result> {
  const options = {
    jail,
    mostBytes: deviceBytes(capacityBytes),
    frozen,
    ...(!frozen && { timeoutMs: OWN_TIMEOUT_MS }),
  };
  try {
    const { state, detail } = await checkLayer(path, options);
    if (state === "clean") return ["fine", "fine"];
    if (state === "unknown") return ["busy", `it was not checked: ${detail}`];
    return state === "leaks" ? ["leak", "it has clusters that no data uses."] : ["damaged", detail];
  } catch (error) {
    return ["damaged", error instanceof Error ? error.message : String(error)];
  }
}

function worst(results: Result[], { layers }: DiskRecord): { state: State; detail: string } {
  const state = ORDER.find((state) => results.some(([found]) => found === state))!;
  if (state === "fine") return { state, detail: `${layers.length} ${layers.length === 1 ? "layer" : "layers"}` };
  return {
    state,
    detail: results
      .filter(([found]) => found === state)
      .map(([, detail]) => detail)
      .join(" "),
  };
}
