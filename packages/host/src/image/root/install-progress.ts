import type { ImageProgress } from "../image.ts";

/** Shares of each step in the time of a whole build, measured with a nearby archive: `[start, end]`. */
const SHARES = {
  "running apt-get update": [0, 0.02],
  "downloading packages": [0.02, 0.05],
  "extracting archives": [0.05, 0.08],
  "installing essential packages": [0.08, 0.2],
  "installing remaining packages": [0.2, 0.55],
} as const;
const STEPS: Record<string, [step: ImageProgress["step"], fraction: number, message: string]> = {
  kernel: ["configure", 0.55, "Fetching the kernel"],
  programs: ["configure", 0.6, "Unpacking node, npm and deno"],
  settings: ["configure", 0.7, "Setting up users and settings"],
  trust: ["configure", 0.71, "Making node and deno trust the machine's CAs"],
  clean: ["configure", 0.72, "Cleaning up"],
  disk: ["disk", 0.74, "Writing the disk"],
  results: ["disk", 0.88, "Collecting the results"],
};
/** Each package is downloaded, unpacked and set up. */
const STAGES = 3;

/** Converts the output of `mmdebstrap --verbose` and of `customize.sh` to progress. */
export class InstallProgress {
  #share: readonly [number, number] = [0, 0.02];
  #packages = 0;
  #done = 0;
  #fraction = 0;

  /** The progress that a line reports, if any. */
  line(line: string): ImageProgress | undefined {
    const own = /^sandkeep-step: (\w+)$/.exec(line)?.[1];
    if (own) {
      const [step, fraction, message] = STEPS[own] ?? ["configure", this.#fraction, own];
      return this.#report(step, fraction, message);
    }
    const phase = /^I: (.+)\.\.\.$/.exec(line)?.[1];
    if (phase) {
      const share = Object.entries(SHARES).find(([name]) => phase.startsWith(name))?.[1];
      if (!share) return undefined;
      this.#share = share;
      this.#packages = this.#done = 0;
      return this.#report("install", share[0], phase[0]!.toUpperCase() + phase.slice(1));
    }
    const count = / (\d+) newly installed/.exec(line)?.[1];
    if (count) this.#packages = Number(count);
    const get = /^Get:\d+ \S+ \S+ \S+ (\S+) .*\[(.+)\]$/.exec(line);
    if (get) return this.#advance("download", `Downloading ${get[1]} (${get[2]})`);
    const action = /^(Unpacking|Setting up) ([^\s:]+)/.exec(line);
    if (action) return this.#advance("install", `${action[1]} ${action[2]}`);
    return undefined;
  }

  #advance(step: ImageProgress["step"], message: string): ImageProgress {
    this.#done += 1;
    const [start, end] = this.#share;
    const within = this.#packages ? Math.min(1, this.#done / (STAGES * this.#packages)) : 0;
    return this.#report(step, start + (end - start) * within, message);
  }

  #report(step: ImageProgress["step"], fraction: number, message: string): ImageProgress {
    this.#fraction = Math.max(this.#fraction, fraction);
    return { step, fraction: this.#fraction, message };
  }
}
