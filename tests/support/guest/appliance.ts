import { runCommand } from "../command.ts";
import { TemporaryDirectory } from "../temporary_directory.ts";

const ROOT = new URL("../../..", import.meta.url).pathname;
/** Where the boot partition begins on `disk.img`, in mtools' form: see `buildroot-ext/board/frontloader/disk.sh`. */
const BOOT_PARTITION = "@@2M";
/** OVMF, from Debian's package `ovmf`: the code, which is the same for all machines, and a machine's own variables. */
const UEFI = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const UEFI_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd";
/** The disks of EC2's machines are such. */
const NVME = "nvme,drive=appliance,serial=appliance";

/** What `./build.sh quick` has made; `build.sh test` calls it before any test. */
export const APPLIANCE = {
  directory: `${ROOT}output/quick`,
  kernel: `${ROOT}output/quick/bzImage`,
  initrd: `${ROOT}output/quick/initrd`,
  disk: `${ROOT}output/quick/disk.img`,
} as const;

/** A copy of `disk.img` that a test may change, to be booted as the first disk of a guest. */
export class ApplianceDisk implements Disposable {
  readonly #directory = new TemporaryDirectory();

  private constructor() {}

  /**
   * @param words the kernel's command line, whole
   * @throws {Error} if there is no `disk.img`
   */
  static async make(words: readonly string[]): Promise<ApplianceDisk> {
    const disk = new ApplianceDisk();
    await runCommand(["cp", "--sparse=always", APPLIANCE.disk, disk.path]);
    await runCommand([`${ROOT}build.sh`, "cmdline", words.join(" "), disk.path]);
    return disk;
  }

  /** Path of the file. */
  get path(): string {
    return `${this.#directory.path}/disk.img`;
  }

  /** Renames a directory or a file of the boot partition. */
  async rename(from: string, to: string): Promise<void> {
    await runCommand(["mren", "-i", this.path + BOOT_PARTITION, `::${from}`, `::${to}`]);
  }

  /** Gives the disk a size, in MiB, as if it had been written to one of that size. */
  async resize(size: number): Promise<void> {
    await Deno.truncate(this.path, size * 2 ** 20);
  }

  /**
   * QEMU's arguments for it.
   *
   * @param firmware what the machine starts with
   * @param bus what the disk is attached to
   */
  arguments(firmware: "bios" | "uefi", bus: "virtio" | "nvme" = "virtio"): string[] {
    const disk = [
      ...["-drive", `file=${this.path},format=raw,cache=unsafe,if=none,id=appliance`],
      ...["-device", bus === "nvme" ? NVME : "virtio-blk-pci,drive=appliance"],
    ];
    if (firmware === "bios") return disk;
    const flash = "if=pflash,format=raw";
    return [
      ...["-drive", `${flash},readonly=on,file=${UEFI}`],
      ...["-drive", `${flash},snapshot=on,file=${UEFI_VARIABLES}`],
      ...disk,
    ];
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}
