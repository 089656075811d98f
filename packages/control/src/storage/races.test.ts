/** Clients that want different things of one volume and its snapshot at once. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random, seed } from "@sandkeep/egress/testing";
import type { ErrorBody, SandboxVolume, VolumeDetail } from "@sandkeep/protocol";
import { create } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";

const ROUNDS = 200;
/** What clients want at once in a round. */
const WISHES = { least: 2, most: 6 };
/** What else may be the answer to a wish that others prevent. */
const REFUSALS =
  /^(VOLUME_(IN_USE|NOT_FOUND|NOT_ATTACHED)|SNAPSHOT_(IN_USE|NOT_FOUND)|SLUG_ALREADY_IN_USE|CHANGED_MEANWHILE|INVALID_REQUEST)$/;

interface Answer {
  status: number;
  code: string;
  message: string;
}

/** Requests about the volume `shared` and the snapshot `taken`, and what is known about both afterwards. */
class Contest {
  readonly fixture: Fixture;
  readonly sandboxes: readonly string[];
  #made = 0;

  constructor(fixture: Fixture, sandboxes: readonly string[]) {
    this.fixture = fixture;
    this.sandboxes = sandboxes;
  }

  static async start(sandboxes: number): Promise<Contest> {
    const fixture = await Fixture.start();
    const clients = await Promise.all(Array.from({ length: sandboxes }, () => create(fixture, { timeout: "10m" })));
    return new Contest(
      fixture,
      clients.map(({ id }) => id),
    );
  }

  readonly #wishes: Record<string, () => Promise<Response>> = {
    create: () => this.#post("/api/v2/volumes", { slug: "shared", region: "ord", capacity: "1GB" }),
    delete: () => this.#delete("/api/v2/volumes/shared"),
    remove: () => this.#delete("/api/v1/volumes/shared"),
    restore: () => this.#post("/api/v1/volumes/shared/restore", {}),
    snapshot: () => this.#post("/api/v2/volumes/shared/snapshot", { slug: "taken" }),
    grow: () => this.fixture.request("PATCH", "/api/v1/volumes/shared", { body: { capacity: "2GB" } }),
    copy: () =>
      this.#post("/api/v2/volumes", { slug: `copy-${this.#made++}`, region: "ord", capacity: "2GB", from: "taken" }),
    deleteSnapshot: () => this.#delete("/api/v2/snapshots/taken"),
    removeSnapshot: () => this.#delete("/api/v1/snapshots/taken"),
    restoreSnapshot: () => this.#post("/api/v1/snapshots/taken/restore", {}),
  };

  /** Names of all wishes. */
  get wishes(): string[] {
    return [...Object.keys(this.#wishes), ...this.sandboxes.flatMap((_, n) => [`attach ${n}`, `detach ${n}`])];
  }

  async wish(name: string): Promise<Answer> {
    const [what = "", n] = name.split(" ");
    const path = n === undefined ? "" : `/api/v1/sandboxes/${this.sandboxes[Number(n)]}/volumes`;
    const request =
      what === "attach"
        ? this.#post(path, { volume: "shared", path: "/data" })
        : what === "detach"
          ? this.#delete(`${path}/shared`)
          : this.#wishes[what]!();
    const response = await request;
    const text = await response.text();
    if (response.ok) return { status: response.status, code: "ok", message: "" };
    return { status: response.status, ...(JSON.parse(text) as ErrorBody) };
  }

  /** The database, the host and the machines agree, whatever has happened. */
  async requireAgreement(): Promise<void> {
    const { host } = this.fixture;
    const rows = await Promise.all(
      ["volumes", "snapshots"].flatMap((kind) =>
        ["ready", "deleted"].map((state) =>
          this.fixture.get<VolumeDetail[]>(`/api/v1/${kind}?state=${state}&limit=1000`),
        ),
      ),
    );
    const all = rows.flat();
    assert.deepEqual(host.storage.ids, all.map(({ id }) => id).sort());
    const holders = [...host.storage.holders].map(([volume, sandbox]) => `${volume} ${sandbox}`).sort();
    const attached = all.flatMap(({ id, attachment }) => (attachment ? [`${id} ${attachment.sandbox}`] : [])).sort();
    assert.deepEqual(holders, attached);
    const [listed, machines] = [[] as string[], [] as string[]];
    for (const id of this.sandboxes) {
      const volumes = await this.fixture.get<SandboxVolume[]>(`/api/v1/sandboxes/${id}/volumes`);
      listed.push(...volumes.map(({ volume }) => `${volume.id} ${id}`));
      machines.push(...host.machines.get(id)!.disks.map(({ volume }) => `${volume} ${id}`));
    }
    assert.deepEqual(listed.sort(), attached);
    assert.deepEqual(machines.sort(), attached);
  }

  /** Removes what limits would be reached by. */
  async tidy(): Promise<void> {
    for (const kind of ["volumes", "snapshots"])
      for (const state of ["ready", "deleted"])
        for (const { id } of await this.fixture.get<VolumeDetail[]>(`/api/v1/${kind}?state=${state}&limit=1000`))
          await this.#delete(`/api/v1/${kind}/${id}`);
  }

  #post(path: string, body: object): Promise<Response> {
    return this.fixture.request("POST", path, { body });
  }

  #delete(path: string): Promise<Response> {
    return this.fixture.request("DELETE", path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fixture[Symbol.asyncDispose]();
  }
}

describe("of what many want of one volume at once", async () => {
  test("what excludes each other happens once, everybody gets a clear answer, and all that is known agrees", async () => {
    await using contest = await Contest.start(3);
    const random = new Random(seed());
    const won = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const wishes = Array.from({ length: random.between(WISHES.least, WISHES.most) }, () =>
        random.pick(contest.wishes),
      );
      const answers = await Promise.all(wishes.map((wish) => contest.wish(wish)));
      const told = `round ${round}: ${wishes.map((wish, n) => `${wish}: ${answers[n]!.code}`).join(", ")}`;
      const wins = (what: RegExp) => wishes.filter((wish, n) => what.test(wish) && answers[n]!.code === "ok");
      for (const { status, code, message } of answers)
        if (code !== "ok") assert.ok(REFUSALS.test(code) && status < 500 && message.length > 10, `${told}: ${message}`);
      // Each can succeed again only after its opposite.
      for (const [act, undo] of [
        [/^attach/, /^(detach|delete|remove)/],
        [/^create$/, /^(delete|remove)$/],
        [/^restore$/, /^(delete|create)$/],
        [/^snapshot$/, /^(delete|remove)Snapshot$/],
      ] as const)
        assert.ok(wins(act).length <= 1 + wins(undo).length, told);
      await contest.requireAgreement().catch((error: Error) => assert.fail(`${told}: ${error.message}`));
      for (const wish of wins(/./)) won.add(wish);
      if (round % 20 === 19) await contest.tidy();
    }
    assert.deepEqual([...won].sort(), contest.wishes.sort(), "every wish came true once");
  });
});
