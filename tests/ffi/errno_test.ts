import assert from "node:assert/strict";
import { constants } from "node:os";
import { Errno, isSyscallError, SyscallError } from "../../ffi/errno.ts";

Deno.test("errno values are those of this machine", () => {
  const known: Record<string, number> = constants.errno;
  const compared = Object.entries(Errno).filter(([name]) => name in known);
  assert(compared.length > 30);
  for (const [name, value] of compared) assert.equal(value, known[name], name);
});

Deno.test("errno values differ", () => {
  const values = Object.values(Errno);
  assert.equal(new Set(values).size, values.length);
});

Deno.test("a failed system call says what was being done and why it failed", () => {
  const error = new SyscallError({
    syscall: "mount",
    action: 'mount "proc" on "/proc"',
    path: "/proc",
    errno: Errno.EBUSY,
  });
  assert.equal(error.message, 'Cannot mount "proc" on "/proc": EBUSY');
  assert.equal(String(error), 'SyscallError: Cannot mount "proc" on "/proc": EBUSY');
  assert(error instanceof Error);
  const { syscall, code, path } = error;
  assert.deepEqual({ syscall, code, path }, { syscall: "mount", code: "EBUSY", path: "/proc" });
});

Deno.test("a failed system call need not be about a path", () => {
  const error = new SyscallError({ syscall: "pipe2", action: "make a pipe", errno: Errno.EMFILE });
  assert.equal(error.message, "Cannot make a pipe: EMFILE");
  assert.equal(error.path, undefined);
});

for (const errno of [0, 35, 4095, -1]) {
  Deno.test(`an errno without a name here, ${errno}, is told by its number`, () => {
    const error = new SyscallError({ syscall: "x", action: "do", errno });
    assert.equal(error.code, `errno ${errno}`);
    assert.equal(error.message, `Cannot do: errno ${errno}`);
  });
}

Deno.test("a failed system call is told from others by its code", () => {
  const busy = new SyscallError({ syscall: "mount", action: "mount", errno: Errno.EBUSY });
  assert.equal(isSyscallError(busy), true);
  assert.equal(isSyscallError(busy, "EBUSY"), true);
  assert.equal(isSyscallError(busy, "EPERM", "EBUSY"), true);
  assert.equal(isSyscallError(busy, "EPERM"), false);
  assert.equal(isSyscallError(Object.assign(new Error("x"), { code: "EBUSY" }), "EBUSY"), false);
  assert.equal(isSyscallError(undefined), false);
});
