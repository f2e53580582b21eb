/** What a kernel makes of its command line, with Frontloader as process 1. */
import { Guest } from "../support/guest/guest.ts";
import { GuestRoot } from "../support/guest/guest_root.ts";

const configurations = {
  "/etc/by-option.json": '{ "checkInterval": 1 }',
  "/etc/by-url.json": '{ "checkInterval": 2 }',
  "/etc/meta.json": '{ "url": "/etc/by-meta.json" }',
  "/etc/by-meta.json": '{ "checkInterval": 3 }',
};

const rows: readonly [words: string, configuration: string][] = [
  ["FL_META_CONFIG=/etc/meta.json", "named by /etc/meta.json"],
  ["FL_META_CONFIG=/etc/meta.json FL_URL=/etc/by-url.json", "/etc/by-url.json"],
  [
    "FL_META_CONFIG=/etc/meta.json FL_URL=/etc/by-url.json -- -c /etc/by-option.json",
    "/etc/by-option.json",
  ],
  ["-- -c http://127.0.0.1:1/a.json?b=c --debug", "http://127.0.0.1:1/a.json"],
  ["FL_ENV=ec2 FL_URL=/etc/by-url.json", "/etc/by-url.json"],
  ["", "nowhere"],
];

Deno.test("the kernel's command line says where the configuration is", async (t) => {
  using root = await GuestRoot.build({ files: configurations });
  for (const [words, configuration] of rows) {
    await t.step(`${words || "nothing"} -> ${configuration}`, async () => {
      await using guest = new Guest({ root, words: [words] });
      const escaped = configuration.replaceAll(/[.?]/g, "\\$&");
      await guest.waitForLine(new RegExp(` starts configuration="?${escaped}"?$`));
    });
  }
});
