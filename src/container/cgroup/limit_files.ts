import type { LimitSettings } from "../../config/settings.ts";

/** The controllers that limits need. */
export const CONTROLLERS = ["memory", "cpu", "pids"] as const;

/** One of them; each serves the key of its name. */
export type Controller = typeof CONTROLLERS[number];

/** A file of a cgroup and what it is to hold. */
export interface LimitFile {
  readonly name: string;
  readonly value: string;
  /** True if some kernels do well without it. */
  readonly optional?: true;
}

/** In so many microseconds `cpu` of them may be used: the kernel's default. */
const CPU_PERIOD = 100_000;

/**
 * The files that set the limits of an instance's cgroup.
 *
 * What is limited is the use of memory, so nothing of it may be swapped out: a limit means the same on a machine with swap as
 * on one without. `memory.oom.group` stays 0, as with docker: the kernel kills one process, and the program that started it
 * may know what to do.
 */
export function limitFiles({ memory, cpu, pids }: LimitSettings): readonly LimitFile[] {
  return [
    ...memory === undefined ? [] : [
      { name: "memory.max", value: `${memory}` },
      // Not there in a kernel without swap.
      { name: "memory.swap.max", value: "0", optional: true as const },
    ],
    ...cpu === undefined
      ? []
      : [{ name: "cpu.max", value: `${Math.round(cpu * CPU_PERIOD)} ${CPU_PERIOD}` }],
    ...pids === undefined ? [] : [{ name: "pids.max", value: `${pids}` }],
  ];
}
