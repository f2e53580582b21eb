/** What XFS is asked and told by ioctl (libxfs/xfs_fs.h of Linux). */
import { OPEN_FLAGS } from "./arch.ts";
import { close } from "./descriptors.ts";
import { SyscallError } from "./errno.ts";
import { cString, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int open(const char *pathname, int flags, mode_t mode); */
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  /** int ioctl(int fd, unsigned long request, void *argument); */
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
});

const O_CLOEXEC = 0o2000000;

/** `_IOR('X', 126, struct xfs_fsop_geom)`, which has 256 bytes (Linux 5.2) */
const XFS_IOC_FSGEOMETRY = 0x8100587en;
const GEOMETRY_BYTES = 256;
/** `_IOW('X', 110, struct xfs_growfs_data)`, which has 16 bytes */
const XFS_IOC_FSGROWFSDATA = 0x4010586en;
const GROWFS_DATA_BYTES = 16;

/** The layout of an XFS. */
export interface XfsGeometry {
  /** Bytes of a block. */
  readonly blockSize: number;
  /** Blocks of an allocation group; the last group may have fewer. */
  readonly agBlocks: number;
  /** Blocks of its data section: the size of the file system. */
  readonly dataBlocks: number;
  /** How much of it inodes may take, in per cent. */
  readonly maxInodePercent: number;
}

/** A mounted XFS. Close it when done, since it cannot be unmounted before: `using xfs = MountedXfs.open(…)`. */
export class MountedXfs implements Disposable {
  readonly #fd: number;
  readonly #path: string;

  private constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  /**
   * @param path a directory of it, such as its mount point
   * @throws {SyscallError}
   */
  static open(path: string): MountedXfs {
    const fd = libc().open(cString(path), OPEN_FLAGS.O_DIRECTORY | O_CLOEXEC, 0);
    if (fd >= 0) return new MountedXfs(fd, path);
    const code = errno();
    throw new SyscallError({ syscall: "open", action: `open "${path}"`, path, errno: code });
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }

  /** @throws {SyscallError} ENOTTY if it is no XFS */
  get geometry(): XfsGeometry {
    const bytes = new Uint8Array(GEOMETRY_BYTES);
    if (libc().ioctl(this.#fd, XFS_IOC_FSGEOMETRY, bytes) !== 0) {
      this.#fail(errno(), "read the geometry of");
    }
    // struct xfs_fsop_geom { __u32 blocksize, rtextsize, agblocks, agcount, logblocks, sectsize, inodesize, imaxpct;
    //                        __u64 datablocks, …
    const view = new DataView(bytes.buffer);
    return {
      blockSize: view.getUint32(0, true),
      agBlocks: view.getUint32(8, true),
      maxInodePercent: view.getUint32(28, true),
      dataBlocks: Number(view.getBigUint64(32, true)),
    };
  }

  /**
   * Grows it; its users do not notice.
   *
   * @param dataBlocks how many blocks it shall have
   * @throws {SyscallError}
   */
  grow(dataBlocks: number, { maxInodePercent }: Pick<XfsGeometry, "maxInodePercent">): void {
    // struct xfs_growfs_data { __u64 newblocks; __u32 imaxpct; }
    const bytes = new Uint8Array(GROWFS_DATA_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(dataBlocks), true);
    view.setUint32(8, maxInodePercent, true);
    if (libc().ioctl(this.#fd, XFS_IOC_FSGROWFSDATA, bytes) !== 0) {
      this.#fail(errno(), `grow to ${dataBlocks} blocks`);
    }
  }

  /** `code` comes first, so that errno is read before anything else is evaluated. */
  #fail(code: number, action: string): never {
    throw new SyscallError({
      syscall: "ioctl",
      action: `${action} the XFS on "${this.#path}"`,
      path: this.#path,
      errno: code,
    });
  }
}
