/** The definition of the meta configuration: where the primary configuration is. */
import * as v from "valibot";
import { regionName, roleName } from "./aws_definition.ts";
import {
  defaultKey,
  key,
  MAX_PATH,
  nonEmptyText,
  object,
  optionalKey,
  pattern,
  word,
} from "./definition.ts";
import { schemaKey } from "./primary_definition.ts";

const region = key(regionName, { description: "The AWS region.", examples: ["eu-west-1"] });

const machineRole = optionalKey(roleName, {
  description: "The role of the machine that may read it. Without this key all are tried.",
  examples: ["shop-web"],
});

const plain = object({
  $schema: schemaKey,
  type: defaultKey(word("plain"), "plain", {
    description: "The primary configuration has a URL or a path.",
  }),
  url: key(
    v.pipe(
      pattern(/^(?:https?:\/\/\S+|\/.*)$/, "an http or https URL or an absolute path", MAX_PATH),
      v.check(
        (value) => value.startsWith("/") || URL.canParse(value),
        "an http or https URL or an absolute path",
      ),
    ),
    {
      description: "Where the primary configuration is: `https://…`, `http://…` or `/path`.",
      examples: ["https://config.example.com/shop.jsonc"],
      alias: ["path", "file"],
    },
  ),
});

const secretsManager = object({
  $schema: schemaKey,
  type: key(word("aws-sm"), {
    description: "The primary configuration is a secret in AWS Secrets Manager.",
  }),
  secretId: key(pattern(/^[^\s]+$/, "the name or ARN of a secret", 2048), {
    description: "The name or ARN of the secret.",
    examples: ["shop/frontloader"],
  }),
  region,
  machineRole,
});

const parameterStore = object({
  $schema: schemaKey,
  type: key(word("aws-ssm"), {
    description: "The primary configuration is a parameter in AWS Systems Manager.",
  }),
  name: key(pattern(/^[^\s]+$/, "the name or ARN of a parameter", 2048), {
    description: "The name or ARN of the parameter.",
    examples: ["/shop/frontloader"],
  }),
  region,
  machineRole,
});

const objectStore = object({
  $schema: schemaKey,
  type: key(word("aws-s3"), {
    description: "The primary configuration is an object in Amazon S3.",
  }),
  bucket: key(pattern(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "the name of a bucket"), {
    description: "The bucket.",
    examples: ["shop-config"],
  }),
  key: key(nonEmptyText("the key of an object", 1024), {
    description: "The key of the object.",
    examples: ["frontloader.jsonc"],
  }),
  region,
  machineRole,
});

/** The meta configuration; `type` says which of these it is. */
export const meta = v.variant(
  "type",
  [plain, secretsManager, parameterStore, objectStore],
  "an object",
);

/** A valid meta configuration, as it was written, defaults filled in. */
export type Meta = v.InferOutput<typeof meta>;
