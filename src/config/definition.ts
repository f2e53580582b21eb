/**
 * The words in which the configuration is defined: valibot's schemas, each with the phrase that says what it expects,
 * and keys that carry what people and machines need to know of them. Messages, JSON Schema and documentation all come
 * from these definitions.
 */
import * as v from "valibot";
import { quote } from "./path.ts";

/** What of a key is validated already but refused, because its behaviour does not exist yet. */
export type NotYet =
  /** Every value. */
  | true
  /** Every value but this one, which asks for what happens anyway. */
  | { readonly except: boolean | string };

/** What is known of a key beside the type of its value. */
export interface Traits {
  /** Remove this, and the key is supported: everything else about it is in place. */
  readonly notYet?: NotYet;
  /** Nothing below this key is ever shown. */
  readonly secret?: true;
  /** What people write who mean this key. */
  readonly alias?: readonly string[];
}

/** What holds between the keys of one object. */
export interface ObjectRules {
  /** Either all of these keys or none. */
  readonly together?: readonly string[];
  /** At most one of these keys. */
  readonly exclusive?: readonly string[];
  /** Keys that mean something only where a flag is true, each with the name of that flag. */
  readonly onlyWith?: Readonly<Record<string, string>>;
  /** Keys that mean nothing where a flag is true, each with the name of that flag. */
  readonly notWith?: Readonly<Record<string, string>>;
  /** Values that these keys cannot have at the same time. */
  readonly impossible?: Readonly<Record<string, boolean | string>>;
}

/** What holds between the items of a list. */
export interface ListRules {
  /** Every object in the list has this key, each with another value. */
  readonly identifiedBy?: string;
}

/** Everything a definition can say of itself. */
export type Metadata = Traits & ObjectRules & ListRules;

/** A key's traits and what documents it. */
export interface KeyOptions extends Traits {
  /** What it means: sentences with full stops. */
  readonly description: string;
  /** Good values. */
  readonly examples?: readonly unknown[];
}

/** Any definition of a value. */
export type Definition = v.GenericSchema;

/** The definition of a key's value, with its documentation and its traits. */
export type Key<S extends Definition> = v.SchemaWithPipe<
  readonly [
    S,
    v.DescriptionAction<v.InferOutput<S>, string>,
    v.ExamplesAction<v.InferOutput<S>, readonly unknown[]>,
    v.MetadataAction<v.InferOutput<S>, Record<string, unknown>>,
  ]
>;

/** A key that has to be there. */
export function key<S extends Definition>(schema: S, options: KeyOptions): Key<S> {
  const { description, examples = [], ...traits } = options;
  return v.pipe(
    schema,
    v.description(description),
    v.examples(examples),
    v.metadata<v.InferOutput<S>, Record<string, unknown>>({ ...traits }),
  );
}

/** A key that may be left out, which then has no value. */
export function optionalKey<S extends Definition>(
  schema: S,
  options: KeyOptions,
): Key<v.OptionalSchema<S, undefined>> {
  return key(v.optional(schema), options);
}

/** A key that may be left out, which then has a value nevertheless. */
export function defaultKey<S extends Definition, const D extends v.InferInput<S>>(
  schema: S,
  value: D,
  options: KeyOptions,
): Key<v.OptionalSchema<S, D>> {
  return key(v.optional(schema, value), options);
}

/** An object that has the given keys and no others. */
export function object<E extends v.ObjectEntries>(entries: E, rules: ObjectRules = {}) {
  return v.pipe(v.strictObject(entries, "an object"), v.metadata({ ...rules }));
}

/** A list. */
export function list<S extends Definition>(item: S, expected: string, rules: ListRules = {}) {
  return v.pipe(v.array(item, expected), v.metadata({ ...rules }));
}

/** An object with keys that the user chooses. */
export function dictionary<K extends v.GenericSchema<string, string>, S extends Definition>(
  name: K,
  value: S,
  expected: string,
) {
  return v.record(name, value, expected);
}

/** The longest argument or `NAME=value` that execve(2) takes: MAX_ARG_STRLEN, 32 pages, less its NUL. */
const MAX_ARGUMENT = 131_071;
/** The longest path: PATH_MAX less its NUL. */
export const MAX_PATH = 4095;

/**
 * A text of at most so many bytes. It has no NUL, at which the kernel would cut it off, and no unpaired surrogate, for
 * which UTF-8 has no form.
 */
export function text(expected: string, maxBytes = MAX_ARGUMENT) {
  return v.pipe(
    v.string(expected),
    v.check((value) => !value.includes("\0"), `${expected} without NUL characters`),
    v.check((value) => value.isWellFormed(), `${expected} without unpaired surrogates`),
    v.maxBytes(maxBytes, `${expected} of at most ${maxBytes} bytes`),
  );
}

/** A text that is not empty. */
export function nonEmptyText(expected: string, maxBytes?: number) {
  return v.pipe(text(expected, maxBytes), v.minLength(1, expected));
}

/** A text of the given form. */
export function pattern(form: RegExp, expected: string, maxBytes?: number) {
  return v.pipe(text(expected, maxBytes), v.regex(form, expected));
}

/** An absolute path. */
export function absolutePath() {
  return pattern(/^\//, "an absolute path", MAX_PATH);
}

/** A whole number in a range. */
export function wholeNumber(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(expected),
    v.integer(expected),
    v.minValue(min, expected),
    v.maxValue(max, expected),
  );
}

/**
 * A number that goes on as it was written. Larger integers would be rounded, and what is larger still becomes infinite,
 * for which JSON has no word.
 */
export const exactNumber = v.pipe(
  v.number("a number"),
  v.check(
    (value) => Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)),
    "a number of at most 2^53 - 1 (as a string it may be larger)",
  ),
);

/** The largest user or group id: 2^32 - 1 stands for "no change" in setresuid(2) and its kin. */
const MAX_ID = 2 ** 32 - 2;

/** A user or group id. */
export const id = wholeNumber(0, MAX_ID);

/** true or false. */
export function flag() {
  return v.boolean("true or false");
}

/** One of a few words. */
export function oneOf<const T extends readonly string[]>(words: T, expected?: string) {
  return v.picklist(words, expected ?? listWords(words));
}

/** One word, by which a kind of object is known. */
export function word<const T extends string>(literal: T) {
  return v.literal(literal, quote(literal));
}

/** "a", "b" or "c" */
export function listWords(words: readonly string[]): string {
  return words.map(quote).join(", ").replace(/, (?=[^,]*$)/, " or ");
}

/** What a definition says of itself. */
export function metadataOf(definition: Definition): Metadata {
  return v.getMetadata(definition);
}

/** The definition of a value, whether it may be left out or not. */
export function requiredPart(definition: Definition): Definition {
  return definition.type === "optional"
    ? (definition as v.OptionalSchema<Definition, unknown>).wrapped
    : definition;
}

/** The phrase that says what a definition expects. */
export function expectedBy(definition: Definition): string {
  return (requiredPart(definition) as Definition & { readonly message: string }).message;
}

/** Why a valid value is refused; undefined if it is supported, or if the key as a whole is not. */
export function refusal(notYet: NotYet, value: unknown): string | undefined {
  if (notYet === true) return undefined;
  if (value === notYet.except) return undefined;
  return `${JSON.stringify(value)} is not supported yet, only ${JSON.stringify(notYet.except)} is`;
}
