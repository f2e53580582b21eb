import assert from "node:assert/strict";
import { expectedBy } from "../../src/config/definition.ts";
import { generate } from "../../src/config/docs/generate.ts";
import { meta } from "../../src/config/meta_definition.ts";
import { detectKind, parseMeta, parsePrimary } from "../../src/config/parse.ts";
import { primary } from "../../src/config/primary_definition.ts";

const ROOT = new URL("../../", import.meta.url);

for (const [path, text] of await generate()) {
  Deno.test(`${path} is up to date (if not: deno task generate)`, async () => {
    assert.equal(await Deno.readTextFile(new URL(path, ROOT)), text);
  });
}

const examples = [...Deno.readDirSync(new URL("examples/", ROOT))]
  .map(({ name }) => name)
  .filter((name) => name.endsWith(".jsonc"));

Deno.test("there are examples", () => {
  assert.ok(examples.length >= 3);
});

for (const name of examples) {
  Deno.test(`examples/${name} is valid, and names its JSON Schema`, async () => {
    const url = new URL(`examples/${name}`, ROOT);
    const text = await Deno.readTextFile(url);
    const parse = detectKind(text) === "meta" ? parseMeta : parsePrimary;
    parse(text, name);
    const schema = /"\$schema": "([^"]+)"/.exec(text)![1]!;
    assert.ok(await Deno.stat(new URL(schema, url)));
  });
}

Deno.test("examples/full.jsonc has every key of the container that is supported", async () => {
  const page = await Deno.readTextFile(new URL("docs/configuration.md", ROOT));
  const full = await Deno.readTextFile(new URL("examples/full.jsonc", ROOT));
  const supported = [...page.matchAll(/^\| `\.(\w+)` .*\| yes +\|$/gm)].map(([, key]) => key!);
  assert.ok(supported.length > 10);
  for (const key of supported) assert.ok(full.includes(`"${key}"`), key);
});

/** Any JSON Schema. */
interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly description?: string;
}

function* schemasIn(schema: Schema): Generator<Schema> {
  yield schema;
  const { properties, additionalProperties, items, anyOf, oneOf, $defs } = schema;
  const children = [
    ...Object.values(properties ?? {}),
    ...Object.values($defs ?? {}),
    ...(typeof additionalProperties === "object" ? [additionalProperties] : []),
    ...(items ? [items] : []),
    ...(anyOf ?? []),
    ...(oneOf ?? []),
  ];
  for (const child of children) yield* schemasIn(child);
}

for (const name of ["frontloader", "meta"]) {
  const schema: Schema = JSON.parse(
    await Deno.readTextFile(new URL(`docs/${name}.schema.json`, ROOT)),
  );

  Deno.test(`${name}.schema.json takes no unknown keys, and describes those that it knows`, () => {
    let objects = 0;
    for (const { properties, additionalProperties } of schemasIn(schema)) {
      if (properties === undefined) continue;
      objects++;
      assert.equal(additionalProperties, false);
      for (const [key, { description }] of Object.entries(properties)) {
        assert.match(description ?? "", /^[A-Z].*\.$/, key);
      }
    }
    assert.ok(objects >= 4);
  });
}

Deno.test("the definitions say in words what they expect, so that valibot never quotes a value", () => {
  const seen = new Set<unknown>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    const { kind, type } = value as { kind?: unknown; type?: string };
    if (kind === "schema" && type !== "unknown" && value !== primary && value !== meta) {
      const phrase = expectedBy(value as typeof primary);
      assert.equal(typeof phrase === "string" || isKeyOfJson(value), true, type);
    }
    if (kind === "validation" && type !== "raw_check") {
      assert.equal(typeof (value as { message?: unknown }).message, "string", type);
    }
    Object.values(value).forEach(visit);
  };
  // The keys of objects in variables may be any string.
  const isKeyOfJson = (value: unknown) => (value as { type: string }).type === "string";
  visit(primary);
  visit(meta);
  assert.ok(seen.size > 500);
});
