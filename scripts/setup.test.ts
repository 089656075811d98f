import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const scripts = fileURLToPath(new URL(".", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "sandkeep-setup-"));
after(() => rmSync(dir, { recursive: true, force: true }));
let count = 0;

/** Simulates `dpkg-query -W -f '${db:Status-Abbrev} ${Version}' PACKAGE` for these packages. */
const dpkgQuery = (installed: Record<string, string>) =>
  `case "$4" in ${Object.entries(installed)
    .map(([name, version]) => `${name}) echo "ii  ${version}" ;;`)
    .join(" ")} *) exit 1 ;; esac`;

const everything = {
  "qemu-system-x86": "1:10.0.2+ds-2+deb13u1~bpo12+1",
  "qemu-utils": "1:10.0.2+ds-2+deb13u1~bpo12+1",
  mmdebstrap: "1.3.5-7",
  "debian-archive-keyring": "2023.3+deb12u2",
  uidmap: "1:4.13",
  bubblewrap: "0.8.0-2",
  e2fsprogs: "1.47.0-2",
  zstd: "1.5.4",
  "xz-utils": "5.4.1",
  tar: "1.34",
  "ca-certificates": "20230311",
};

interface Machine {
  codename?: string;
  installed?: Record<string, string>;
  go?: string | null;
  programs?: Record<string, string>;
  without?: string[];
  sources?: string;
  user?: "root" | "other";
  options?: string[];
}

