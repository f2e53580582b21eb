import assert from "node:assert/strict";
import {
  encode,
  type Instruction,
  INSTRUCTION_BYTES,
  MAX_INSTRUCTIONS,
  Opcode,
} from "../../../src/container/seccomp/bpf.ts";
import { CAPABILITIES, type CapabilityName } from "../../../src/container/capabilities.ts";
import { DEFAULT_ROOT_CAPABILITIES } from "../../../src/container/default_capabilities.ts";
import { Action, filterProgram, seccompFilter } from "../../../src/container/seccomp/filter.ts";
import { ALLOWED, CONDITIONAL, WITH_CAPABILITY } from "../../../src/container/seccomp/profile.ts";
import numbers from "../../../src/container/seccomp/syscall_numbers.json" with { type: "json" };

const EPERM = Action.ERRNO | 1;
const ENOSYS = Action.ERRNO | 38;

/** AUDIT_ARCH_X86_64, AUDIT_ARCH_I386 and AUDIT_ARCH_AARCH64 (linux/audit.h) */
const [X86_64, I386, AARCH64] = [0xc000003e, 0x40000003, 0xc00000b7];

/** A system call as the kernel shows it to a filter. */
interface Call {
  readonly number: number;
  readonly architecture?: number;
  /** 64 bits each. */
  readonly args?: readonly bigint[];
}

/** Runs a program as kernel/bpf/core.c would, on `struct seccomp_data`. */
function run(
  program: readonly Instruction[],
  { number, architecture = X86_64, args = [] }: Call,
): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number, true);
  data.setUint32(4, architecture, true);
  args.forEach((value, index) =>
    data.setBigUint64(16 + 8 * index, BigInt.asUintN(64, value), true)
  );
  let accumulator = 0;
  for (let at = 0; at < program.length; at++) {
    const { code, jt, jf, k } = program[at]!;
    const jump = (holds: boolean) => at += holds ? jt : jf;
    if (code === Opcode.LOAD_WORD) accumulator = data.getUint32(k, true);
    else if (code === Opcode.JUMP) at += k;
    else if (code === Opcode.JUMP_IF_EQUAL) jump(accumulator === k);
    else if (code === Opcode.JUMP_IF_AT_LEAST) jump(accumulator >= k);
    else if (code === Opcode.JUMP_IF_ANY_BIT) jump((accumulator & k) !== 0);
    else if (code === Opcode.RETURN) return k;
    else throw new Error(`The kernel knows no instruction 0x${code.toString(16)}`);
  }
  throw new Error("The program runs off its end");
}

const root = filterProgram(DEFAULT_ROOT_CAPABILITIES, "x86_64");
const none = filterProgram([], "x86_64");
const all = filterProgram(Object.keys(CAPABILITIES), "x86_64");
const syscall = numbers.x86_64;

Deno.test("what is allowed passes, whoever it is and whatever its arguments", () => {
  for (const name of ALLOWED) {
    for (const [abi, architecture] of [["x86_64", X86_64], ["i386", I386]] as const) {
      const number = (numbers[abi] as Record<string, number>)[name];
      if (number === undefined) continue;
      for (const program of [none, root, all]) {
        const args = Array(6).fill(-1n);
        assert.equal(run(program, { number, architecture, args }), Action.ALLOW, `${abi} ${name}`);
      }
    }
  }
});

Deno.test("what no rule names is refused, whoever it is", () => {
  const named = new Set([
    ...ALLOWED,
    ...Object.keys(CONDITIONAL),
    ...Object.values(WITH_CAPABILITY).flat(),
  ]);
  for (const [abi, architecture] of [["x86_64", X86_64], ["i386", I386]] as const) {
    for (const [name, number] of Object.entries(numbers[abi])) {
      if (named.has(name)) continue;
      assert.equal(run(all, { number, architecture }), EPERM, `${abi} ${name}`);
    }
  }
});

for (const [capability, opened] of Object.entries(WITH_CAPABILITY)) {
  Deno.test(`${capability} opens what it stands for, and no other does alone`, () => {
    const having = filterProgram([capability], "x86_64");
    const others = Object.entries(WITH_CAPABILITY).filter(([name]) => name !== capability);
    for (const name of opened) {
      const number = (syscall as Record<string, number>)[name];
      if (number === undefined) continue;
      assert.equal(run(having, { number }), Action.ALLOW, name);
      // Of clone it is the flags that are refused.
      const args = [BigInt(0x10000000)];
      const refused = run(none, { number, args });
      assert.equal(refused, name === "clone3" ? ENOSYS : EPERM, name);
      for (const [other, names] of others) {
        const program = filterProgram([other], "x86_64");
        const expected = names.includes(name) ? Action.ALLOW : refused;
        assert.equal(run(program, { number, args }), expected, `${name} with ${other}`);
      }
    }
  });
}

