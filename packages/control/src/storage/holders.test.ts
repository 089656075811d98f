import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AttachedDisk, DiskStore } from "@sandkeep/store";
import { type Holder, Holders } from "./holders.ts";

/** A sandbox with a volume, and the store's record of that. */
function sandboxes() {
  const attached: AttachedDisk[] = [];
  const holders = new Holders({ attachments: async () => [...attached] } as unknown as DiskStore);
  const enter = (id: string) => {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const volumes: Holder["volumes"] = { detach: async () => {} };
    const holder = { id, isClosing: false as boolean, ended, volumes };
    attached.push({ sandbox: id, disk: "vol", slug: "data", path: "/data", readOnly: false, exclusive: true });
    holders.enter(holder);
    return Object.assign(holder, {
      end: () => {
        attached.splice(
          attached.findIndex(({ sandbox }) => sandbox === id),
          1,
        );
        resolve();
      },
    });
  };
  let asked = 0;
  const take = async () => {
    asked++;
    if (attached.length > 0) throw new Error(`in use by ${attached[0]!.sandbox}`);
    return "taken";
  };
  return { holders, enter, take, asked: () => asked };
}

describe("who wants a volume", () => {
  test("waits for a sandbox that is closing, and asks once", async () => {
    const { holders, enter, take, asked } = sandboxes();
    const one = enter("one");
    one.isClosing = true;
    const taking = holders.outliving(["vol"], take);
    setImmediate(one.end);
    assert.deepEqual([await taking, asked()], ["taken", 1]);
  });

  test("waits for a sandbox that begins to close meanwhile, and for the next one", async () => {
    const { holders, enter, take, asked } = sandboxes();
    const one = enter("one");
    const taking = holders.outliving(["vol"], async () => {
      if (asked() === 0) {
        one.isClosing = true;
        setImmediate(() => {
          one.end();
          const two = enter("two");
          two.isClosing = true;
          setImmediate(two.end);
        });
      }
      return await take();
    });
    assert.deepEqual([await taking, asked()], ["taken", 3]);
  });

  test("is refused while a sandbox runs that goes on", async () => {
    const { holders, enter, take, asked } = sandboxes();
    enter("one");
    await assert.rejects(holders.outliving(["vol"], take), /in use by one/);
    assert.equal(asked(), 1);
  });

  test("finds a sandbox that was resumed, whose former machine's connections close only now", async () => {
    const { holders, enter } = sandboxes();
    const [former, resumed] = [enter("one"), enter("one")];
    former.end();
    await former.ended;
    let detached = false;
    resumed.volumes.detach = async () => void (detached = true);
    await holders.detach("vol", { kind: "system" });
    assert.ok(detached);
  });
});
