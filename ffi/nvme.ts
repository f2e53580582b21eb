/** What an NVMe controller says of itself: the command Identify, by ioctl (linux/nvme_ioctl.h; NVM Express Base Specification). */
import { close, openForReading } from "./descriptors.ts";
import { Errno, SyscallError } from "./errno.ts";
import { addressOf, type Bytes, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int ioctl(int fd, unsigned long request, void *argument); */
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
});

/** `_IOWR('N', 0x41, struct nvme_admin_cmd)`, which has 72 bytes */
const NVME_IOCTL_ADMIN_CMD = 0xc0484e41n;
const ADMIN_COMMAND_BYTES = 72;
/** Opcode of Identify, and what it is to identify: the controller. */
const IDENTIFY = 0x06;
const CNS_CONTROLLER = 1;
/** Size of the answer. */
const IDENTIFY_BYTES = 4096;

/**
 * Asks a controller who it is.
 *
 * @param path of its character device: `/dev/nvme0`
 * @returns the Identify Controller data structure, 4,096 bytes
 * @throws {SyscallError}
 */
export function identifyNvme(path: string): Bytes {
  const data: Bytes = new Uint8Array(IDENTIFY_BYTES);
  // struct nvme_admin_cmd { __u8 opcode, flags; __u16 rsvd1; __u32 nsid, cdw2, cdw3; __u64 metadata, addr;
  //                         __u32 metadata_len, data_len, cdw10, …, timeout_ms, result; }
  const command = new DataView(new ArrayBuffer(ADMIN_COMMAND_BYTES));
  command.setUint8(0, IDENTIFY);
  command.setBigUint64(24, addressOf(data), true);
  command.setUint32(36, IDENTIFY_BYTES, true);
  command.setUint32(40, CNS_CONTROLLER, true);
  const fd = openForReading(path);
  try {
    const result = libc().ioctl(fd, NVME_IOCTL_ADMIN_CMD, new Uint8Array(command.buffer));
    const code = errno();
    // Uses the answer after the call that wrote it through a raw pointer, so that it cannot be collected before.
    addressOf(data);
    if (result === 0) return data;
    // Above 0 it is a status of the controller.
    throw new SyscallError({
      syscall: "ioctl",
      action: `identify the NVMe controller "${path}"${result > 0 ? ` (status ${result})` : ""}`,
      path,
      errno: result > 0 ? Errno.EIO : code,
    });
  } finally {
    close(fd);
  }
}
