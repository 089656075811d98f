import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, test } from "node:test";
import * as packet from "dns-packet";
import { parseAddress } from "../policy/mod.ts";
import { answer, type DnsContext } from "./answer.ts";
import { ListedRecords } from "./listed-records.ts";
import { SyntheticNames } from "./names.ts";
import { Resolver } from "./resolver.ts";

/** A resolver that knows a few names and keeps what it was asked. */
async function upstream(): Promise<{ server: string; asked: string[]; socket: Socket }> {
  const socket = createSocket("udp4");
  const asked: string[] = [];
  socket.on("message", (query, { port, address }) => {
    const { id, questions } = packet.decode(query);
    const [{ name, type }] = questions as [packet.Question];
    asked.push(`${name} ${type}`);
    const answers: packet.Answer[] = [];
    if (name === "real.example" && type === "A") answers.push({ type: "A", name, ttl: 30, data: "192.0.2.7" });
    if (name === "real.example" && type === "TXT") answers.push({ type: "TXT", name, ttl: 30, data: ["hello"] });
    if (name === "real.example" && type === "MX")
      answers.push({ type: "MX", name, ttl: 30, data: { preference: 5, exchange: "mail.example" } });
    const known = name === "real.example" ? 0 : 3;
    socket.send(
      packet.encode({
        type: "response",
        id: id ?? 0,
        flags: packet.RECURSION_AVAILABLE | known,
        questions: questions ?? [],
        answers,
      }),
      port,
      address,
    );
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { server: `127.0.0.1:${socket.address().port}`, asked, socket };
}

/** The answer's code by its registered name, which `dns-packet` decodes and its types leave out. */
const rcodeOf = (reply: packet.DecodedPacket) => (reply as unknown as { rcode: string }).rcode;

async function within(
  restricted: boolean,
  run: (
    ask: (name: string, type: string) => Promise<{ rcode: string; data: unknown[] }>,
    more: { asked: string[]; context: DnsContext; told: string[] },
  ) => Promise<void>,
) {
  const { server, asked, socket } = await upstream();
  const told: string[] = [];
  const context: DnsContext = {
    names: new SyntheticNames(),
    resolver: new Resolver([server]),
    isStatic: (name) => name === "static.example",
    restricted,
    listed: new ListedRecords(new Resolver([server])),
    lists: () => false,
    reaches: () => false,
    asked: async (name, type, outcome) => void told.push(`${name} ${type} ${outcome}`),
  };
  const ask = async (name: string, type: string) => {
    const reply = packet.decode(
      (await answer(
        packet.encode({
          type: "query",
          id: 7,
          flags: packet.RECURSION_DESIRED,
          questions: [{ name, type: type as "A" }],
        }),
        context,
        true,
      ))!,
    );
    assert.equal(reply.id, 7);
    return { rcode: rcodeOf(reply), data: (reply.answers ?? []).map((one) => (one as { data: unknown }).data) };
  };
  try {
    await run(ask, { asked, context, told });
  } finally {
    socket.close();
  }
}

describe("under an allow list", () => {
  test("every name gets addresses that stand for it, and no query leaves", () =>
    within(true, async (ask, { asked, context }) => {
      const { rcode, data } = await ask("Data-in-A-label.Evil.Example", "A");
      assert.equal(rcode, "NOERROR");
      const v4 = parseAddress(data[0] as string)!;
      assert.deepEqual(context.names.meaningOf(v4), { kind: "name", name: "data-in-a-label.evil.example" });
      const v6 = parseAddress((await ask("data-in-a-label.evil.example", "AAAA")).data[0] as string)!;
      assert.deepEqual(context.names.meaningOf(v6), { kind: "name", name: "data-in-a-label.evil.example" });
      for (const type of ["TXT", "NULL", "ANY", "MX", "HTTPS", "SRV", "CNAME"])
        assert.deepEqual(await ask("real.example", type), { rcode: "NOERROR", data: [] }, type);
      assert.deepEqual(asked, []);
    }));

  test("an address is asked for backwards", () =>
    within(true, async (ask) => {
      const [address] = (await ask("some.example", "A")).data as string[];
      const backwards = `${address!.split(".").reverse().join(".")}.in-addr.arpa`;
      assert.deepEqual(await ask(backwards, "PTR"), { rcode: "NOERROR", data: ["some.example"] });
      assert.deepEqual(await ask("1.0.0.127.in-addr.arpa", "PTR"), { rcode: "NOERROR", data: [] });
    }));
});

describe("without one", () => {
  test("a name that does not exist does not, and one that does gets an address that stands for it", () =>
    within(false, async (ask, { asked, told }) => {
      assert.equal((await ask("nowhere.example", "A")).rcode, "NXDOMAIN");
      const { data } = await ask("real.example", "A");
      assert.match(data[0] as string, /^198\.1[89]\./);
      assert.match((await ask("real.example", "AAAA")).data[0] as string, /^fd64:6464:6464:1::/);
      assert.match((await ask("static.example", "A")).data[0] as string, /^198\.1[89]\./);
      assert.deepEqual(
        new Set(asked),
        new Set(["nowhere.example A", "nowhere.example AAAA", "real.example A", "real.example AAAA"]),
      );
      assert.deepEqual(told, [
        "nowhere.example A absent",
        "real.example A answered",
        "real.example AAAA answered",
        "static.example A answered",
      ]);
    }));

  test("other records are passed on, but none that hide a name or lead past TCP", () =>
    within(false, async (ask) => {
      assert.deepEqual(
        (await ask("real.example", "TXT")).data.map((texts) => String(texts)),
        ["hello"],
      );
      assert.deepEqual((await ask("real.example", "MX")).data, [{ preference: 5, exchange: "mail.example" }]);
      for (const type of ["HTTPS", "SVCB", "NULL", "ANY"])
        assert.deepEqual((await ask("real.example", type)).data, [], type);
    }));
});

test("what is not a query is answered with its fault, or not at all", () =>
  within(true, async (ask, { context }) => {
    assert.equal((await ask("not a name", "A")).rcode, "NXDOMAIN");
    assert.equal((await ask("2130706433", "A")).rcode, "NXDOMAIN");
    assert.equal(await answer(Buffer.from("short"), context, true), null);
    const header = Buffer.from([0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    const rcode = async (query: Buffer) => rcodeOf(packet.decode((await answer(query, context, true))!));
    // A name that points at itself.
    assert.equal(await rcode(Buffer.concat([header, Buffer.from([0xc0, 12, 0, 1, 0, 1])])), "FORMERR");
    assert.equal(
      await rcode(
        Buffer.concat([Buffer.from([0, 9, 0x29, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.from([1, 97, 0, 0, 1, 0, 1])]),
      ),
      "NOTIMP",
    );
    const response = packet.encode({ type: "response", id: 1, questions: [{ name: "a.example", type: "A" }] });
    assert.equal(await answer(response, context, true), null);
  }));

test("names are bounded: the one asked for longest ago is forgotten", () => {
  const names = new SyntheticNames();
  const first = parseAddress(names.addressesOf("first.example").v4)!;
  const second = parseAddress(names.addressesOf("second.example").v6)!;
  for (let i = 0; i < 40_000; i++) {
    names.addressesOf(`n${i}.example`);
    if (i % 1_000 === 0) names.addressesOf("second.example");
  }
  assert.deepEqual(names.meaningOf(first), { kind: "forgotten" });
  assert.deepEqual(names.meaningOf(second), { kind: "name", name: "second.example" });
  assert.deepEqual(names.meaningOf(parseAddress("192.0.2.1")!), { kind: "itself" });
  // Another proxy gives the same addresses.
  assert.equal(new SyntheticNames().addressesOf("second.example").v6, names.addressesOf("second.example").v6);
});
