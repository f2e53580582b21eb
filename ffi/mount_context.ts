/**
 * Mounting by way of a context: fsopen(2), fsconfig(2), fsmount(2). Unlike mount(2) it says in words what is wrong with an
 * option, and the mount is attached nowhere until it is complete.
 */
import { SYS } from "./arch.ts";
import { close } from "./descriptors.ts";
import { SyscallError } from "./errno.ts";
import { type Bytes, cString, errno, lazyLibc } from "./libc.ts";
import { MountFlag, type MountOptions } from "./mount.ts";

const libc = lazyLibc({
  /** long syscall(SYS_fsopen, const char *fsname, unsigned int flags); */
  fsopen: { name: "syscall", parameters: ["i64", "buffer", "u32"], result: "i64" },
  /** long syscall(SYS_fsconfig, int fd, unsigned int cmd, const char *key, const void *value, int aux); */
  fsconfig: {
    name: "syscall",
    parameters: ["i64", "i32", "u32", "buffer", "buffer", "i32"],
    result: "i64",
  },
  /** long syscall(SYS_fsmount, int fd, unsigned int flags, unsigned int attr_flags); */
  fsmount: { name: "syscall", parameters: ["i64", "i32", "u32", "u32"], result: "i64" },
  /** ssize_t read(int fd, void *buf, size_t count); */
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
});

/** linux/mount.h */
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const CLOEXEC = 1;

/** Flags of mount(2) that belong to the file system as a whole (`common_set_sb_flag` in fs/fs_context.c). */
const SUPERBLOCK_OPTIONS: readonly (readonly [flag: number, name: string])[] = [
  [MountFlag.RDONLY, "ro"],
  [MountFlag.SYNCHRONOUS, "sync"],
  [MountFlag.DIRSYNC, "dirsync"],
  [MountFlag.MANDLOCK, "mand"],
  [MountFlag.LAZYTIME, "lazytime"],
];

/** Flags of mount(2) that belong to the single mount, and what fsmount(2) calls them; RELATIME is what it does by itself. */
const ATTRIBUTES: readonly (readonly [flag: number, attribute: number])[] = [
  [MountFlag.RDONLY, 0x1],
  [MountFlag.NOSUID, 0x2],
  [MountFlag.NODEV, 0x4],
  [MountFlag.NOEXEC, 0x8],
  [MountFlag.NOATIME, 0x10],
  [MountFlag.STRICTATIME, 0x20],
  [MountFlag.NODIRATIME, 0x80],
  [MountFlag.NOSYMFOLLOW, 0x200000],
];

/** What stands between commas, but for those in double quotes: SELinux's contexts have some. */
const OPTION = /(?:"[^"]*"|[^,])+/g;

/**
 * Makes a mount that is attached nowhere yet; `attachMount` does that.
 *
 * @param options as for `mount`; `target` is only for the error
 * @returns a descriptor of the mount's root, close-on-exec
 * @throws {SyscallError} whose cause is what the kernel says about it, if it says anything
 */
export function createMount(
  { source, target, fstype = "", flags = 0, data = "" }: MountOptions,
): number {
  const c = libc();
  const context = Number(c.fsopen(BigInt(SYS.fsopen), cString(fstype), CLOEXEC));
  if (context < 0) fail(errno(), "fsopen");
  try {
    configure(FSCONFIG_SET_STRING, "source", source);
    for (const [flag, name] of SUPERBLOCK_OPTIONS) {
      if ((flags & flag) !== 0) configure(FSCONFIG_SET_FLAG, name);
    }
    for (const option of data.match(OPTION) ?? []) {
      const [key = "", ...value] = option.split("=");
      if (value.length === 0) configure(FSCONFIG_SET_FLAG, key);
      else configure(FSCONFIG_SET_STRING, key, value.join("=").replace(/^"(.*)"$/, "$1"));
    }
    configure(FSCONFIG_CMD_CREATE);
    const attributes = ATTRIBUTES
      .reduce((all, [flag, attribute]) => (flags & flag) === 0 ? all : all | attribute, 0);
    const fd = Number(c.fsmount(BigInt(SYS.fsmount), context, CLOEXEC, attributes));
    if (fd < 0) fail(errno(), "fsmount");
    return fd;
  } finally {
    close(context);
  }

  function configure(command: number, key?: string, value?: string): void {
    const keyBytes = key === undefined ? null : cString(key);
    const valueBytes = value === undefined ? null : cString(value);
    const result = c.fsconfig(BigInt(SYS.fsconfig), context, command, keyBytes, valueBytes, 0);
    if (result !== 0n) fail(errno(), "fsconfig");
  }

  /** `code` comes first, so that errno is read before anything else is evaluated. */
  function fail(code: number, syscall: string): never {
    const said = context < 0 ? [] : messagesOf(context);
    throw new SyscallError({
      syscall,
      action: `mount "${source}" on "${target}" as ${fstype}`,
      path: target,
      errno: code,
      cause: said.length === 0 ? undefined : new Error(`The kernel says: ${said.join("; ")}`),
    });
  }
}

/** What the kernel has to say of a context: each read(2) gives one line, `e` for an error before it. */
function messagesOf(context: number): string[] {
  const lines: string[] = [];
  const buffer: Bytes = new Uint8Array(4096);
  while (true) {
    const length = Number(libc().read(context, buffer, BigInt(buffer.length)));
    // ENODATA, or whatever else there is: it has nothing (more) to say.
    if (length <= 0) return lines;
    lines.push(new TextDecoder().decode(buffer.subarray(0, length)).trim().replace(/^[ewi] /, ""));
  }
}
