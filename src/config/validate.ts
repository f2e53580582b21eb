/** Checks a tree against a definition, and notes everything that is wrong with it. */
import * as v from "valibot";
import {
  type Definition,
  exactNumber,
  expectedBy,
  listWords,
  metadataOf,
  type ObjectRules,
  refusal,
  requiredPart,
} from "./definition.ts";
import { describe, looksSecret } from "./describe.ts";
import type { JsonArray, JsonKey, JsonMember, JsonNode, JsonObject } from "./json_node.ts";
import { formatPath, type Path, quote } from "./path.ts";
import type { ProblemList } from "./problem_list.ts";
import { didYouMean, suggest } from "./suggest.ts";

/** The definitions that have parts. Everything else is a single value, which valibot checks. */
type Compound =
  | v.OptionalSchema<Definition, unknown>
  | ObjectDefinition
  | v.RecordSchema<v.GenericSchema<string, string>, Definition, string>
  | ArrayDefinition
  | v.UnionSchema<Definition[], string>
  | VariantDefinition
  | v.UnknownSchema;

type ObjectDefinition = v.StrictObjectSchema<v.ObjectEntries, string>;
type ArrayDefinition = v.ArraySchema<Definition, string>;
type VariantDefinition = v.VariantSchema<string, ObjectDefinition[], string>;

/** Where a value stands, and what its surroundings mean for it. */
interface Place {
  readonly path: Path;
  /** Where its key stands, or itself if it has none. */
  readonly offset: number;
  /** True if it may not be shown. */
  readonly secret: boolean;
  /** True if what it is part of is not supported, so that saying it of a part again is of no use. */
  readonly refused: boolean;
  /** A key that it must have in addition to those that its definition requires. */
  readonly identifiedBy: string | undefined;
}

/**
 * Checks a value, and everything in it, against a definition.
 *
 * Only single values are given to valibot. On whole objects it would stop at the first unknown key, pass over keys such
 * as "constructor", know neither duplicate keys nor places, and quote secrets.
 *
 * @param definition what is expected
 * @param root what was found
 * @param problems gets everything that is wrong
 * @returns the value with its defaults filled in, of use only if nothing is wrong
 */
export function validate<D extends Definition>(
  definition: D,
  root: JsonNode,
  problems: ProblemList,
): v.InferOutput<D> {
  const place: Place = {
    path: [],
    offset: root.offset,
    secret: false,
    refused: false,
    identifiedBy: undefined,
  };
  return new Validator(problems).read(definition, root, place) as v.InferOutput<D>;
}

class Validator {
  readonly #problems: ProblemList;

  constructor(problems: ProblemList) {
    this.#problems = problems;
  }

