/** The definition of an image, and of what its registry wants to know. */
import * as v from "valibot";
import { parseReference } from "../registry/reference.ts";
import {
  defaultKey,
  nonEmptyText,
  object,
  oneOf,
  optionalKey,
  pattern,
  text,
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

/** What a registry wants to know of who asks. */
export const credentials = object({
  type: defaultKey(oneOf(["basic", "ecr"]), "basic", {
    description:
      "How the registry is asked: with user name and password, or with a token that the role of the EC2 machine gets.",
    notYet: { except: "basic" },
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
