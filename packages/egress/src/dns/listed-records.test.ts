/** SRV, TXT and MX records under an allow list: only for listed names, and only those that point to allowed names. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import type { Answer, Question } from "dns-packet";
import { Certificates, Lab, type LabOptions } from "../proxy/testing/lab.ts";
import { upstream } from "../proxy/testing/upstreams.ts";
import { TestNameServer } from "../testing/name-server.ts";
import { fc, property } from "../testing/property.ts";
import { ownerOf } from "./listed-records.ts";

const CLUSTER = "cluster.example";
const SERVICE = `_mongodb._tcp.${CLUSTER}`;

describe("under an allow list", () => {
  let dir: string;
  let certificates: Certificates;
  let names: TestNameServer;
  let lab: Lab | null = null;
  const srv = (target: string, port = 27_017) => ({ priority: 1, weight: 2, port, target });

  const zone: Record<string, unknown[]> = {
    [`SRV ${SERVICE}`]: [
      srv("shard-0.example"),
      srv("shard-1.example"),
      srv("evil.example"),
      srv("shard-0.example", 22),
      srv("denied.example"),
    ],
    "SRV _mongodb._tcp.many.example": Array.from({ length: 100 }, (_, at) =>
      srv("shard-0.example", 27_000 + (at % 20)),
    ),
    [`TXT ${CLUSTER}`]: [
      [Buffer.from("authSource=admin&replicaSet=rs0")],
      [Buffer.from("gr\xfc\xdfe", "latin1"), Buffer.from("two")],
    ],
    "TXT long.example": [Array.from({ length: 40 }, () => Buffer.alloc(255, "x")), [Buffer.from("short")]],
    [`MX ${CLUSTER}`]: [
      { preference: 5, exchange: "shard-0.example" },
      { preference: 1, exchange: "evil.example" },
    ],
    "TXT other.example": [[Buffer.from("no")]],
    "TXT a.wild.example": [[Buffer.from("no")]],
  };

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    certificates = await Certificates.make(dir);
    names = await TestNameServer.start(
      ({ type, name }: Question) =>
        zone[`${type} ${name}`]?.map((data) => ({ type, name, ttl: 60, data }) as Answer) ?? null,
    );
  });
  afterEach(async () => {
    await lab?.[Symbol.asyncDispose]();
    lab = null;
    names.questions.length = 0;
  });
  after(async () => {
    await names[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const start = async (options: Partial<LabOptions> = {}) =>
    (lab = await Lab.start(certificates, {
      hosts: {},
      dnsServers: [names.address],
      ...options,
      policy: {
        allow: [
          CLUSTER,
          "many.example",
          "long.example:443",
          "*.wild.example",
          "shard-0.example",
          "shard-1.example:27017",
          "denied.example",
        ],
        deny: ["denied.example"],
        ...options.policy,
      },
    }));

  test("a service of a listed name is told, with those of its hosts that policy allows", async () => {
    const lab = await start();
    // The first one on any port, since its pattern has none.
    assert.deepEqual(await lab.lookUp("_MongoDB._TCP.Cluster.Example", "SRV"), {
      rcode: "NOERROR",
      data: [srv("shard-0.example"), srv("shard-1.example"), srv("shard-0.example", 22)],
    });
    assert.deepEqual(await lab.lookUp(CLUSTER, "MX"), {
      rcode: "NOERROR",
      data: [{ preference: 5, exchange: "shard-0.example" }],
    });
    const { data } = await lab.lookUp(CLUSTER, "TXT");
    assert.deepEqual(
      data.map((texts) => (texts as Buffer[]).map((text) => text.toString("latin1"))),
      [["authSource=admin&replicaSet=rs0"], ["gr\xfc\xdfe", "two"]],
    );
    assert.deepEqual(names.questions.sort(), [`MX ${CLUSTER}`, `SRV ${SERVICE}`, `TXT ${CLUSTER}`]);
    const events = lab.events.filter((event) => event.kind === "dns");
    assert.deepEqual(
      events.map(({ verdict, rule }) => [verdict, rule]),
      Array(3).fill(["allowed", CLUSTER]),
    );
  });

  test("what a driver does works: the service, its options, then a connection", async () => {
    await using shard = await upstream((socket) => socket.pipe(socket));
    const lab = await start({ hosts: { "shard-0.example": shard.port } });
    const [{ target, port }] = (await lab.lookUp(SERVICE, "SRV")).data as [{ target: string; port: number }];
    const stream = await lab.open(target, port);
    stream.write("\0hello");
    assert.equal(String((await once(stream, "data"))[0]), "\0hello");
    stream.destroy();
  });

  test("nothing else is asked for: no other name, type, service, or name below a wildcard", async () => {
    const lab = await start();
    for (const [name, type] of [
      ["other.example", "TXT"],
      ["data.cluster.example", "TXT"],
      ["a.wild.example", "TXT"],
      ["denied.example", "TXT"],
      ["_data._tcp.cluster.example", "SRV"],
      ["_mongodb._data.cluster.example", "SRV"],
      ["_mongodb._tcp._mongodb._tcp.cluster.example", "SRV"],
      ["_mongodb._tcp.data.cluster.example", "SRV"],
      ["_mongodb._tcp.a.wild.example", "SRV"],
      [CLUSTER, "SRV"],
      ["_mongodb._tcp.cluster.example", "TXT"],
      ...["NS", "CAA", "SOA", "NAPTR", "HTTPS", "SVCB", "CNAME", "ANY", "NULL", "DS", "TLSA"].map((type) => [
        CLUSTER,
        type,
      ]),
    ] as [string, string][]) {
      assert.deepEqual(await lab.lookUp(name, type), { rcode: "NOERROR", data: [] }, `${type} ${name}`);
    }
    assert.deepEqual(names.questions, []);
  });

  test("of any name that a guest makes up, at most the listed name and a known service leave", async () => {
    const lab = await start();
    const label = fc.constantFrom(
      "_mongodb",
      "_tcp",
      "_udp",
      "_x",
      "data",
      "cluster",
      "wild",
      "a",
      "_MONGODB",
      "Cluster",
    );
    await property(
      [
        fc.array(label, { maxLength: 4 }),
        fc.constantFrom("cluster.example", "wild.example", "example", "CLUSTER.example"),
        fc.constantFrom("SRV", "TXT", "MX", "A", "NS"),
      ],
      async (labels, end, type) => {
        await lab.lookUp([...labels, end].join("."), type);
      },
      { runs: 150 },
    );
    const expected = [`SRV ${SERVICE}`, `SRV _mongodb._udp.${CLUSTER}`, `TXT ${CLUSTER}`, `MX ${CLUSTER}`];
    assert.deepEqual(
      names.questions.filter((question) => !expected.includes(question)),
      [],
    );
    assert.ok(names.questions.length > 0);
  });

  test("is not asked again within a minute, and not without end", async () => {
    const lab = await start();
    for (let at = 0; at < 3; at++) await lab.lookUp(CLUSTER, "TXT");
    assert.equal(names.questions.length, 1);
    const services = [
      "amqp",
      "amqps",
      "caldav",
      "caldavs",
      "carddav",
      "carddavs",
      "consul",
      "ftp",
      "gc",
      "grpc",
      "http",
      "https",
      "imap",
      "imaps",
      "jmap",
      "kerberos",
      "ldap",
      "ldaps",
      "mqtt",
      "mysql",
      "nats",
      "ntp",
      "pop3",
      "pop3s",
      "redis",
      "rediss",
      "sip",
      "sips",
      "smtp",
      "ssh",
      "stun",
      "stuns",
    ];
    const answers = [];
    for (const service of services)
      for (const protocol of ["tcp", "udp"])
        answers.push((await lab.lookUp(`_${service}._${protocol}.${CLUSTER}`, "SRV")).rcode);
    assert.equal(names.questions.length, 60);
    assert.deepEqual(new Set(answers.slice(0, 59)), new Set(["NXDOMAIN"]));
    assert.deepEqual(new Set(answers.slice(59)), new Set(["SERVFAIL"]));
  });

  test("what comes is bounded", async () => {
    const lab = await start();
    assert.deepEqual(
      (await lab.lookUp("long.example", "TXT")).data.map((texts) => String((texts as Buffer[])[0])),
      ["short"],
    );
    const many = await lab.lookUp("_mongodb._tcp.many.example", "SRV");
    assert.ok(many.data.length <= 64);
  });

  for (const [what, change] of Object.entries({
    "the name is taken off the list": { allow: ["shard-0.example"] },
    "the name is denied": { deny: [CLUSTER] },
    "nothing is allowed": { allow: [] },
  })) {
    test(`a change by which ${what} counts for a question that is on its way`, async () => {
      const lab = await start();
      const release = names.hold();
      const answer = lab.lookUp(SERVICE, "SRV");
      await names.asked(`SRV ${SERVICE}`);
      lab.update(change);
      release();
      assert.deepEqual(await answer, { rcode: "NOERROR", data: [] });
    });
  }

  test("that comes while a question is on its way, its answer is held back", async () => {
    const lab = await start({ policy: { allow: null } });
    const release = names.hold();
    const answer = lab.lookUp("other.example", "TXT");
    await names.asked("TXT other.example");
    lab.update({ allow: [CLUSTER] });
    release();
    assert.deepEqual(await answer, { rcode: "NOERROR", data: [] });
  });
});

test("the owner of a service is what comes after its two labels", () => {
  assert.equal(ownerOf("_mongodb._tcp.a.example", "SRV"), "a.example");
  assert.equal(ownerOf("_xmpp-client._tcp.a.example", "SRV"), "a.example");
  assert.equal(ownerOf("a.example", "TXT"), "a.example");
  for (const name of [
    "a.example",
    "_tcp.a.example",
    "_made-up._tcp.a.example",
    "_mongodb._sctp.a.example",
    "mongodb.tcp.a.example",
  ])
    assert.equal(ownerOf(name, "SRV"), null, name);
  assert.equal(ownerOf("a.example", "NS"), null);
});
