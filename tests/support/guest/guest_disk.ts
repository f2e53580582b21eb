import { TemporaryDirectory } from "../temporary_directory.ts";

/** What a {@linkcode GuestDisk} is. */
export interface GuestDiskOptions {
  /** How the guest finds it; QEMU's name of it as well. */
  readonly serial: string;
  /** In MiB; the file is sparse. */
  readonly size: number;
  /** Default `virtio`: `/dev/vda` and so on. */
  readonly bus?: "virtio" | "nvme";
}

/** A disk of a guest: a raw file. It outlives the guest, so that what is on it can be looked at. */
export class GuestDisk implements Disposable {
  readonly serial: string;
  readonly #bus: "virtio" | "nvme";
  readonly #directory = new TemporaryDirectory();

  constructor({ serial, size, bus = "virtio" }: GuestDiskOptions) {
    this.serial = serial;
    this.#bus = bus;
    Deno.createSync(this.path).close();
    Deno.truncateSync(this.path, size * 2 ** 20);
  }

  /** Path of the file. */
  get path(): string {
    return `${this.#directory.path}/disk.raw`;
  }

  /** QEMU's arguments for it. */
  get arguments(): string[] {
    const { path, serial } = this;
    const device = this.#bus === "nvme" ? "nvme" : "virtio-blk-pci";
    return [
      // Nobody cuts this machine's own power.
      ...[
        "-blockdev",
        `driver=raw,node-name=${serial},cache.no-flush=on,file.driver=file,file.filename=${path}`,
      ],
      ...["-device", `${device},drive=${serial},serial=${serial}`],
    ];
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}