  /** Reads a value by its definition. Undefined if it has none. */
  read(definition: Definition, node: JsonNode, place: Place): unknown {
    if (node.type === "broken" || this.#problems.full) return undefined;
    const { notYet, secret } = metadataOf(definition);
    if (notYet === true && !place.refused) {
      this.#problems.add(place.offset, place.path, "not supported yet");
    }
    const countBefore = this.#problems.count;
    const value = this.#readParts(definition as Compound, node, {
      ...place,
      secret: place.secret || secret === true,
      refused: place.refused || notYet === true,
    });
    if (notYet !== undefined && !place.refused && this.#problems.count === countBefore) {
      const reason = refusal(notYet, value);
      if (reason !== undefined) this.#problems.add(node.offset, place.path, reason);
    }
    return value;
  }

  #readParts(definition: Compound, node: JsonNode, place: Place): unknown {
    switch (definition.type) {
      case "optional":
        return this.read(definition.wrapped, node, place);
      case "strict_object":
        if (node.type !== "object") return this.#mismatch(definition.message, node, place);
        return this.#object(definition, node, place);
      case "record":
        if (node.type !== "object") return this.#mismatch(definition.message, node, place);
        return Object.fromEntries(this.#members(node, place, (member, inner) => {
          const key: JsonNode = { ...member.key, type: "string", value: member.key.name };
          this.#single(definition.key, key, { ...inner, secret: false });
          return this.read(definition.value, member.value, inner);
        }));
      case "array":
        if (node.type !== "array") return this.#mismatch(definition.message, node, place);
        return this.#array(definition, node, place);
      case "union": {
        const option = definition.options.find((option) => accepts(option, node));
        if (option === undefined) return this.#mismatch(definition.message, node, place);
        return this.read(option, node, place);
      }
      case "variant":
        if (node.type !== "object") return this.#mismatch(definition.message, node, place);
        return this.#variant(definition, node, place);
      case "unknown":
        return this.#json(node, place);
      default:
        return this.#single(definition, node, place);
    }
  }

  #object(definition: ObjectDefinition, node: JsonObject, place: Place): unknown {
    const { entries } = definition;
    /** The keys that are there, and those that somebody tried to write. */
    const given = new Map<string, JsonKey>();
    const pairs = this.#members(node, place, ({ key, value }, inner) => {
      given.set(key.name, key);
      if (Object.hasOwn(entries, key.name)) return this.read(entries[key.name]!, value, inner);
      // What it is has been noted; that it is no key may well be its consequence.
      if (value.type === "broken") return undefined;
      const suggestion = suggestKey(key.name, entries);
      if (suggestion !== undefined) given.set(suggestion, key);
      this.#problems.add(key.offset, inner.path, `unknown key${didYouMean(suggestion)}`);
    });
    for (const [name, entry] of Object.entries(entries)) {
      if (given.has(name)) continue;
      if (entry.type !== "optional" || name === place.identifiedBy) {
        const reason = `missing key ${quote(name)}, expected ${expectedBy(entry)}`;
        this.#problems.add(node.offset, place.path, reason);
      }
      const value = v.getDefault(entry);
      if (value !== undefined) pairs.push([name, value]);
    }
    const value = Object.fromEntries(pairs);
    this.#applyRules(metadataOf(definition), given, place);
    this.#findImpossible(metadataOf(definition), { given, value, place });
    this.#applyFlags(metadataOf(definition), given, { value, place });
    return value;
  }

  /** Notes every key that goes with a flag and has the wrong one beside it. What is no flag has been noted already. */
  #applyFlags(
    { onlyWith = {}, notWith = {} }: ObjectRules,
    given: ReadonlyMap<string, JsonKey>,
    { value, place: { path } }: { value: Record<string, unknown>; place: Place },
  ): void {
    const check = (flags: Readonly<Record<string, string>>, wrong: boolean, problem: string) => {
      for (const [name, flag] of Object.entries(flags)) {
        if (!given.has(name) || value[flag] !== wrong) continue;
        const reason = `${problem} ${quote(flag)}: true`;
        this.#problems.add(given.get(name)!.offset, [...path, name], reason);
      }
    };
    check(onlyWith, false, "means something only beside");
    check(notWith, true, "not possible beside");
  }

  #applyRules(rules: ObjectRules, given: ReadonlyMap<string, JsonKey>, { path }: Place): void {
    const { together = [], exclusive = [] } = rules;
    const [lonely, ...others] = together.filter((name) => given.has(name));
    const absent = together.find((name) => !given.has(name));
    if (lonely !== undefined && others.length === 0 && absent !== undefined) {
      const reason = `expected ${quote(absent)} beside it`;
      this.#problems.add(given.get(lonely)!.offset, [...path, lonely], reason);
    }
    const [first, ...rivals] = [...given.keys()].filter((name) => exclusive.includes(name));
    for (const rival of rivals) {
      const reason = `not possible beside ${quote(first!)}`;
      this.#problems.add(given.get(rival)!.offset, [...path, rival], reason);
    }
  }

  /** Notes values that cannot be beside each other; the last of them that was written is to blame. */
  #findImpossible(
    { impossible = {} }: ObjectRules,
    { given, value, place }: {
      given: ReadonlyMap<string, JsonKey>;
      value: Readonly<Record<string, unknown>>;
      place: Place;
    },
  ): void {
    const names = [...given.keys()].filter((name) => Object.hasOwn(impossible, name));
    const blamed = names.at(-1);
    const all = Object.keys(impossible);
    if (blamed === undefined || !all.every((name) => value[name] === impossible[name])) return;
    const others = all.filter((name) => name !== blamed)
      .map((name) => `${quote(name)}: ${JSON.stringify(impossible[name])}`);
    const reason = `${JSON.stringify(impossible[blamed])} is not possible beside ${
      others.join(", ")
    }`;
    this.#problems.add(given.get(blamed)!.offset, [...place.path, blamed], reason);
  }

  /** Reads the members of an object in their order; a key that is there already is a problem. */
  #members<T>(
    node: JsonObject,
    place: Place,
    read: (member: JsonMember, inner: Place) => T,
  ): [string, T][] {
    const lines = new Map<string, number>();
    return node.members.map((member) => {
      const { name, offset } = member.key;
      const path = [...place.path, name];
      const firstLine = lines.get(name);
      if (firstLine === undefined) lines.set(name, this.#problems.line(offset));
      else this.#problems.add(offset, path, `duplicate key, line ${firstLine} has it already`);
      const secret = place.secret || looksSecret(name);
      return [name, read(member, { ...place, path, offset, secret, identifiedBy: undefined })];
    });
  }

  #array(definition: ArrayDefinition, node: JsonArray, place: Place): unknown {
    const { identifiedBy } = metadataOf(definition);
    const countBefore = this.#problems.count;
    const items = node.items.map((item, index) =>
      this.read(definition.item, item, {
        ...place,
        path: [...place.path, index],
        offset: item.offset,
        identifiedBy,
      })
    );
    if (identifiedBy !== undefined) this.#checkIdentities(identifiedBy, node, place);
    // What valibot knows of lists as a whole, such as a least length, means nothing if an item is wrong.
    if (this.#problems.count === countBefore) this.#check(definition, items, node, place);
    return items;
  }

  /** Notes every item whose `name` has the value of an earlier one's. */
  #checkIdentities(name: string, node: JsonArray, place: Place): void {
    const owners = new Map<string, number>();
    node.items.forEach((item, index) => {
      if (item.type !== "object") return;
      const value = item.members.find(({ key }) => key.name === name)?.value;
      if (value?.type !== "string") return;
      const owner = owners.get(value.value);
      if (owner === undefined) return owners.set(value.value, index);
      const list = formatPath([...place.path, owner]);
      const reason = `expected another ${quote(name)} than that of ${list}, found ${
        describe(value, place.secret)
      }`;
      this.#problems.add(value.offset, [...place.path, index, name], reason);
    });
  }

  /** Finds out which of several kinds of object this one is. */
  #variant(definition: VariantDefinition, node: JsonObject, place: Place): unknown {
    const { key: name, options } = definition;
    const kind = node.members.find(({ key }) => key.name === name)?.value;
    const option = options.find(({ entries }) => {
      const entry = entries[name]!;
      if (kind === undefined) return v.getDefault(entry) !== undefined;
      return "value" in kind && kind.value === literalOf(entry);
    });
    if (option !== undefined) return this.read(option, node, place);
    if (kind === undefined || kind.type === "broken") return undefined;
    const words = options.map(({ entries }) => literalOf(entries[name]!));
    const inner = { ...place, path: [...place.path, name] };
    return this.#mismatch(listWords(words), kind, inner, words);
  }

  /** Takes any value at all. */
  #json(node: JsonNode, place: Place): unknown {
    switch (node.type) {
      case "object":
        return Object.fromEntries(
          this.#members(node, place, ({ value }, inner) => this.#json(value, inner)),
        );
      case "array":
        return node.items.map((item, index) =>
          this.#json(item, { ...place, path: [...place.path, index] })
        );
      case "number":
        return this.#single(exactNumber, node, place);
      default:
        return node.type === "broken" ? undefined : node.value;
    }
  }

  /** Reads a value without parts. */
  #single(definition: Definition, node: JsonNode, place: Place): unknown {
    if (!("value" in node)) return this.#mismatch(expectedBy(definition), node, place);
    this.#check(definition, node.value, node, place);
    return node.value;
  }

  /** Lets valibot look at a value. */
  #check(definition: Definition, value: unknown, node: JsonNode, place: Place): void {
    const { issues } = v.safeParse(definition, value, { abortPipeEarly: true });
    const issue = issues?.[0];
    if (issue === undefined) return;
    // A raw check says itself what is wrong.
    if (issue.type === "raw_check") this.#problems.add(node.offset, place.path, issue.message);
    else {
      const words = definition.type === "picklist"
        ? (definition as v.PicklistSchema<readonly string[], string>).options
        : [];
      this.#mismatch(issue.message, node, place, words);
    }
  }

  #mismatch(expected: string, node: JsonNode, place: Place, words: readonly string[] = []): void {
    const suggestion = node.type === "string" && !place.secret
      ? suggest(node.value, words)
      : undefined;
    const found = describe(node, place.secret);
    const reason = `expected ${expected}, found ${found}${didYouMean(suggestion)}`;
    this.#problems.add(node.offset, place.path, reason);
  }
}

/** True if the definition is about values of this type, so that what is wrong with one can be told by it. */
function accepts({ type }: Definition, node: JsonNode): boolean {
  if (type === "strict_object" || type === "record") return node.type === "object";
  return type === node.type;
}

/** A key that may have been meant by one that does not exist. */
function suggestKey(name: string, entries: v.ObjectEntries): string | undefined {
  for (const [key, entry] of Object.entries(entries)) {
    if (metadataOf(entry).alias?.includes(name.toLowerCase())) return key;
  }
  return suggest(name, Object.keys(entries));
}

/** The word by which one kind of object of a variant is known. */
function literalOf(entry: Definition): string {
  return (requiredPart(entry) as v.LiteralSchema<string, string>).literal;
}
