import assert from "node:assert/strict";
import { nextCommandLine, startedFrom } from "../../../src/system/upgrade/command_line.ts";
import { fakeDigest } from "../../support/fake_containers.ts";

const digest = fakeDigest("b");
const added = `FL_KERNEL_DIGEST=${digest}`;
const both = `panic=10 ${added}`;

const rows: readonly [
  why: string,
  running: string,
  configured: string | undefined,
  next: string,
][] = [
  ["the running one stays", "console=ttyS0 quiet", undefined, `console=ttyS0 quiet ${both}`],
  ["a configured one takes its place", "quiet", "console=tty0", `console=tty0 ${both}`],
  ["an empty one is one", "quiet", "", both],
  ["what it says of a panic stays", "panic=-1", undefined, `panic=-1 ${added}`],
  [
    "what the init is told of a panic is nothing to the kernel",
    "quiet -- panic=1",
    undefined,
    `quiet ${both} -- panic=1`,
  ],
  [
    "what boot loaders add goes",
    "BOOT_IMAGE=/boot/vmlinuz initrd=\\initrd.img root=x quiet",
    undefined,
    `root=x quiet ${both}`,
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
    `quiet ${both} -- -c http://x/y --debug`,
  ],
  [
    "what is in quotation marks is one word",
    'dyndbg="file a.c +p; initrd=x" quiet',
    undefined,
    `dyndbg="file a.c +p; initrd=x" quiet ${both}`,
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
