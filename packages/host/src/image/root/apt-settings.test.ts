import assert from "node:assert/strict";
import { test } from "node:test";
import { selectAptSettings } from "./apt-settings.ts";

test("settings for reaching an archive are taken, others and empty ones are not", () => {
  const dump = [
    'APT "";',
    'APT::Install-Recommends "1";',
    'Dir::Etc::sourcelist "sources.list";',
    'Acquire "";',
    'Acquire::http "";',
    'Acquire::http::Proxy "http://proxy.example:3128";',
    'Acquire::https::CAInfo "/etc/ssl/own.pem";',
    'Acquire::Languages "none";',
    'Acquire::Check-Valid-Until "false";',
    'DPkg::Pre-Install-Pkgs:: "/usr/sbin/dpkg-preconfigure --apt || true";',
  ].join("\n");
  assert.deepEqual(selectAptSettings(dump), [
    'Acquire::http::Proxy "http://proxy.example:3128";',
    'Acquire::https::CAInfo "/etc/ssl/own.pem";',
    'Acquire::Check-Valid-Until "false";',
  ]);
});
