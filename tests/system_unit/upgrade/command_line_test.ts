import assert from "node:assert/strict";
import { nextCommandLine, startedFrom } from "../../../src/system/upgrade/command_line.ts";
import { fakeDigest } from "../../support/fake_containers.ts";

const digest = fakeDigest("b");
const added = `FL_KERNEL_DIGEST=${digest}`;

const rows: readonly [
  why: string,
  running: string,
  configured: string | undefined,
  next: string,
][] = [
  ["the running one stays", "console=ttyS0 quiet", undefined, `console=ttyS0 quiet ${added}`],
  ["a configured one takes its place", "quiet", "console=tty0", `console=tty0 ${added}`],
  ["an empty one is one", "quiet", "", added],
  [
    "what boot loaders add goes",
    "BOOT_IMAGE=/boot/vmlinuz initrd=\\initrd.img root=x quiet",
    undefined,
    `root=x quiet ${added}`,
  ],
  [
    "the digest of the boot before goes",
    `quiet FL_KERNEL_DIGEST=${fakeDigest("a")} panic=1`,
    undefined,
    `quiet panic=1 ${added}`,
  ],
  [
    "the init's arguments stay the last",
    "quiet -- -c http://x/y --debug",
    undefined,
    `quiet ${added} -- -c http://x/y --debug`,
  ],
  [
    "what is in quotation marks is one word",
    'dyndbg="file a.c +p; initrd=x" quiet',
    undefined,
    `dyndbg="file a.c +p; initrd=x" quiet ${added}`,
  ],
];

for (const [why, running, configured, next] of rows) {
  Deno.test(`the next kernel's command line: ${why}`, () => {
    assert.equal(nextCommandLine({ running, configured, digest }), next);
  });
}

Deno.test("a system knows from the kernel's command line which image it was started from", () => {
  assert.equal(startedFrom({ FL_KERNEL_DIGEST: digest }), digest);
  assert.equal(startedFrom({ FL_KERNEL_DIGEST: "sha256:1" }), undefined);
  assert.equal(startedFrom({}), undefined);
});
