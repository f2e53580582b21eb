/**
 * Generates from the definitions what documents them: `deno task generate`. A unit test makes sure that it was run.
 *
 * Nothing of this folder is part of the program.
 */
import { container } from "../container_definition.ts";
import { credentials } from "../image_definition.ts";
import { meta } from "../meta_definition.ts";
import { primary } from "../primary_definition.ts";
import { configurationPage } from "./configuration_page.ts";
import { jsonSchema } from "./json_schema.ts";

const ROOT = new URL("../../../", import.meta.url);

/** The generated files: their paths from the root of the project, and their texts. */
export async function generate(): Promise<ReadonlyMap<string, string>> {
  const example = (name: string) => Deno.readTextFile(new URL(`examples/${name}.jsonc`, ROOT));
  const examples = {
    minimal: await example("minimal"),
    full: await example("full"),
    meta: await example("meta"),
  };
  const primarySchema = jsonSchema(primary, {
    title: "Frontloader: primary configuration",
    shared: { container, credentials },
  });
  const metaSchema = jsonSchema(meta, { title: "Frontloader: meta configuration" });
  return new Map([
    ["docs/configuration.md", configurationPage(examples)],
    ["docs/frontloader.schema.json", `${JSON.stringify(primarySchema, null, 2)}\n`],
    ["docs/meta.schema.json", `${JSON.stringify(metaSchema, null, 2)}\n`],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of await generate()) await Deno.writeTextFile(new URL(path, ROOT), text);
}
