import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchContext, timed } from "../context.ts";
import type { Figures } from "../figures.ts";
import { percentile, rounded } from "../statistics.ts";

/** 50 MB of random bytes, which cannot be compressed. */
const FILE_BYTES = 50_000_000;

/** Copies a file to a sandbox and back with the SDK; medians. Checks that it comes back unchanged. */
export async function measureTransfer(context: BenchContext): Promise<Partial<Figures>> {
  const dir = await mkdtemp(join(tmpdir(), "sandkeep-bench-"));
  try {
    const [local, back] = [join(dir, "file"), join(dir, "back")];
    const content = randomBytes(FILE_BYTES);
    await writeFile(local, content);
    await using sandbox = await context.create();
    const up: number[] = [];
    const down: number[] = [];
    for (let i = 0; i < context.times(3); i++) {
      context.progress.fraction(i / context.times(3));
      up.push(await timed(() => sandbox.fs.upload(local, "/home/app/file")));
      down.push(await timed(() => sandbox.fs.download("/home/app/file", back)));
      if (!content.equals(await readFile(back))) throw new Error("the file came back changed");
      await Promise.all([rm(back), sandbox.fs.remove("/home/app/file")]);
    }
    const rate = (samples: number[]) => rounded(FILE_BYTES / 1e6 / (percentile(samples, 0.5) / 1_000));
    return { upload_MBps: rate(up), download_MBps: rate(down) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
