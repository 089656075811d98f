import psycopg

with psycopg.connect("connect_timeout=30") as connection:
    total, ssl = connection.execute(
        "select 40 + %s, ssl from pg_stat_ssl where pid = pg_backend_pid()", (2,)
    ).fetchone()
    print(f"sum {total} {str(ssl).lower()}")
