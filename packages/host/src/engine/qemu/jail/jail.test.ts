/** What a program can do in a jail, tested with a shell in place of QEMU. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { giveInputs, type JailKind, MACHINE_USERS, openJail } from "@sandkeep/jail";
import { JAIL_FD, listening, machinePlan } from "./machine-jail.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-jail-"));
after(() => rmSync(dir, { recursive: true, force: true }));
let count = 0;
/** Whether the kernel supports Landlock. */
const landlock = execFileSync("perl", ["-e", "print syscall(444, 0, 0, 1)"], { encoding: "utf8" }) !== "-1";

/** A machine's folder with a disk, a file to read, and the server's own record. */
function machine() {
  const folder = mkdtempSync(join(dir, `${count++}-`));
  const path = (name: string) => join(folder, name);
  writeFileSync(path("disk"), "disk", { mode: 0o600 });
  writeFileSync(path("image"), "image", { mode: 0o644 });
  writeFileSync(path("machine.json"), "record", { mode: 0o600 });
  return { folder, disk: path("disk"), image: path("image"), path };
}

/** Runs a shell script in a jail. In it, `$disk` and `$image` are the jail's names for these files. */
async function jailed(
  kind: JailKind,
  script: string,
  { folder, disk, image, path } = machine(),
  kvm = false,
): Promise<{ code: number | null; said: string }> {
  const user = MACHINE_USERS.take();
  if (user) chownSync(disk, user.uid, user.gid);
  await using jail = await openJail(kind, machinePlan({ writable: [disk], readable: [image] }, user));
  const variables = `disk=${jail.name(disk)} image=${jail.name(image)} folder=${folder}; `;
  const [file, ...args] = listening({ 6: path("qmp"), 7: path("control") }, kvm ? [4, 5] : [4], jail, [
    "/usr/bin/bash",
    "-c",
    variables + script,
  ]);
  const child = spawn(file!, args, {
    // 5 is KVM. Descriptors left open by whoever started the server, and given to no process, are inherited by its
    // children too.
    stdio: [
      "ignore",
      "pipe",
      "pipe",
      "pipe",
      2,
      2,
      "ignore",
      "ignore",
      2,
      2,
      ...jail.descriptors,
      ...jail.inputs.map(() => "pipe" as const),
      2,
    ],
  });
  giveInputs(child, jail, JAIL_FD);
  let said = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stdio[3]!.on("error", () => {});
  (child.stdio[3] as NodeJS.ReadableStream).resume();
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, said };
}

/** Makes a system call by number from perl, and returns the result. */
const call = (...args: (number | string)[]) =>
  `perl -e 'print syscall(${args.join(", ")}) < 0 ? "refused " : "did "'; `;

