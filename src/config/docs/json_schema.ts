/** Makes JSON Schemas for editors out of the definitions. */
import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import type { Definition, Metadata, NotYet } from "../definition.ts";

/** What a schema is about. */
export interface JsonSchemaOptions {
  /** What it describes, in a few words. */
  readonly title: string;
  /** Definitions that are used more than once, by the name to give them. */
  readonly shared?: Readonly<Record<string, Definition>>;
}

/** What has no counterpart in JSON Schema; `frontloader check` knows it. */
const IGNORED_ACTIONS = ["check", "raw_check", "max_bytes"];

/**
 * Converts a definition to JSON Schema, draft 2020-12. It accepts everything that is valid, and also some that is not:
 * what is not supported yet is marked so that editors warn, and not suggested.
 */
export function jsonSchema(definition: Definition, options: JsonSchemaOptions): JsonSchema {
  const { title, shared = {} } = options;
  const { $schema, ...schema } = toJsonSchema(definition, {
    target: "draft-2020-12",
    typeMode: "input",
    ignoreActions: IGNORED_ACTIONS,
    definitions: { ...shared },
    overrideAction: ({ valibotAction: { type }, jsonSchema }) => {
      if (type === "metadata") return translateMetadata(jsonSchema);
      if (type === "examples") return withoutEmptyExamples(jsonSchema);
    },
  });
  return { $schema, title, ...schema };
}

/** The converter has copied the metadata of a definition into the schema, as if all of it were keywords. */
function translateMetadata(schema: JsonSchema): JsonSchema {
  const { notYet, secret: _secret, alias: _alias, ...others } = schema as JsonSchema & Metadata;
  const { together, exclusive, onlyWith, notWith, impossible, identifiedBy, ...rest } = others;
  const flags = [
    ...Object.entries(onlyWith ?? {}).map(([name, flag]) => [name, requireFlag(flag)]),
    ...Object.entries(notWith ?? {}).map(([name, flag]) => [name, not(requireFlag(flag))]),
  ];
  return {
    ...rest,
    ...(notYet !== undefined && { description: `${rest.description} ${remark(notYet)}` }),
    // Understood by the editors that are built on VS Code's JSON language service.
    ...(notYet === true && { deprecationMessage: "Not supported yet.", doNotSuggest: true }),
    ...(together !== undefined && {
      dependentRequired: Object.fromEntries(
        together.map((name) => [name, together.filter((other) => other !== name)]),
      ),
    }),
    ...(exclusive !== undefined && { not: { required: [...exclusive] } }),
    ...(flags.length > 0 && { dependentSchemas: Object.fromEntries(flags) }),
    ...(impossible !== undefined && {
      not: {
        required: Object.keys(impossible),
        properties: Object.fromEntries(
          Object.entries(impossible).map(([name, value]) => [name, { const: value }]),
        ),
      },
    }),
    ...(identifiedBy !== undefined && {
      items: { ...rest.items as JsonSchema, required: [identifiedBy] },
    }),
  };
}

/** Objects in which a flag is there, and true. */
function requireFlag(name: string): JsonSchema {
  return { properties: { [name]: { const: true } }, required: [name] };
}

function not(schema: JsonSchema): JsonSchema {
  return { not: schema };
}

function withoutEmptyExamples(schema: JsonSchema): JsonSchema | undefined {
  if (schema.examples?.length !== 0) return undefined;
  const { examples: _examples, ...rest } = schema;
  return rest;
}

function remark(notYet: NotYet): string {
  if (notYet === true) return "Not supported yet.";
  return `Only ${JSON.stringify(notYet.except)} is supported yet.`;
}