/** Runs the set-up dry on a simulated computer, whose programs are real executables in their own PATH. */
function setUp({
  codename = "bookworm",
  installed = everything,
  go = "1.24.4",
  programs = {},
  without = [],
  sources = "",
  user = "root",
  options = [],
}: Machine) {
  const home = join(dir, String(count++));
  const bin = join(home, "bin");
  mkdirSync(bin, { recursive: true });
  const add = (name: string, script: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  for (const tool of ["sh", "bash", "cksum", "grep", "head", "mkdir", "touch", "env", "tail", "sed"]) {
    const path = spawnSync("which", [tool], { encoding: "utf8" }).stdout.trim();
    symlinkSync(path, join(bin, tool));
  }
  const all: Record<string, string> = {
    node: "echo v20.11.0",
    npm: "exit 0",
    "apt-get": "exit 0",
    "dpkg-query": dpkgQuery(installed),
    ...(go && { go: `echo go version go${go} linux/amd64` }),
    ...programs,
  };
  for (const [name, script] of Object.entries(all)) if (!without.includes(name)) add(name, script);
  mkdirSync(join(home, "apt", "sources.list.d"), { recursive: true });
  writeFileSync(join(home, "apt", "sources.list"), sources);
  writeFileSync(join(home, "os-release"), `ID=debian\nVERSION_CODENAME=${codename}\n`);
  // The shell's user cannot be set from outside, so an ordinary user's set-up runs with the line that checks it
  // changed.
  let script = join(scripts, "setup");
  if (user === "other") {
    mkdirSync(join(home, "checkout", "scripts"), { recursive: true });
    symlinkSync(join(scripts, "lib"), join(home, "checkout", "scripts", "lib"));
    symlinkSync(join(scripts, "debian-packages"), join(home, "checkout", "scripts", "debian-packages"));
    symlinkSync(join(scripts, "..", "guest"), join(home, "checkout", "guest"));
    symlinkSync(join(scripts, "..", "package-lock.json"), join(home, "checkout", "package-lock.json"));
    script = join(home, "checkout", "scripts", "setup");
    writeFileSync(
      script,
      readFileSync(join(scripts, "setup"), "utf8").replace(
        /^main$/m,
        'as_root() { has sudo && rooted=(sudo "$@"); }\nmain',
      ),
      { mode: 0o755 },
    );
  }
  const result = spawnSync(join(bin, "bash"), [script, "--dry-run", ...options], {
    encoding: "utf8",
    env: { PATH: bin, HOME: home, SANDKEEP_OS_RELEASE: join(home, "os-release"), SANDKEEP_APT_DIR: join(home, "apt") },
  });
  const commands = result.stdout.split("\n").filter((line) => line !== "" && !/ ci --ignore-scripts/.test(line));
  return { status: result.status, commands, stdout: result.stdout, stderr: result.stderr };
}

test("does nothing to the system where everything is there", () => {
  const { status, commands, stderr } = setUp({});
  assert.equal(status, 0, stderr);
  assert.deepEqual(commands, []);
});

test("installs what only the checks of the sources need when told to, and nothing else", () => {
  const { stdout } = setUp({ installed: everything, options: ["--development"] });
  assert.match(stdout, /install --yes --no-install-recommends shellcheck pebble openssh-client rsync chromium\n$/);
  const without = setUp({ installed: {}, options: ["--development"] });
  assert.doesNotMatch(without.stdout, /qemu| ci /);
  assert.equal(
    setUp({
      installed: {
        shellcheck: "0.9.0-1",
        pebble: "2.4.0-1",
        "openssh-client": "1:9.2p1-2",
        rsync: "3.2.7-1",
        chromium: "140.0-1",
      },
      options: ["--development"],
    }).stdout,
    "",
  );
});

test("on Debian 12 takes QEMU and Go from backports, adding them as a source, from the same mirror", () => {
  const { commands } = setUp({ installed: {}, go: null, sources: "deb http://mirror.example/debian bookworm main\n" });
  const text = commands.join("\n");
  assert.match(text, /sandkeep-backports\.sources/);
  assert.match(text, /URIs: http:\/\/mirror\.example\/debian\nSuites: bookworm-backports/);
  const installs = commands.filter((line) => / install /.test(line));
  assert.match(
    installs[0]!,
    /--no-install-recommends bubblewrap mmdebstrap debian-archive-keyring uidmap .*ca-certificates$/,
  );
  assert.match(installs[1]!, /--target-release bookworm-backports qemu-system-x86 qemu-utils golang-go$/);
});

test("on Debian 12 replaces a QEMU and a Go that are too old", () => {
  const { commands } = setUp({
    installed: { ...everything, "qemu-system-x86": "1:7.2+dfsg-7", "qemu-utils": "1:7.2+dfsg-7" },
    go: "1.19.8",
  });
  assert.match(commands.at(-1)!, /--target-release bookworm-backports qemu-system-x86 qemu-utils golang-go$/);
});

test("adds no second source when backports are known", () => {
  const { commands } = setUp({ go: null, sources: "deb http://mirror.example/debian bookworm-backports main\n" });
  assert.doesNotMatch(commands.join("\n"), /sandkeep-backports\.sources/);
  assert.match(commands.at(-1)!, /bookworm-backports golang-go$/);
});

test("on Debian 13 takes everything from the release itself", () => {
  const { commands } = setUp({ codename: "trixie", installed: {}, go: null });
  assert.doesNotMatch(commands.join("\n"), /backports/);
  assert.match(commands.at(-1)!, /install --yes --no-install-recommends qemu-system-x86 qemu-utils .* golang-go$/);
});

test("is content with a Go that can fetch the one that is asked for, once Debian's is in", () => {
  const { commands } = setUp({ go: "1.22.0", installed: { ...everything, "golang-go": "2:1.22" } });
  assert.deepEqual(commands, []);
});

test("runs as root through sudo, and without it prints the commands to run", () => {
  const withSudo = setUp({ user: "other", go: null, programs: { sudo: "exit 0" } });
  assert.ok(withSudo.commands.length > 0);
  assert.ok(withSudo.commands.filter((line) => /apt-get|^bash/.test(line)).every((line) => /sudo/.test(line)));
  const without = setUp({ user: "other", go: null });
  assert.equal(without.status, 1);
  assert.match(without.stderr, /neither root nor sudo/);
  assert.match(
    without.stderr,
    /> \/etc\/apt\/sources\.list\.d\/sandkeep-backports\.sources\n.*apt-get update\n.*apt-get install --no-install-recommends --target-release bookworm-backports golang-go/,
  );
});

test("says what to install where there is no Node, no npm, or too old a Node", () => {
  assert.match(setUp({ without: ["node"] }).stderr, /Node\.js is not installed\n.*nodejs\.org/);
  assert.match(setUp({ without: ["npm"] }).stderr, /npm is not installed/);
  assert.match(setUp({ programs: { node: "echo v18.20.4" } }).stderr, /18\.20\.4 is too old/);
});

test("elsewhere than on Debian says which programs it needs, if they are missing", () => {
  const { status, stderr } = setUp({ without: ["apt-get", "dpkg-query"] });
  assert.equal(status, 1);
  assert.match(stderr, /not a Debian.*mmdebstrap/);
});

test("versions are compared number by number", () => {
  const compare = (have: string, need: string) =>
    spawnSync("bash", ["-c", '. "$1"; at_least "$2" "$3"', "bash", join(scripts, "lib", "version.sh"), have, need])
      .status === 0;
  for (const [have, need] of [
    ["1.24", "1.24"],
    ["1.24.4", "1.24"],
    ["2", "1.99"],
    ["1.24", "1.24.0"],
    ["10.0.2", "8.2"],
    ["1.08", "1.8"],
  ])
    assert.ok(compare(have!, need!), `${have} ${need}`);
  for (const [have, need] of [
    ["1.9", "1.24"],
    ["1.23.99", "1.24"],
    ["", "1"],
    ["7.2", "8.2"],
    ["1.24", "1.24.1"],
  ])
    assert.ok(!compare(have!, need!), `${have} ${need}`);
});

test("the launcher finds its checkout through links, from anywhere", () => {
  const checkout = join(scripts, "..");
  mkdirSync(join(dir, "bin"), { recursive: true });
  symlinkSync(join(checkout, "sandkeep"), join(dir, "real-link"));
  symlinkSync("../real-link", join(dir, "bin", "sandkeep"));
  const { stdout, stderr } = spawnSync(join(dir, "bin", "sandkeep"), ["--version"], { encoding: "utf8", cwd: "/" });
  const { version } = JSON.parse(readFileSync(join(checkout, "packages/cli/package.json"), "utf8")) as {
    version: string;
  };
  assert.equal(stdout, `${version}\n`, stderr);
});
