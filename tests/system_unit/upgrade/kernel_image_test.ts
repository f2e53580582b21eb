import assert from "node:assert/strict";
import { commitOf, findKernel } from "../../../src/system/upgrade/kernel_image.ts";
import { TemporaryDirectory } from "../../support/temporary_directory.ts";

/** A file that has a kernel's signature, and zeros otherwise. */
function kernel({ size = 1 << 20, signature = "HdrS", offset = 0x202 } = {}): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(new TextEncoder().encode(signature), offset);
  return bytes;
}

function find(
  files: Readonly<Record<string, Uint8Array>>,
  arch: typeof Deno.build.arch = "x86_64",
) {
  using directory = new TemporaryDirectory();
  for (const [name, contents] of Object.entries(files)) {
    Deno.writeFileSync(`${directory.path}/${name}`, contents);
  }
  const { kernel, initrd, size } = findKernel(directory.path, arch);
  return [...[kernel, initrd].map((path) => path?.slice(directory.path.length)), size];
}

Deno.test("a kernel is found by its signature, with its initrd if there is one", () => {
  assert.deepEqual(find({ bzImage: kernel() }), ["/bzImage", undefined, 1 << 20]);
  const initrd = new Uint8Array([1]);
  assert.deepEqual(find({ bzImage: kernel(), initrd }), ["/bzImage", "/initrd", (1 << 20) + 1]);
  const arm = kernel({ signature: "ARM\x64", offset: 0x38 });
  assert.deepEqual(find({ bzImage: arm }, "aarch64"), ["/bzImage", undefined, 1 << 20]);
});

Deno.test("what is no kernel for this machine is refused", () => {
  assert.throws(() => find({}), { message: "The image has no file /bzImage" });
  for (
    const bzImage of [kernel({ signature: "nope" }), kernel({ size: 0x300 }), new Uint8Array()]
  ) {
    assert.throws(() => find({ bzImage }), {
      message: "The image's /bzImage is no kernel for x86_64",
    });
  }
  assert.throws(() => find({ bzImage: kernel() }, "aarch64"), /no kernel for aarch64/);
});

Deno.test("an empty initrd is refused", () => {
  assert.throws(() => find({ bzImage: kernel(), initrd: new Uint8Array() }), {
    message: "The image's /initrd is empty",
  });
});

Deno.test("what is no regular file is no kernel: a link would lead to a file of the machine", () => {
  using directory = new TemporaryDirectory();
  Deno.mkdirSync(`${directory.path}/bzImage`);
  assert.throws(() => findKernel(directory.path, "x86_64"), {
    message: "The image's /bzImage is no file",
  });
});

Deno.test("the commit of an image is in one of two labels", () => {
  assert.equal(commitOf({ commit: "abc", "org.opencontainers.image.revision": "def" }), "abc");
  assert.equal(commitOf({ commit: "", "org.opencontainers.image.revision": "def" }), "def");
  assert.equal(commitOf({ Commit: "abc" }), undefined);
});