for (const kind of ["full", "minimal"] as const) {
  describe(`the ${kind} jail`, () => {
    test("gives the files that it is to give: one to write, one to read", async () => {
      const files = machine();
      const { code, said } = await jailed(kind, "cat $image $disk && echo written > $disk", files);
      assert.deepEqual([code, said], [0, "imagedisk"]);
      assert.equal(readFileSync(files.disk, "utf8"), "written\n");
      assert.match((await jailed(kind, "echo changed > $image")).said, /denied|Read-only/i);
    });

    test("changes no owner, no permission and no attribute, not even of its own file", async () => {
      const files = machine();
      // Without root, what it may only read has its user too, as this file does.
      chmodSync(files.disk, 0o444);
      const opened = (then: string) =>
        `perl -e 'open $f, q(<), q('$disk'); ${then} ? print "did " : print "refused "'; `;
      const attempts =
        opened("chmod(0666, $f)") +
        opened("chown($<, $<, $f)") +
        opened("utime(1, 1, $f)") +
        opened(
          "$n = q(system.posix_acl_access); $v = chr(2) . chr(0) x 3; syscall(190, fileno $f, $n, $v, 4, 0) == 0",
        ) +
        opened("$n = q(system.posix_acl_access); syscall(199, fileno $f, $n) == 0") +
        "chmod 666 $disk; chown $UID $disk; ".replaceAll("; ", " 2>&- && echo did; ") +
        call(452, -100, "$p = $ENV{disk}", 0o666, 0) +
        call("0x40000000 + 91", 0, 0o666);
      const { said } = await jailed(kind, `export disk; ${attempts}`, files);
      assert.equal(said.replaceAll("refused ", ""), "");
      assert.match(said, /refused/);
      assert.equal(lstatSync(files.disk).mode & 0o777, 0o444);
    });

    test("has no folder in which anything could be made, moved or removed", async () => {
      const files = machine();
      const attempts = [
        "ln -s /etc/passwd $folder/machine.json.new",
        "ln -sf /etc/passwd $folder/machine.json",
        "ln -sf /etc/passwd $folder/control",
        "ln -sf /etc/passwd $folder/disk",
        "mv $folder/disk $folder/other",
        "rm $folder/machine.json",
        "rm $folder/qmp",
        "rm $folder/disk",
        "mkdir $folder/run",
        "mv $folder $folder.old",
        "touch $folder/new",
        "echo forged > $folder/machine.json",
        "cat $folder/machine.json",
        "ln -s /etc/passwd /tmp/sandkeep-link",
        "touch /new",
        "touch /usr/new",
        "touch /var/tmp/sandkeep-new",
      ];
      // Without Landlock, the jail leaves world-writable temporary folders open as root, and all of the user's own
      // files otherwise.
      const possible =
        kind === "full" || landlock
          ? attempts
          : process.getuid!() === 0
            ? attempts.filter((attempt) => !attempt.includes("tmp/"))
            : [];
      const { said } = await jailed(
        kind,
        possible.map((attempt) => `(${attempt}) 2>&- && echo "did: ${attempt}"`).join("\n"),
        files,
      );
      assert.equal(said, "");
      assert.deepEqual(readdirSync(files.folder).sort(), ["control", "disk", "image", "machine.json", "qmp"]);
      assert.equal(readFileSync(files.path("machine.json"), "utf8"), "record");
    });

    test("gives sockets that listen already, which connect to what inherited them and nothing else", async () => {
      const files = machine();
      const answer = "perl -e 'open $s, q(+<&=), 7; accept($c, $s); syswrite $c, qq(from the jail)'";
      let over = false;
      const ended = jailed(kind, answer, files).finally(() => (over = true));
      const words = await new Promise<string>((resolve) => {
        let text = "";
        const attempt = () => {
          const socket = connect(files.path("control"));
          socket
            .setEncoding("utf8")
            .on("data", (part: string) => (text += part))
            .once("end", () => resolve(text));
          // The jail is not complete yet.
          socket.once("error", () => (over ? resolve("nobody listened") : setTimeout(attempt, 5)));
        };
        attempt();
      });
      assert.equal(words, "from the jail");
      assert.equal((await ended).code, 0);
    });

    test("knows nothing of the server's environment", async () => {
      process.env.SANDKEEP_JAIL_TEST = "known";
      const { said } = await jailed(kind, "echo $SANDKEEP_JAIL_TEST $HOME $USER");
      assert.equal(said.trim(), "");
    });

    test("inherits its own descriptors and no other", async () => {
      for (const kvm of [false, true]) {
        const { said } = await jailed(
          kind,
          `perl -e 'print join " ", grep { syscall(72, $_, 1, 0) >= 0 } 0 .. 511'`,
          machine(),
          kvm,
        );
        assert.equal(said, ["0 1 2 4", ...(kvm ? [5] : []), "6 7", ...(kind === "full" ? [] : ["10 11"])].join(" "));
      }
    });

    test("cannot signal, trace or read another process", async () => {
      const attempts =
        call(62, process.pid, 0) +
        call(234, process.pid, process.pid, 0) +
        call(101, 16, process.pid, 0, 0) +
        call(434, process.pid, 0);
      assert.equal((await jailed(kind, attempts)).said.replaceAll("refused ", ""), "");
    });

    test("reaches no network: no address outside, no loopback, no abstract socket", async () => {
      const server = createServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const abstract = createServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => abstract.listen(`\0sandkeep-jail-${process.pid}`, resolve));
      try {
        const { port } = server.address() as AddressInfo;
        const script = [
          `socket($s, 2, 1, 0) && connect($s, pack("S n C4 x8", 2, ${port}, 127, 0, 0, 1)) and print "did tcp";`,
          'socket($s, 2, 2, 0) && connect($s, pack("S n C4 x8", 2, 53, 192, 0, 2, 1)) and print "did udp";',
          `socket($s, 1, 1, 0) && connect($s, pack("S x a*", 1, "sandkeep-jail-${process.pid}")) and print "did abstract";`,
          'socket($s, 16, 3, 0) && print "did netlink" if $ARGV[0] eq "minimal";',
        ];
        assert.equal((await jailed(kind, `perl -e '${script.join(" ")}' ${kind}`)).said, "");
      } finally {
        server.close();
        abstract.close();
      }
    });
  });
}

