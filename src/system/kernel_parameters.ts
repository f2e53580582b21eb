import { isSyscallError } from "../../ffi/errno.ts";
import { writeKernelFile } from "../../ffi/kernel_files.ts";
import { errorChain } from "../log/error_chain.ts";

/** Writes to files of `/proc/sys`. */
export interface ParameterFiles {
  /**
   * @param path below `/proc/sys`
   * @throws {SyscallError} ENOENT if there is no such parameter; EINVAL among others if the kernel refuses the value
   */
  write(path: string, value: string): void;
}

/** The kernel's. */
export const kernelParameterFiles: ParameterFiles = {
  write: (path, value) => writeKernelFile(`/proc/sys/${path}`, value),
};

/** Sets parameters of the kernel. */
export class KernelParameters {
  readonly #files: ParameterFiles;
  /** What they were set to, by path. */
  readonly #set = new Map<string, string>();

  constructor(files: ParameterFiles = kernelParameterFiles) {
    this.#files = files;
  }

  /**
   * Sets parameters that have not been set to these values yet. Others keep what they have: what it was before is not known
   * to be good still.
   *
   * @param parameters values by name, as sysctl(8) takes them
   * @returns what could not be set, and why
   */
  apply(parameters: Readonly<Record<string, string>>): readonly string[] {
    const problems: string[] = [];
    for (const [name, value] of Object.entries(parameters)) {
      const path = parameterPath(name);
      if (this.#set.get(path) === value) continue;
      try {
        // As sysctl(8) does it: an empty value is a write nevertheless.
        this.#files.write(path, `${value}\n`);
        this.#set.set(path, value);
      } catch (error) {
        const reason = isSyscallError(error, "ENOENT")
          ? "this machine's kernel has none of that name"
          : errorChain(error).join(": ");
        problems.push(`Cannot set the kernel parameter "${name}": ${reason}`);
      }
    }
    return problems;
  }
}

/**
 * The path of a parameter below `/proc/sys`. Names are written with dots or with slashes (sysctl(8)): what comes first
 * separates, and the other one stands for a dot within a name, as in `net.ipv4.conf.eth0/1.forwarding`.
 *
 * @param name valid as the configuration has it: without empty components, so that none leads upwards
 */
export function parameterPath(name: string): string {
  const [first] = /[./]/.exec(name) ?? [];
  return first === "/" ? name : name.replaceAll(/[./]/g, (one) => one === "." ? "/" : ".");
}
