import assert from "node:assert/strict";
import { test } from "node:test";
import { APT_USER } from "../servers/apt.ts";
import { PYPI_USER } from "../servers/pypi.ts";
import type { World } from "../world.ts";

/** Package managers, with the test's own small registries. */
export default function packages(world: () => World): void {
  test("apt-get updates and installs, the secret in auth.conf", async () => {
    const { guest, upstreams } = world();
    // apt reads no variables, so the placeholder is in the file.
    await guest.run(`
      echo "machine apt.example.com login ${APT_USER} password $APT_PASSWORD" | sudo tee /etc/apt/auth.conf.d/demo.conf
      sudo chmod 644 /etc/apt/auth.conf.d/demo.conf
      sudo mv /etc/apt/sources.list.d /etc/apt/sources.list.d.off
      sudo mkdir /etc/apt/sources.list.d
      echo "deb [trusted=yes] https://apt.example.com/repo ./" | sudo tee /etc/apt/sources.list.d/demo.list
      sudo apt-get -q update
      sudo apt-get -q -y install sandkeep-demo
    `);
    assert.equal(await guest.run("sandkeep-demo"), "hello from apt\n");
    assert.ok(upstreams.apt.granted().some(({ path }) => path.endsWith(".deb")));
  });

  test("pip installs from an index, the secret in its URL", async () => {
    const { guest, upstreams } = world();
    await guest.run(
      `pip install --quiet --index-url https://${PYPI_USER}:$PYPI_PASSWORD@pypi.example.com/simple/ sandkeep-demo`,
    );
    assert.equal(
      await guest.run('python -c "import sandkeep_demo; print(sandkeep_demo.GREETING)"'),
      "hello from pip\n",
    );
    assert.equal(upstreams.pypi.granted().length, 2);
  });

  test("npm installs from a registry, the secret named in .npmrc", async () => {
    const { guest, upstreams } = world();
    const { fs } = guest.sandbox;
    await fs.mkdir("npm-demo");
    await fs.writeTextFile("npm-demo/package.json", "{}");
    await fs.writeTextFile(
      "npm-demo/.npmrc",
      "registry=https://npm.example.com/\n//npm.example.com/:_authToken=${NPM_TOKEN}\n",
    );
    await guest.run("cd npm-demo; npm install --no-audit --no-fund sandkeep-demo");
    assert.equal(await guest.run(`cd npm-demo; node -p 'require("sandkeep-demo")'`), "hello from npm\n");
    assert.equal(upstreams.npm.granted().length, 2);
  });
}
