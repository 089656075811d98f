import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { World } from "../world.ts";

/** PostgreSQL at an allowed host and port: a protocol that begins in plain text and may then switch to TLS. */
export default function database(world: () => World): void {
  before(async () => {
    await world().tools.debian("postgresql-client-17");
    await Promise.all([world().tools.node(), world().tools.python()]);
  });

  for (const sslmode of ["disable", "require"]) {
    const clients = {
      psql: `psql -At -c "select format('sum %s %s', 40 + 2, case when ssl then 'true' else 'false' end) from pg_stat_ssl where pid = pg_backend_pid()"`,
      "node's pg": "node clients/pg.mjs",
      "Python's psycopg": "python clients/python_psycopg.py",
    };
    for (const [name, command] of Object.entries(clients)) {
      test(`${name}, sslmode=${sslmode}`, async () => {
        const {
          guest,
          upstreams: {
            postgres: { host, user, password },
          },
        } = world();
        const env = `export PGHOST=${host} PGUSER=${user} PGPASSWORD=${password} PGDATABASE=postgres PGSSLMODE=${sslmode}`;
        const answer = await guest.run(`${env}\n${command}`);
        assert.equal(answer.trim(), `sum 42 ${sslmode === "require"}`);
      });
    }
  }

  test("the real certificate arrives: TLS is not intercepted", async () => {
    const {
      guest,
      upstreams: {
        postgres: { host, user, password },
      },
      authority,
    } = world();
    await guest.sandbox.fs.writeTextFile("upstream-ca.pem", authority.caCert);
    const env = `export PGHOST=${host} PGUSER=${user} PGPASSWORD=${password} PGSSLMODE=verify-full PGSSLROOTCERT=$HOME/upstream-ca.pem`;
    assert.equal(await guest.run(`${env}\npsql -At -c "select 1" postgres`), "1\n");
  });
}
