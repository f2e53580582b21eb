import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { decodeUtf8, readBody } from "../streams/read_body.ts";
import type { AwsIdentity, AwsPlace, AwsRequestOptions } from "./aws_access.ts";
import { AwsError, awsRequest } from "./aws_request.ts";

/**
 * Reads a small object in Amazon S3.
 *
 * @param options `maxBytes`: larger objects are refused
 * @returns its contents as UTF-8
 * @throws {Error} if it cannot be had
 */
export async function readObject(
  { bucket, key, region }: AwsPlace & { readonly bucket: string; readonly key: string },
  identity: AwsIdentity,
  { maxBytes, ...options }: AwsRequestOptions & { readonly maxBytes: number },
): Promise<string> {
  const bytes = await awsRequest(
    { region, identity },
    (client) => new S3Client(client),
    async (client, send) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), send);
      if (Body === undefined) throw new AwsError("the object has no contents");
      return await readBody(Body.transformToWebStream(), { maxBytes, signal: send.abortSignal });
    },
    options,
  );
  return decodeUtf8(bytes);
}
