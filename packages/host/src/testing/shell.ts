/** FOR TESTS ONLY: commands in a machine, through its agent. */
import type { Guest } from "../contract.ts";
import { GuestFrame, HostFrame } from "../guest/contract.ts";
import { encodeFrames, FrameReader } from "../guest/frames.ts";

/** Runs a command in a machine and gives its output and exit code. */
export async function run(
  { guest }: { guest: Guest },
  command: string,
  ...args: string[]
): Promise<{ stdout: string; code: number }> {
  const process = guest.stream("spawn", { command, args, stdout: "piped" });
  process.end(encodeFrames(HostFrame.stdin, new Uint8Array()));
  const frames = new FrameReader();
  let stdout = "";
  let code = -1;
  for await (const bytes of process) {
    for (const { type, payload } of frames.push(bytes as Buffer)) {
      if (type === GuestFrame.stdout) stdout += payload.toString();
      if (type === GuestFrame.exit) code = JSON.parse(payload.toString()).code;
    }
  }
  return { stdout, code };
}

/** Output of a shell command in a machine, without the final newline. */
export async function shell(machine: { guest: Guest }, script: string): Promise<string> {
  return (await run(machine, "bash", "-c", script)).stdout.trimEnd();
}

/** Makes root in the guest use the magic SysRq key: `o` powers off, `c` crashes. */
export async function magicKey(machine: { guest: Guest }, key: "o" | "c"): Promise<void> {
  const script = `echo 1 > /proc/sys/kernel/sysrq; echo ${key} > /proc/sysrq-trigger`;
  // The machine may be gone before it answers.
  await run(machine, "sudo", "bash", "-c", script).catch(() => {});
}
