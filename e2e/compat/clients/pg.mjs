import pg from "pg";

// The package reads PGSSLMODE=require differently from PostgreSQL: it would verify.
const ssl = process.env.PGSSLMODE === "require" ? { rejectUnauthorized: false } : false;
const client = new pg.Client({ ssl });
await client.connect();
const {
  rows: [row],
} = await client.query("select 40 + $1::int as sum, ssl from pg_stat_ssl where pid = pg_backend_pid()", [2]);
console.log(`sum ${row.sum} ${row.ssl}`);
await client.end();
