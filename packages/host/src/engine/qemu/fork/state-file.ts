/** A file with which QEMU takes or gives its state. */
import { link, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { QemuProcess } from "../process.ts";
import { MAX_STATE_BYTES, StreamError } from "./stream.ts";

/** The number of the file's set of descriptors: neither KVM's nor a disk's. */
const SET = 2;

export class StateFile implements AsyncDisposable {
  readonly #vm: QemuProcess;
  readonly path: string;
  readonly #temporary: boolean;

  private constructor(vm: QemuProcess, path: string, temporary: boolean) {
    this.#vm = vm;
    this.path = path;
    this.#temporary = temporary;
  }

  /** Gives QEMU an empty file in the machine's folder, which is removed afterwards. */
  static async make(vm: QemuProcess, access: "read" | "write"): Promise<StateFile> {
    const path = temporaryIn(vm);
    await writeFile(path, "", { mode: 0o600 });
    return await StateFile.#give(vm, path, access, true);
  }

  /** Gives QEMU a file to read, as another name of it in the machine's folder, which is removed afterwards. */
  static async link(vm: QemuProcess, from: string): Promise<StateFile> {
    const path = temporaryIn(vm);
    await rm(path, { force: true });
    await link(from, path);
    return await StateFile.#give(vm, path, "read", true);
  }

  /** Gives QEMU a file that stays. */
  static async of(vm: QemuProcess, path: string, access: "read" | "write"): Promise<StateFile> {
    return await StateFile.#give(vm, path, access, false);
  }

  static async #give(vm: QemuProcess, path: string, access: "read" | "write", temporary: boolean): Promise<StateFile> {
    // Of a server that was killed meanwhile.
    await forget(vm);
    await vm.give([{ path, access, set: SET }]);
    return new StateFile(vm, path, temporary);
  }

  /** QEMU's name of it. */
  get name(): string {
    return `/dev/fdset/${SET}`;
  }

  async read(): Promise<Buffer> {
    await using file = await open(this.path);
    // QEMU can still write it, as much as it likes.
    const { size } = await file.stat();
    if (size > MAX_STATE_BYTES) throw new StreamError("The state is larger than that of any machine.");
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0);
    return buffer.subarray(0, bytesRead);
  }

  async write(state: Buffer): Promise<void> {
    await writeFile(this.path, state);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await forget(this.#vm);
    if (this.#temporary) await rm(this.path, { force: true });
  }
}

const temporaryIn = ({ dir }: QemuProcess): string => join(dir, "state");

async function forget({ qmp }: QemuProcess): Promise<void> {
  await qmp.execute("remove-fd", { "fdset-id": SET }).catch(() => {});
}
