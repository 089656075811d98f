"""Volumes and snapshots with the unmodified `deno-sandbox`: prints nothing, and fails if anything is not as expected."""

from deno_sandbox import DenoDeploy

VOLUME_KEYS = {
    "id",
    "slug",
    "region",
    "capacity",
    "estimated_allocated_size",
    "estimated_flattened_size",
    "is_bootable",
    "base_snapshot",
}

client = DenoDeploy()

# A volume is the same object whichever way it is asked for.
volume = client.volumes.create("py-data", "ord", "1GB")
assert set(volume) == VOLUME_KEYS, volume
assert volume["capacity"] == 1_000_000_000, volume
assert volume["is_bootable"] is False and volume["base_snapshot"] is None, volume
assert client.volumes.get(volume["id"]) == volume
assert client.volumes.get("py-data") == volume
assert client.volumes.list(search="py-data").items == [volume]
assert client.volumes.get("py-nothing") is None

# Pages: the client sends the next page's whole address as the cursor.
more = [client.volumes.create(f"py-page-{n}", "ord", 300_000_000) for n in range(3)]
listed = []
page = client.volumes.list(search="py-page", limit=1)
while page is not None:
    listed += [found["slug"] for found in page.items]
    page = page.get_next_page()
assert sorted(listed) == [f"py-page-{n}" for n in range(3)], listed
for one in more:
    client.volumes.delete(one["id"])

# What one sandbox writes, the next one reads.
with client.sandbox.create(volumes={"/data": "py-data"}) as sandbox:
    sandbox.fs.write_text_file("/data/note.txt", "from python")
with client.sandbox.create(volumes={"/data/again": volume["id"]}) as sandbox:
    assert sandbox.fs.read_text_file("/data/again/note.txt") == "from python"

# Snapshots, and volumes that are made from them.
snapshot = client.volumes.snapshot("py-data", slug="py-snap")
assert snapshot["slug"] == "py-snap" and snapshot["region"] == "ord", snapshot
assert client.snapshots.get(snapshot["id"]) == snapshot
assert client.snapshots.list(search="py-snap").items == [snapshot]
fork = client.volumes.create("py-fork", "ord", "1GB", from_snapshot="py-snap")
assert fork["base_snapshot"] == {"id": snapshot["id"], "slug": "py-snap"}, fork
with client.sandbox.create(volumes={"/data": "py-fork"}) as sandbox:
    assert sandbox.fs.read_text_file("/data/note.txt") == "from python"

# A bootable volume.
root = client.volumes.create("py-root", "ord", "10GB", from_snapshot="builtin:debian-13")
assert root["is_bootable"] is True and root["base_snapshot"] is None, root

# Everything goes away, what depends on something first.
for name in ("py-root", "py-fork", "py-data"):
    client.volumes.delete(name)
    assert client.volumes.get(name) is None
client.snapshots.delete("py-snap")
assert client.snapshots.get("py-snap") is None
