import { close } from "../../ffi/descriptors.ts";
import { openKernelLog, readKernelRecord, skipKernelRecords } from "../../ffi/kernel_log.ts";
import { parseKernelRecord } from "../log/kernel_log.ts";

/**
 * Listens to the kernel's log from now on: file systems say there alone why they cannot be mounted.
 *
 * @returns gives the messages since, once; none where the log cannot be read
 */
export function kernelMessages(): Disposable & { take(): string[] } {
  let fd: number | undefined;
  try {
    fd = openKernelLog("/dev/kmsg");
    skipKernelRecords(fd);
  } catch {
    // What is wrong is said by the error that this would have embellished.
  }
  return {
    take() {
      const messages: string[] = [];
      if (fd === undefined) return messages;
      for (let record = readKernelRecord(fd); record !== undefined; record = readKernelRecord(fd)) {
        const { text } = parseKernelRecord(new TextDecoder().decode(record)) ?? {};
        if (text !== undefined) messages.push(text);
      }
      return messages;
    },
    [Symbol.dispose]() {
      if (fd !== undefined) close(fd);
    },
  };
}
