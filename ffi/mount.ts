/** mount(2), umount2(2) and the mount flags. */
import { SYS } from "./arch.ts";
import { Errno, SyscallError } from "./errno.ts";
import { cString, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int mount(const char *source, const char *target, const char *fstype, unsigned long flags, const void *data); */
  mount: { parameters: ["buffer", "buffer", "buffer", "u64", "buffer"], result: "i32" },
  /** int umount2(const char *target, int flags); */
  umount2: { parameters: ["buffer", "i32"], result: "i32" },
  /** long syscall(SYS_open_tree, int dirfd, const char *filename, unsigned int flags); */
  open_tree: { name: "syscall", parameters: ["i64", "i32", "buffer", "u32"], result: "i64" },
  /** long syscall(SYS_move_mount, int from_dirfd, const char *from_path, int to_dirfd, const char *to_path, unsigned flags); */
  move_mount: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "i32", "buffer", "u32"],
    result: "i64",
  },
  /** long syscall(SYS_mount_setattr, int dirfd, const char *path, unsigned int flags, struct mount_attr *attr, size_t size); */
  mount_setattr: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "u32", "buffer", "usize"],
    result: "i64",
  },
});

/** `struct mount_attr { __u64 attr_set, attr_clr, propagation, userns_fd; }` */
const MOUNT_ATTR_SIZE = 32;

/** Flags of mount(2) (linux/mount.h). */
export const MountFlag = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  SYNCHRONOUS: 16,
  REMOUNT: 32,
  MANDLOCK: 64,
  DIRSYNC: 128,
  NOSYMFOLLOW: 256,
  NOATIME: 1024,
  NODIRATIME: 2048,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  PRIVATE: 1 << 18,
  RELATIME: 1 << 21,
  STRICTATIME: 1 << 24,
  LAZYTIME: 1 << 25,
} as const;

/** What {@linkcode mount} mounts. */
export interface MountOptions {
  /** Device, directory or a name for the kernel's list of mounts. */
  readonly source: string;
  /** Where. */
  readonly target: string;
  /** File system type; empty for bind mounts, remounts and changes of propagation. */
  readonly fstype?: string;
  /** {@linkcode MountFlag} values, or-ed. */
  readonly flags?: number;
  /** Options of the file system, `mode=0755,size=64k`; at most one page (4,096 bytes). */
  readonly data?: string;
  /** How to name the target in an error, where `target` is only a descriptor's path. */
  readonly describe?: string;
}

/**
 * Mounts a file system, binds a directory, or changes a mount.
 *
 * @throws {SyscallError} with mount's errno
 * @throws {RangeError} if `data` does not fit the page that the kernel copies: it would be cut short silently
 */
export function mount(
  { source, target, fstype = "", flags = 0, data = "", describe = target }: MountOptions,
): void {
  const dataString = cString(data);
  if (dataString.length > 4096) {
    throw new RangeError(
      `Cannot mount "${source}" on "${describe}": options of ${data.length} bytes exceed one page`,
    );
  }
  const { mount } = libc();
  if (mount(cString(source), cString(target), cString(fstype), BigInt(flags), dataString) !== 0) {
    const code = errno();
    const what = fstype === "" ? source : fstype;
    throw new SyscallError({
      syscall: "mount",
      action: `mount "${what}" on "${describe}"`,
      path: describe,
      errno: code,
    });
  }
}

/** Flags of umount2(2). */
export const UmountFlag = { DETACH: 2, NOFOLLOW: 8 } as const;

/**
 * Unmounts what is mounted on `target`.
 *
 * @param target a mount point
 * @param flags {@linkcode UmountFlag} values, or-ed
 * @returns false if nothing is mounted there (or it does not exist)
 * @throws {SyscallError} with umount2's errno, otherwise
 */
export function umount(target: string, flags = 0): boolean {
  if (libc().umount2(cString(target), flags) === 0) return true;
  const code = errno();
  if (code === Errno.EINVAL || code === Errno.ENOENT) return false;
  throw new SyscallError({
    syscall: "umount2",
    action: `unmount "${target}"`,
    path: target,
    errno: code,
  });
}

const AT_FDCWD = -100;

const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;

/**
 * Copies a mount. The copy is attached nowhere, and gone with the last copy of its descriptor unless
 * {@linkcode attachMount} attaches it: in another mount namespace, say.
 *
 * @param path a mount point
 * @returns a descriptor of the copy, close-on-exec
 * @throws {SyscallError}
 */
export function cloneMount(path: string): number {
  return openTree(AT_FDCWD, path, 0, path);
}

/**
 * Copies what is to be bind-mounted, a directory with all mounts below it or a file. Like that of {@linkcode cloneMount}, the
 * copy is attached nowhere yet.
 *
 * @param fd of the directory or file
 * @param describe how to name it in an error
 * @returns a descriptor of the copy, close-on-exec
 * @throws {SyscallError}
 */
export function cloneTree(fd: number, describe: string): number {
  return openTree(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, describe);
}

function openTree(directory: number, path: string, flags: number, describe: string): number {
  const OPEN_TREE_CLONE = 1;
  const OPEN_TREE_CLOEXEC = 0o2000000;
  const fd = Number(
    libc().open_tree(
      BigInt(SYS.open_tree),
      directory,
      cString(path),
      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags,
    ),
  );
  if (fd >= 0) return fd;
  const code = errno();
  throw new SyscallError({
    syscall: "open_tree",
    action: `copy the mount "${describe}"`,
    path: describe,
    errno: code,
  });
}

/**
 * Attaches a mount that {@linkcode cloneMount}, {@linkcode cloneTree} or `createMount` (`mount_context.ts`) made.
 *
 * @param fd its descriptor; still to be closed by the caller
 * @param target where: a path, or a descriptor of the place
 * @param describe how to name the place in an error
 * @throws {SyscallError}
 */
export function attachMount(fd: number, target: string | number, describe = `${target}`): void {
  const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
  const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
  const [directory, path, flags] = typeof target === "string"
    ? [AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH] as const
    : [target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH] as const;
  const result = libc().move_mount(
    BigInt(SYS.move_mount),
    fd,
    cString(""),
    directory,
    cString(path),
    flags,
  );
  if (result === 0n) return;
  const code = errno();
  throw new SyscallError({
    syscall: "move_mount",
    action: `attach a mount on "${describe}"`,
    path: describe,
    errno: code,
  });
}

/**
 * Makes a mount and every mount below it read-only. Their other flags stay as they are.
 *
 * @param fd of the mount's root
 * @param describe how to name it in an error
 * @throws {SyscallError} ENOSYS before Linux 5.12
 */
export function makeReadOnly(fd: number, describe: string): void {
  const MOUNT_ATTR_RDONLY = 1n;
  const attributes = new BigUint64Array(MOUNT_ATTR_SIZE / 8);
  attributes[0] = MOUNT_ATTR_RDONLY;
  const result = libc().mount_setattr(
    BigInt(SYS.mount_setattr),
    fd,
    cString(""),
    AT_EMPTY_PATH | AT_RECURSIVE,
    attributes,
    BigInt(MOUNT_ATTR_SIZE),
  );
  if (result === 0n) return;
  const code = errno();
  throw new SyscallError({
    syscall: "mount_setattr",
    action: `make the mount on "${describe}" read-only`,
    path: describe,
    errno: code,
  });
}
