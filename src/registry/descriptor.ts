import type { Digest } from "./digest.ts";

/** What a manifest says of a blob or of another manifest (OCI image-spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes, as they are transferred. */
  readonly size: number;
}
