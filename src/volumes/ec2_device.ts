/**
 * Devices of EC2 by the names that they were given at attachment. On instances of the Nitro kind all are NVMe controllers, in no
 * particular order; each tells its name in the vendor's part of its Identify data (Amazon EC2 User Guide, "Amazon EBS volumes
 * and NVMe"). Elsewhere the kernel names them itself, `xvdf` for `sdf`.
 */

/** One NVMe controller and what it says of itself. */
export interface NvmeController {
  /** Its first namespace: `/dev/nvme1n1`. */
  readonly device: string;
  /** Identify Controller data structure, 4,096 bytes. */
  readonly data: Uint8Array;
}

const INSTANCE_STORE_MODEL = "Amazon EC2 NVMe Instance Storage";
const EPHEMERAL = /^ephemeral(\d{1,2})$/;
const ATTACHED = /^(?:\/dev\/)?((?:sd|xvd)[a-z]{1,2}\d{0,2})$/;

/** True if this may be a name that EC2 knows. */
export function isEc2Name(device: string): boolean {
  return EPHEMERAL.test(device) || ATTACHED.test(device);
}

/**
 * Finds the NVMe device with a name of EC2.
 *
 * @param name `sdf`, `/dev/sdf`, `xvdf`, `ephemeral0`
 * @returns its path; undefined if there is none
 */
export function findEc2Device(
  name: string,
  controllers: readonly NvmeController[],
): string | undefined {
  const ephemeral = EPHEMERAL.exec(name)?.[1];
  if (ephemeral !== undefined) return findEphemeral(Number(ephemeral), controllers);
  const wanted = plainName(name);
  return controllers.find(({ data }) => {
    const attached = nameAtAttachment(data);
    // `ephemeral0:sdb`: an instance store is meant by its number only.
    return attached !== undefined && plainName(attached) === wanted;
  })?.device;
}

/** The node that the kernel makes for such a name where disks are no NVMe: Xen's are called `xvdf`. */
export function xenNode(name: string): string | undefined {
  const plain = ATTACHED.exec(name)?.[1];
  return plain === undefined ? undefined : `/dev/${plain.replace(/^sd/, "xvd")}`;
}

/** Instance stores say which one they are (`ephemeral0:none`); older ones do not, and are then counted as the kernel did. */
function findEphemeral(
  number: number,
  controllers: readonly NvmeController[],
): string | undefined {
  const stores = controllers.filter(({ data }) => modelOf(data) === INSTANCE_STORE_MODEL);
  const named = stores.find(({ data }) =>
    nameAtAttachment(data)?.split(":")[0] === `ephemeral${number}`
  );
  if (named !== undefined) return named.device;
  const nameless = stores.filter(({ data }) => nameAtAttachment(data) === undefined);
  return nameless.length === stores.length ? stores[number]?.device : undefined;
}

/** The model number: bytes 24 to 63, padded with spaces. */
export function modelOf(data: Uint8Array): string {
  return text(data.subarray(24, 64));
}

/** What the vendor's bytes, from 3072 on, say: 32 bytes, padded with spaces or NULs. Undefined if they say nothing. */
export function nameAtAttachment(data: Uint8Array): string | undefined {
  if (!modelOf(data).startsWith("Amazon ")) return undefined;
  return text(data.subarray(3072, 3104)) || undefined;
}

/** `/dev/sdf`, `sdf` and `xvdf` are one name. */
function plainName(name: string): string {
  return name.replace(/^\/dev\//, "").replace(/^xvd/, "sd");
}

function text(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes).replace(/\0.*$/s, "").trim();
}
