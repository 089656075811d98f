/** The filter, interpreted for each system call, and loaded into the real kernel. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { DATA, type Instruction, OP, VERDICT } from "./bpf.ts";
import { type Architecture, filterProgram, seccompFilter } from "./filter.ts";
import { type CallName, NUMBERS } from "./numbers.ts";

const AUDIT = { x64: 0xc000003e, arm64: 0xc00000b7 };

/** What the kernel would do: the program's verdict on a call. */
function judge(program: Instruction[], call: number, args: number[] = [], architecture = AUDIT.x64): number {
  let accumulator = 0;
  for (let at = 0; ; at++) {
    const { code, jt, jf, k } = program[at]!;
    if (code === OP.return) return k;
    if (code === OP.load) {
      assert.ok(k < 64 && k % 4 === 0, "a word of the call's data");
      accumulator =
        k === DATA.number ? call : k === DATA.architecture ? architecture : (args[(k - DATA.argument(0)) / 8] ?? 0);
      continue;
    }
    const holds =
      code === OP.equal
        ? accumulator === k
        : code === OP.atLeast
          ? accumulator >= k
          : (assert.equal(code, OP.anyBit), (accumulator & k) !== 0);
    at += holds ? jt : jf;
  }
}

const program = filterProgram("x64");
const number = (name: CallName) => NUMBERS.x64[name]!;
const verdict = (name: CallName, ...args: number[]) => judge(program, number(name), args);

/** Where the kernel's headers may be. */
const HEADERS = {
  x64: ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"],
  arm64: ["/usr/include/asm-generic/unistd.h"],
};
/** Calls that have other names in the generic header, which 32-bit architectures share. */
const GENERIC: Record<string, string> = { fstatat: "newfstatat" };