const rows: readonly (readonly [what: string, call: Call, result: number])[] = [
  ["clone of a thread", { number: syscall.clone, args: [0x3d0f00n] }, Action.ALLOW],
  ...[0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000].map(
    (flag) =>
      [
        `clone with the namespace 0x${flag.toString(16)}`,
        { number: syscall.clone, args: [BigInt(flag) | 17n] },
        EPERM,
      ] as const,
  ),
  ["clone with a flag above 32 bits", { number: syscall.clone, args: [1n << 36n] }, Action.ALLOW],
  ["clone3", { number: syscall.clone3 }, ENOSYS],
  ["a UNIX socket", { number: syscall.socket, args: [1n] }, Action.ALLOW],
  ["a netlink socket", { number: syscall.socket, args: [16n] }, Action.ALLOW],
  ["an AF_ALG socket", { number: syscall.socket, args: [38n] }, EPERM],
  ["an AF_NFC socket", { number: syscall.socket, args: [39n] }, Action.ALLOW],
  ["an AF_VSOCK socket", { number: syscall.socket, args: [40n] }, EPERM],
  ["an AF_VSOCK socket, padded", { number: syscall.socket, args: [40n + (7n << 32n)] }, EPERM],
  ["an AF_ALG socket of a 32-bit program", {
    number: numbers.i386.socket,
    architecture: I386,
    args: [38n],
  }, EPERM],
  ["personality PER_LINUX32", { number: syscall.personality, args: [8n] }, Action.ALLOW],
  ["personality UNAME26", { number: syscall.personality, args: [0x20000n] }, Action.ALLOW],
  ["personality?", { number: syscall.personality, args: [0xffffffffn] }, Action.ALLOW],
  ["personality ADDR_NO_RANDOMIZE", { number: syscall.personality, args: [0x40000n] }, EPERM],
  ["personality, padded", { number: syscall.personality, args: [0x40000n + (1n << 40n)] }, EPERM],
  ["a number that no call has", { number: 400 }, ENOSYS],
  ["a number beyond all", { number: 0x7fffffff }, ENOSYS],
  ["the number -1", { number: 0xffffffff }, ENOSYS],
  ["a call of x32", { number: 0x40000000 + syscall.read }, ENOSYS],
  ["a call of x32 that is refused", { number: 0x40000000 + syscall.mount }, ENOSYS],
  ["a call of aarch64", { number: 64, architecture: AARCH64 }, Action.KILL_PROCESS],
  ["a call of nobody's", { number: 0, architecture: 0 }, Action.KILL_PROCESS],
];

for (const [what, call, result] of rows) {
  Deno.test(`${what} comes to 0x${result.toString(16)}`, () => {
    assert.equal(run(root, call), result);
  });
}

Deno.test("on aarch64 its own calls are filtered, and no others run", () => {
  const program = filterProgram(DEFAULT_ROOT_CAPABILITIES, "aarch64");
  const { aarch64 } = numbers;
  const at = (number: number, architecture = AARCH64) => run(program, { number, architecture });
  assert.equal(at(aarch64.read), Action.ALLOW);
  assert.equal(at(aarch64.mount), EPERM);
  assert.equal(at(aarch64.clone3), ENOSYS);
  // AUDIT_ARCH_ARM
  for (const other of [X86_64, I386, 0x40000028]) {
    assert.equal(at(aarch64.read, other), Action.KILL_PROCESS);
  }
});

Deno.test("the program is what the kernel takes: not too long, every way ends, and jumps stay inside", () => {
  for (const program of [none, root, all]) {
    assert(program.length <= MAX_INSTRUCTIONS);
    program.forEach(({ code, jt, jf, k }, index) => {
      for (const skip of code === Opcode.JUMP ? [k] : [jt, jf]) {
        assert(index + 1 + skip < program.length || code === Opcode.RETURN);
      }
      assert(jt <= 255 && jf <= 255);
    });
    assert.equal(program.at(-1)!.code, Opcode.RETURN);
    assert.equal(encode(program).length, program.length * INSTRUCTION_BYTES);
  }
});

Deno.test("an instruction is encoded as struct sock_filter", () => {
  assert.deepEqual(
    [...encode([{ code: 0x15, jt: 1, jf: 2, k: 0xc000003e }])],
    [0x15, 0, 1, 2, 0x3e, 0, 0, 0xc0],
  );
});

Deno.test("the order of capabilities makes no other filter, and one that opens nothing neither", () => {
  const filter = (...names: CapabilityName[]) => seccompFilter(names);
  assert.equal(filter("CAP_BPF", "CAP_SYSLOG"), filter("CAP_SYSLOG", "CAP_BPF"));
  assert.equal(filter("CAP_CHOWN"), filter());
  assert.notEqual(filter("CAP_BPF"), filter());
});
