/** Says what stands in a configuration, without giving secrets away. */
import type { JsonNode } from "./json_node.ts";
import { quote } from "./path.ts";
import { redactUrl } from "./redact_url.ts";

/**
 * Describes a value for "found …".
 *
 * @param node the value
 * @param secret true if only its type may be told
 */
export function describe(node: JsonNode, secret: boolean): string {
  switch (node.type) {
    case "object":
      return "an object";
    case "array":
      return node.items.length === 0 ? "an empty list" : "a list";
    case "string":
      return secret ? "a string" : quote(redactUrl(node.value));
    case "number":
      return secret ? "a number" : node.text.length > 40 ? "a very long number" : node.text;
    case "boolean":
      return secret ? "true or false" : `${node.value}`;
    default:
      return node.type;
  }
}

/** True if what stands under a key of this name may be a secret, whatever the definition says. */
export function looksSecret(name: string): boolean {
  return /pass|secret|token|credential|private|api_?key/i.test(name);
}
