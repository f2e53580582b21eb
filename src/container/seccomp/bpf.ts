/**
 * Turns a tree of decisions into a program for the kernel: classic BPF, as seccomp(2) takes it.
 *
 * It uses only instructions that the kernel can work through ahead of time (kernel/seccomp.c, seccomp_is_const_allow). Calls
 * that are allowed whatever their arguments then pass without the program being run at all, from Linux 5.11 on.
 */

/** A decision on one system call. */
export type Decision =
  | { readonly kind: "return"; readonly value: number }
  /** Loads the 32-bit word at this offset of `struct seccomp_data`, then goes on. */
  | { readonly kind: "load"; readonly offset: number; readonly next: Decision }
  /** Compares what was loaded, as an unsigned number, with `operand`. */
  | {
    readonly kind: "test";
    readonly test: Test;
    readonly operand: number;
    readonly yes: Decision;
    readonly no: Decision;
  };

/** Is it equal, is it the same or more, has it any of these bits? */
export type Test = "equal" | "atLeast" | "anyBit";

/** `struct sock_filter` */
export interface Instruction {
  readonly code: number;
  /** How many instructions to skip if a test holds. */
  readonly jt: number;
  /** How many instructions to skip if it does not. */
  readonly jf: number;
  readonly k: number;
}

/** Opcodes (linux/bpf_common.h): class, size and mode, or class, operation and source, in one. */
export const Opcode = {
  LOAD_WORD: 0x20,
  JUMP: 0x05,
  JUMP_IF_EQUAL: 0x15,
  JUMP_IF_AT_LEAST: 0x35,
  JUMP_IF_ANY_BIT: 0x45,
  RETURN: 0x06,
} as const;

const opcodes: Readonly<Record<Test, number>> = {
  equal: Opcode.JUMP_IF_EQUAL,
  atLeast: Opcode.JUMP_IF_AT_LEAST,
  anyBit: Opcode.JUMP_IF_ANY_BIT,
};

/** Conditional jumps have 8 bits for the distance, and go forward only. */
const FARTHEST_JUMP = 255;

/** BPF_MAXINSNS (linux/bpf_common.h) */
export const MAX_INSTRUCTIONS = 4096;

/** sizeof(struct sock_filter) */
export const INSTRUCTION_BYTES = 8;

/**
 * Makes instructions of decisions.
 *
 * @throws {RangeError} if there are more than the kernel takes
 */
export function assemble(decision: Decision): readonly Instruction[] {
  const program = instructionsOf(decision);
  if (program.length > MAX_INSTRUCTIONS) {
    throw new RangeError(
      `Cannot filter system calls: ${program.length} instructions are more than ${MAX_INSTRUCTIONS}`,
    );
  }
  return program;
}

function instructionsOf(decision: Decision): Instruction[] {
  switch (decision.kind) {
    case "return":
      return [{ code: Opcode.RETURN, jt: 0, jf: 0, k: decision.value }];
    case "load": {
      const load = { code: Opcode.LOAD_WORD, jt: 0, jf: 0, k: decision.offset };
      return [load, ...instructionsOf(decision.next)];
    }
    case "test": {
      const code = opcodes[decision.test];
      const k = decision.operand;
      const yes = instructionsOf(decision.yes);
      const no = instructionsOf(decision.no);
      // The shorter one comes first, since the other is reached by a jump over it.
      if (no.length < yes.length && no.length <= FARTHEST_JUMP) {
        return [{ code, jt: no.length, jf: 0, k }, ...no, ...yes];
      }
      if (yes.length <= FARTHEST_JUMP) {
        return [{ code, jt: 0, jf: yes.length, k }, ...yes, ...no];
      }
      const over = { code: Opcode.JUMP, jt: 0, jf: 0, k: yes.length };
      return [{ code, jt: 1, jf: 0, k }, over, ...yes, ...no];
    }
  }
}

/** The program as the kernel takes it: an array of `struct sock_filter`. Both architectures are little-endian. */
export function encode(program: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(program.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, jt, jf, k }, index) => {
    const offset = index * INSTRUCTION_BYTES;
    view.setUint16(offset, code, true);
    view.setUint8(offset + 2, jt);
    view.setUint8(offset + 3, jf);
    view.setUint32(offset + 4, k, true);
  });
  return bytes;
}
