import assert from "node:assert/strict";
import { cString, lazyLibc } from "../../ffi/libc.ts";

Deno.test("a C string is UTF-8 and ends with a NUL", () => {
  assert.deepEqual([...cString("aä🐳")], [0x61, 0xc3, 0xa4, 0xf0, 0x9f, 0x90, 0xb3, 0]);
  assert.deepEqual([...cString("")], [0]);
});

Deno.test("a C string of bytes has these bytes, whether they are UTF-8 or not", () => {
  assert.deepEqual([...cString(new Uint8Array([0xff, 0x2f, 0xfe]))], [0xff, 0x2f, 0xfe, 0]);
});

Deno.test("a C string is a copy", () => {
  const bytes = new Uint8Array([1, 2]);
  const string = cString(bytes);
  bytes[0] = 9;
  assert.deepEqual([...string], [1, 2, 0]);
});

for (const text of ["a\0b", "\0", "/etc/passwd\0.txt", "a\0"]) {
  Deno.test(`${JSON.stringify(text)} is refused, since the kernel would see only its beginning`, () => {
    const refusal = { name: "TypeError", message: /^Cannot pass .* to libc: it holds a NUL$/ };
    assert.throws(() => cString(text), refusal);
    assert.throws(() => cString(new TextEncoder().encode(text)), refusal);
  });
}

Deno.test("declaring symbols needs no permission, and using them does", () => {
  const libc = lazyLibc({ getpid: { parameters: [], result: "i32" } });
  assert.throws(() => libc(), Deno.errors.NotCapable);
});
