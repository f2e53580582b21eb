/** The definition of an image, and of what its registry wants to know. */
import * as v from "valibot";
import { parseReference } from "../registry/reference.ts";
import { regionName, roleName } from "./aws_definition.ts";
import {
  defaultKey,
  key,
  nonEmptyText,
  object,
  optionalKey,
  pattern,
  text,
  word,
} from "./definition.ts";

/** An image in a registry. */
export const manifest = v.pipe(
  text("a manifest URL or an image reference"),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      parseReference(dataset.value);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      addIssue({ message: error.message });
    }
  }),
);

const basic = object({
  type: defaultKey(word("basic"), "basic", {
    description:
      "How the registry is asked: `basic` with user name and password, `ecr` with a token for Amazon ECR, which a role of the EC2 machine gets and renews.",
  }),
  username: optionalKey(pattern(/^[^:]+$/, 'a user name without ":"'), {
    description: "The user, or what the registry wants in its place.",
    examples: ["deploy"],
    alias: ["user", "login"],
  }),
  password: optionalKey(nonEmptyText("a password"), {
    description: "The password or access token. It is never shown.",
    secret: true,
    alias: ["token"],
  }),
}, { together: ["username", "password"] });

const ecr = object({
  type: key(word("ecr"), { description: "The registry is Amazon ECR." }),
  region: optionalKey(regionName, {
    description:
      "With `ecr`: the AWS region whose registry it is. Only needed where the registry is not called `<account>.dkr.ecr.<region>.amazonaws.com`.",
    examples: ["eu-west-1"],
  }),
  machineRole: optionalKey(roleName, {
    description: "With `ecr`: the role that gets the token. Without this key all are tried.",
    examples: ["shop-web"],
  }),
});

/** What a registry wants to know of who asks; `type` says which of these it is. */
export const credentials = v.variant("type", [basic, ecr], "an object");
