import assert from "node:assert/strict";
import { timeServers } from "../../../src/system/time/time_servers.ts";

Deno.test("what somebody has named wins over the network's time servers, and those over the cloud's", () => {
  const rows: [Record<string, string>, string[], string[]][] = [
    [{ FL_NTP: "a.example, b.example c.example" }, ["192.0.2.123"], [
      "a.example",
      "b.example",
      "c.example",
    ]],
    [{ FL_NTP: "" }, ["192.0.2.123"], ["192.0.2.123"]],
    [{ FL_ENV: "ec2" }, ["192.0.2.123"], ["192.0.2.123"]],
    [{ FL_ENV: "ec2" }, [], ["169.254.169.123"]],
    [{}, [], ["time.cloudflare.com"]],
  ];
  for (const [environment, fromNetwork, servers] of rows) {
    assert.deepEqual(timeServers(environment, fromNetwork), servers);
  }
});
