/** Checks every disk: that its files are there, what their headers say, and their tables. */
import type { JailKind } from "@sandkeep/jail";
import type { DiskFinding } from "../contract.ts";
import type { Catalogue } from "./catalogue.ts";
import { checkLayer } from "./check.ts";
import type { Layers } from "./layers.ts";
import { readLayer } from "./qcow2.ts";
import type { DiskRecord } from "./record.ts";

export interface VerifyOptions {
  catalogue: Catalogue;
  layers: Layers;
  jail: JailKind;
  /** Whether a machine has the disk: its own layer is then being written. */
  isHeld(id: string): boolean;
}

type State = DiskFinding["state"];
/** The worst first. */
const ORDER: State[] = ["damaged", "leak", "busy", "fine"];

export async function* verifyDisks({ catalogue, layers, jail, isHeld }: VerifyOptions): AsyncIterable<DiskFinding> {
  for (const [disk, why] of catalogue.unreadable)
    yield { disk, state: "damaged", detail: `Its record cannot be read: ${why}` };
  /** Results of layers, which several disks may have. */
  const known = new Map<string, Promise<[State, string]>>();
  for (const disk of catalogue.ids) {
    const record = catalogue.find(disk);
    if (!record) continue;
    using _ = layers.pin(record.layers);
    const results: [State, string][] = [];
    for (const [n, name] of record.layers.entries()) {
      const writable = record.kind === "volume" && n === record.layers.length - 1;
      if (writable && isHeld(disk)) {
        results.push(["busy", "A machine has it, so its own layer was not checked."]);
        continue;
      }
      const result = known.get(name) ?? checkOne(layers.path(name), jail);
      known.set(name, result);
      const [state, detail] = await result;
      results.push([state, `Layer ${name}: ${detail}`]);
    }
    yield { disk, ...worst(results, record) };
  }
  if (catalogue.unreadable.size > 0) return;
  for (const file of await layers.orphans(catalogue.layers))
    yield { disk: null, state: "orphan", detail: `No disk has the file ${file}; the next start removes it.` };
}

async function checkOne(path: string, jail: JailKind): Promise<[State, string]> {
  try {
    await readLayer(path);
    const { state, detail } = await checkLayer(path, jail, false);
    if (state === "clean") return ["fine", "fine"];
    return state === "leaks" ? ["leak", "it has clusters that no data uses."] : ["damaged", detail];
  } catch (error) {
    return ["damaged", error instanceof Error ? error.message : String(error)];
  }
}

function worst(results: [State, string][], { layers }: DiskRecord): { state: State; detail: string } {
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