describe("the minimal jail", () => {
  test("sends no datagram to an address by way of a pair of sockets", async () => {
    const script = 'socketpair($a, $b, 1, 2, 0) and print "did pair"; print $! + 0';
    assert.equal((await jailed("minimal", `perl -e '${script}'`)).said, "1");
  });

  test("has no descriptor signal another process, and changes the limits of none", async () => {
    const attempts =
      call(72, 1, 8, process.pid) +
      call(72, 1, 15, `$p = pack(q(ll), 1, ${process.pid})`) +
      call(16, 1, 0x8901, `$p = pack(q(l), ${process.pid})`) +
      call(302, process.pid, 7, 0, "$p = chr(0) x 16");
    assert.equal((await jailed("minimal", attempts)).said.replaceAll("refused ", ""), "");
    // Its own are its own.
    assert.equal((await jailed("minimal", call(302, 0, 7, 0, "$p = chr(0) x 16"))).said, "did ");
  });

  test("reads nothing of the computer but programs, where the kernel has Landlock", async (context) => {
    if (!landlock) return context.diagnostic("this kernel has no Landlock");
    const attempts = [
      "cat /etc/passwd",
      "cat /proc/1/status",
      "ls /",
      "ls /tmp",
      "cat /sys/kernel/uevent_seqnum",
      ": < /dev/zero",
    ];
    const { said } = await jailed(
      "minimal",
      attempts.map((attempt) => `(${attempt}) > /proc/self/fd/1 2>&- && echo "did: ${attempt}"`).join("\n"),
    );
    assert.doesNotMatch(said, /did:|root:/);
  });

  test("makes no namespace, ring, key or inter-process memory, by no way of calling", async () => {
    const attempts =
      call(272, 0x1000_0000) +
      call(425, 8, "$p = chr(0) x 128") +
      call(29, 0, 4_096, 0o1600) +
      call(248, 0, 0, 0, 0, 0) +
      call(310, process.pid, 0, 0, 0, 0, 0) +
      call("0x40000000 + 41", 2, 1, 0) +
      // clone with CLONE_NEWUSER, and clone3, whose flags no filter sees.
      call(56, "0x10000000 | 17", 0, 0, 0, 0) +
      call(435, "$p = pack(q(Q8), 0x10000000, 0, 0, 0, 17, 0, 0, 0)", 64);
    assert.equal((await jailed("minimal", attempts)).said.replaceAll("refused ", ""), "");
  });

  test("has no capability and cannot get any", async () => {
    const script = `perl -e 'print syscall(157, 39, 0, 0, 0, 0), " "; $h = pack("LL", 0x20080522, 0); $d = chr(0) x 24; syscall(125, $h, $d); print join ",", unpack("L6", $d)'`;
    const { said } = await jailed("minimal", script);
    assert.match(said, /^1 /, "no new privileges");
    if (process.getuid!() === 0) assert.equal(said, "1 0,0,0,0,0,0");
  });
});
