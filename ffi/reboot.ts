/** The end of the machine's running system: reboot(2), sync(2), and kexec_file_load(2) for what comes after it. */
import { SYS } from "./arch.ts";
import { SyscallError } from "./errno.ts";
import { cString, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int reboot(int cmd); */
  reboot: { parameters: ["i32"], result: "i32" },
  /** void sync(void); */
  sync: { parameters: [], result: "void" },
  /** void sync(void); on a thread of the runtime */
  syncElsewhere: { name: "sync", parameters: [], result: "void", nonblocking: true },
  /** long syscall(SYS_kexec_file_load, int kernel_fd, int initrd_fd, unsigned long cmdline_len, const char *cmdline,
   *               unsigned long flags); */
  kexec_file_load: {
    name: "syscall",
    parameters: ["i64", "i32", "i32", "usize", "buffer", "usize"],
    result: "i64",
  },
});

/** What {@linkcode reboot} does (linux/reboot.h), as the signed 32 bits that glibc takes. */
export const RebootCommand = {
  /** At ctrl-alt-del the kernel sends INT to process 1, in place of rebooting at once. */
  CTRL_ALT_DEL_AS_SIGNAL: 0,
  RESTART: 0x01234567,
  POWER_OFF: 0x4321fedc,
  /** Starts the kernel that {@linkcode loadNextKernel} has loaded. */
  KEXEC: 0x45584543,
} as const;

/**
 * Ends the running system in this way, at once. Nothing is written back: {@linkcode sync} comes before it.
 *
 * @param command a {@linkcode RebootCommand} value
 * @throws {SyscallError} EINVAL for `KEXEC` if no kernel is loaded
 */
export function reboot(command: number): void {
  if (libc().reboot(command) === 0) return;
  const code = errno();
  throw new SyscallError({
    syscall: "reboot",
    action: `reboot with command 0x${command.toString(16)}`,
    errno: code,
  });
}

/** Writes everything to the disks, and returns when it is there. */
export function sync(): void {
  libc().sync();
}

/**
 * Writes everything to the disks, without holding up this thread: a disk or a server that does not answer makes sync(2) wait
 * without an end, also one that was unmounted lazily.
 *
 * @param patience milliseconds
 * @returns true if everything is there, false if the patience has run out
 */
export async function syncWithin(patience: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), patience);
  libc().syncElsewhere().then(() => resolve(true));
  const isThere = await promise;
  clearTimeout(timer);
  return isThere;
}

/** A kernel for {@linkcode loadNextKernel}, by open descriptors. */
export interface NextKernel {
  /** Of a bzImage; on aarch64 an Image. */
  readonly kernel: number;
  /** Of its initramfs; absent if it has its own inside. */
  readonly initrd?: number;
  readonly commandLine: string;
}

/**
 * Loads a kernel into memory, for `reboot` with `KEXEC`. The one that was loaded before, if any, is dropped.
 *
 * @throws {SyscallError} ENOEXEC if it is no kernel, EPERM if this machine permits none (`kernel.kexec_load_disabled`, or it is
 * locked down), EKEYREJECTED or the like if it permits only signed ones
 */
export function loadNextKernel({ kernel, initrd, commandLine }: NextKernel): void {
  const KEXEC_FILE_NO_INITRAMFS = 4n;
  const text = cString(commandLine);
  const result = libc().kexec_file_load(
    BigInt(SYS.kexec_file_load),
    kernel,
    initrd ?? -1,
    BigInt(text.length),
    text,
    initrd === undefined ? KEXEC_FILE_NO_INITRAMFS : 0n,
  );
  if (result === 0n) return;
  const code = errno();
  throw new SyscallError({
    syscall: "kexec_file_load",
    action: "load the next kernel",
    errno: code,
  });
}

/** Drops the kernel that {@linkcode loadNextKernel} has loaded, and gives its memory back. */
export function unloadNextKernel(): void {
  const KEXEC_FILE_UNLOAD = 1n;
  libc().kexec_file_load(
    BigInt(SYS.kexec_file_load),
    -1,
    -1,
    0n,
    new Uint8Array(1),
    KEXEC_FILE_UNLOAD,
  );
}