for (const architecture of ["x64", "arm64"] satisfies Architecture[])
  test(`the numbers for ${architecture} are those of the kernel's headers`, (context) => {
    const header = HEADERS[architecture].find((path) => existsSync(path));
    if (!header) return context.skip("the kernel's headers are not installed");
    const definitions = readFileSync(header, "utf8").matchAll(/^#define __NR(?:3264)?_(\w+) (\d+)$/gm);
    const numbers = new Map([...definitions].map(([, name, number]) => [GENERIC[name!] ?? name!, Number(number)]));
    for (const [name, number] of Object.entries(NUMBERS[architecture])) assert.equal(numbers.get(name), number, name);
  });

describe("the filter", () => {
  test("allows what Node needs, and refuses every other call", () => {
    const allowed = new Set(Object.values(NUMBERS.x64));
    for (let call = 0; call < 600; call++) {
      const expected = allowed.has(call) ? null : call >= 424 ? VERDICT.missing : VERDICT.refuse;
      if (expected !== null) assert.equal(judge(program, call), expected, String(call));
    }
    for (const name of ["read", "openat", "connect", "futex", "execve", "setuid", "exit_group"] as const)
      assert.equal(verdict(name), VERDICT.allow, name);
  });

  test("creates no folder: Node is told that it exists, and looks", () => {
    // cspell:ignore mkdirat
    for (const name of ["mkdir", "mkdirat"] as const) assert.equal(verdict(name), VERDICT.exists);
  });

  test("knows none of the calls that reach other processes or the kernel's inner parts", () => {
    // ptrace, process_vm_readv, kcmp, fork, vfork, execveat, mount, unshare, setns, bpf, io_uring_setup, keyctl,
    // userfaultfd, perf_event_open, open_by_handle_at, init_module, memfd_create, kill, tkill, pidfd_open, listen, accept4,
    // mknod, socketpair, shmget, add_key, capset, chroot, pidfd_getfd
    for (const call of [
      101, 310, 312, 57, 58, 322, 165, 272, 308, 321, 425, 250, 323, 298, 304, 175, 319, 62, 200, 434, 50, 288, 133, 53,
      29, 248, 126, 161, 438,
    ])
      assert.notEqual(judge(program, call), VERDICT.allow, String(call));
  });

  test("allows threads and no process, no namespace", () => {
    const THREAD = 0x3d0f00;
    assert.equal(verdict("clone", THREAD), VERDICT.allow);
    // fork, vfork, and a thread with a namespace of its own
    for (const flags of [17, 0x4111, THREAD | 0x10000000, THREAD | 0x02000000])
      assert.equal(verdict("clone", flags), VERDICT.refuse, flags.toString(16));
    assert.equal(verdict("clone3"), VERDICT.missing);
  });

  test("allows sockets of the Internet, of Unix, and for the list of interfaces", () => {
    for (const family of [1, 2, 10]) assert.equal(verdict("socket", family, 1, 0), VERDICT.allow);
    assert.equal(verdict("socket", 16, 3, 0), VERDICT.allow);
    // SCTP, DCCP
    for (const type of [5, 6]) assert.equal(verdict("socket", 2, type, 0), VERDICT.refuse);
    assert.equal(verdict("socket", 10, 2 | 0x80800, 0), VERDICT.allow, "non-blocking, closed on exec");
    // Internet sockets for ICMP, TCP and SCTP by their numbers, AF_NETLINK for the audit and the firewall, AF_PACKET, AF_ALG, AF_VSOCK, AF_XDP
    for (const [family, protocol] of [
      [2, 1],
      [2, 6],
      [10, 132],
      [16, 9],
      [16, 12],
      [17, 0],
      [38, 0],
      [40, 0],
      [44, 0],
    ] as const)
      assert.equal(verdict("socket", family, 3, protocol), VERDICT.refuse, String(family));
  });

  test("allows no signal to a descriptor's owner, no typing into a terminal, no limits of others, and no traceability", () => {
    assert.equal(verdict("fcntl", 5, 4), VERDICT.allow);
    assert.equal(verdict("fcntl", 5, 8), VERDICT.refuse);
    assert.equal(verdict("ioctl", 5, 0x5421), VERDICT.allow);
    assert.equal(verdict("ioctl", 0, 0x5412), VERDICT.refuse);
    assert.equal(verdict("prlimit64", 0), VERDICT.allow);
    assert.equal(verdict("prlimit64", 1234), VERDICT.refuse);
    assert.equal(verdict("prctl", 15), VERDICT.allow);
    // PR_SET_DUMPABLE, PR_SET_SECCOMP
    for (const option of [4, 22]) assert.equal(verdict("prctl", option), VERDICT.refuse);
  });

  test("ends a process that calls with another architecture's numbers, and refuses those of x32", () => {
    assert.equal(judge(program, number("read"), [], 0x40000003), VERDICT.killProcess);
    assert.equal(judge(program, 0x40000000 + number("read")), VERDICT.refuse);
  });

  test("has the same rules for 64-bit ARM, with its numbers", () => {
    const arm = filterProgram("arm64");
    for (const [name, call] of Object.entries(NUMBERS.arm64)) {
      if (["clone", "clone3", "socket", "prctl", "ioctl", "fcntl", "mkdirat"].includes(name)) continue;
      assert.equal(judge(arm, call, [], AUDIT.arm64), VERDICT.allow, name);
    }
    assert.equal(judge(arm, NUMBERS.arm64.mkdirat!, [], AUDIT.arm64), VERDICT.exists);
    assert.equal(judge(arm, NUMBERS.arm64.socket!, [17], AUDIT.arm64), VERDICT.refuse);
    // ptrace, mount, unshare, execveat
    for (const call of [117, 40, 97, 281]) assert.equal(judge(arm, call, [], AUDIT.arm64), VERDICT.refuse);
  });

  test("is there if the kernel has filters, and the architecture is known", () => {
    assert.equal(seccompFilter("riscv64", true), null);
    assert.equal(seccompFilter("x64", false), null);
    for (const architecture of ["x64", "arm64"] satisfies Architecture[])
      assert.equal(seccompFilter(architecture, true)!.length, 8 * filterProgram(architecture).length);
  });

  test("is accepted by the kernel, which then does as the interpreter says", (context) => {
    const filter = seccompFilter();
    if (filter === null || process.arch !== "x64") return context.skip("this kernel has no seccomp filters");
    // Loads the filter and makes calls by number: each prints "-" or its error.
    const script = `
      $filter = pack("H*", shift); $header = pack("Sx6P", length($filter) / 8, $filter);
      syscall(157, 38, 1, 0, 0, 0) == 0 && syscall(157, 22, 2, $header, 0, 0) == 0 or die "$!";
      for (@ARGV) { @words = map { $_ + 0 } split /,/; $result = syscall(shift @words, @words); print $result < 0 ? $! + 0 : "-", " " }`;
    const calls: [call: string, outcome: string][] = [
      ["39", "-"], // getpid
      ["102", "-"], // getuid
      ["41,2,1,0", "-"], // socket(AF_INET)
      ["41,17,3,0", "1"], // socket(AF_PACKET)
      ["41,38,5,0", "1"], // socket(AF_ALG)
      ["57", "1"], // fork
      ["56,17,0,0,0,0", "1"], // clone without CLONE_THREAD
      ["435,0,0", "38"], // clone3
      ["101,0,0,0,0", "1"], // ptrace
      ["165,0,0,0,0,0", "1"], // mount
      ["272,268435456", "1"], // unshare
      ["321,0,0,0", "1"], // bpf
      ["425,8,0", "38"], // io_uring_setup
      ["62,1,0", "1"], // kill
    ];
    const { stdout, stderr } = spawnSync(
      "perl",
      ["-e", script, "--", filter.toString("hex"), ...calls.map(([call]) => call)],
      { encoding: "utf8" },
    );
    assert.deepEqual(
      stdout.trim().split(" "),
      calls.map(([, outcome]) => outcome),
      stderr,
    );
  });
});
