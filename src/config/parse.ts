/** Reads configurations: text in, settings or every problem of the text out. */
import type { InferOutput } from "valibot";
import type { Definition } from "./definition.ts";
import { parseTree } from "./json_tree.ts";
import { meta } from "./meta_definition.ts";
import { primary } from "./primary_definition.ts";
import { ProblemList } from "./problem_list.ts";
import type { MetaSettings, Settings } from "./settings.ts";
import { toMetaSettings, toSettings } from "./to_settings.ts";
import { validate } from "./validate.ts";

/** What a configuration is for. */
export type ConfigurationKind = "meta" | "primary";

/**
 * Reads a primary configuration.
 *
 * @param text JSON with comments and trailing commas
 * @param source what to call the text in messages
 * @throws {ConfigurationError} with everything that is wrong
 */
export function parsePrimary(text: string, source: string): Settings {
  return toSettings(parse(primary, text, source));
}

/**
 * Reads a meta configuration.
 *
 * @param text JSON with comments and trailing commas
 * @param source what to call the text in messages
 * @throws {ConfigurationError} with everything that is wrong
 */
export function parseMeta(text: string, source: string): MetaSettings {
  return toMetaSettings(parse(meta, text, source));
}

/** Keys that a meta configuration has and a primary one has not. */
const META_KEYS = new Set(
  meta.options.flatMap(({ entries }) => Object.keys(entries))
    .filter((name) => !Object.hasOwn(primary.entries, name)),
);

/**
 * Tells meta and primary configurations apart, by the keys at the top. What cannot be told, broken text among it, counts
 * as primary.
 *
 * @param text JSON with comments and trailing commas
 */
export function detectKind(text: string): ConfigurationKind {
  const root = parseTree(text, new ProblemList(text, ""));
  const isMeta = root?.type === "object" && root.members.some(({ key }) => META_KEYS.has(key.name));
  return isMeta ? "meta" : "primary";
}

function parse<D extends Definition>(
  definition: D,
  text: string,
  source: string,
): InferOutput<D> {
  const problems = new ProblemList(text, source);
  const root = parseTree(text, problems);
  // Of a text that breaks off, nobody knows what is missing in it.
  const value = root === undefined ? undefined : validate(definition, root, problems);
  problems.throwIfAny();
  return value as InferOutput<D>;
}
