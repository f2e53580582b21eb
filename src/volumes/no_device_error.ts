/** A device that is not there (yet): no reason to worry, others may come. */
export class NoDeviceError extends Error {
  override readonly name = "NoDeviceError";
}
