/**
 * Reads JSON with comments and trailing commas into a tree that knows where everything stands.
 *
 * The tokens are jsonc-parser's. Its own tree builder is not used for two reasons: it recurses as deep as the text
 * nests, which a hostile text turns into a stack overflow, and it follows one mistake (a key without quotes, say) with
 * several complaints about text that is fine. Here a mistake is noted once, and reading goes on behind it, so that all of
 * them are found.
 */
import type {
  JsonArray,
  JsonKey,
  JsonMember,
  JsonNode,
  JsonObject,
  JsonScalar,
  Span,
} from "./json_node.ts";
import { type Token, type TokenKind, TokenReader } from "./json_tokens.ts";
import { quote } from "./path.ts";
import type { ProblemList } from "./problem_list.ts";

/** No configuration nests deeper, and reading it, checking it and writing it as JSON recurse. */
const MAX_DEPTH = 64;
/** No configuration is larger; a tree of millions of values would take hundreds of MB. */
const MAX_VALUES = 100_000;

/**
 * Reads a text.
 *
 * @param text JSON, with comments and trailing commas allowed
 * @param problems gets what is wrong with the syntax
 * @returns the value, or undefined if the text is broken so that what belongs where is unknown; parts of it may be broken
 */
export function parseTree(text: string, problems: ProblemList): JsonNode | undefined {
  return new Parser(text, problems).parse();
}

type Unplaced<N> = N extends Span ? Omit<N, keyof Span> : never;

/** What a value can begin with. */
const BEGINS: ReadonlySet<TokenKind> = new Set<TokenKind>([
  "{",
  "[",
  "string",
  "number",
  "true",
  "false",
  "null",
]);

/** One pass over a text, one token ahead. */
class Parser {
  readonly #text: string;
  readonly #problems: ProblemList;
  readonly #reader: TokenReader;
  /** The token that comes next. Once `#stopped`, it is the end of the text for ever. */
  #token: Token = { kind: "word", offset: 0, end: 0, value: "" };
  /** Where the token before it ended. */
  #lastEnd = 0;
  #stopped = false;
  /** Where a problem was noted last. Another one at the same place would only be its consequence. */
  #lastProblem = -1;
  /** The rest of a line made no sense and was skipped, so punctuation that is missing now may have been in it. */
  #skipped = false;
  #depth = 0;
  #values = 0;

  constructor(text: string, problems: ProblemList) {
    this.#text = text;
    this.#problems = problems;
    this.#reader = new TokenReader(text);
  }

  parse(): JsonNode | undefined {
    this.#advance();
    const root = this.#value();
    if (this.#token.kind !== "end") this.#stop(this.#expected("the end of the text"));
    return this.#stopped ? undefined : root;
  }

  #value(): JsonNode {
    if (++this.#values > MAX_VALUES) this.#stop(`more than ${MAX_VALUES} values`);
    const { kind, value, offset } = this.#token;
    switch (kind) {
      case "{":
        return this.#object();
      case "[":
        return this.#array();
      case "string":
        return this.#scalar({ type: "string", value });
      case "number":
        // Adding zero makes 0 of -0, which nobody means.
        return this.#scalar({ type: "number", value: Number(value) + 0, text: value });
      case "true":
      case "false":
        return this.#scalar({ type: "boolean", value: kind === "true" });
      case "null":
        return this.#scalar({ type: "null", value: null });
      default:
        this.#note(this.#expected("a value"));
        this.#skipWords();
        return { type: "broken", ...this.#span(offset) };
    }
  }

  #object(): JsonObject {
    const { offset } = this.#token;
    const members: JsonMember[] = [];
    this.#open();
    while (!this.#closes("}", offset)) {
      const member = this.#member();
      if (member !== undefined) members.push(member);
      this.#separator("}");
    }
    return { type: "object", members, ...this.#span(offset) };
  }

  #array(): JsonArray {
    const { offset } = this.#token;
    const items: JsonNode[] = [];
    this.#open();
    while (!this.#closes("]", offset)) {
      items.push(this.#value());
      this.#separator("]");
    }
    return { type: "array", items, ...this.#span(offset) };
  }

  #open(): void {
    if (++this.#depth > MAX_DEPTH) this.#stop(`nested more than ${MAX_DEPTH} deep`);
    this.#advance();
  }

  /** Takes the bracket that closes what opened at `offset`. Also true where reading has to end without it. */
  #closes(close: "}" | "]", offset: number): boolean {
    const { kind } = this.#token;
    if (kind === close) {
      this.#depth--;
      this.#advance();
      return true;
    }
    if (!this.#isWord() && !BEGINS.has(kind) && kind !== ",") {
      const line = this.#problems.line(offset);
      this.#stop(this.#expected(`"${close}" for the "${this.#text[offset]}" in line ${line}`));
    }
    return this.#stopped;
  }

  /** Takes the comma behind a member or an item; behind the last one there may be one. */
  #separator(close: "}" | "]"): void {
    const { kind, value } = this.#token;
    if (kind === "end") return;
    if (kind !== "," && kind !== close && !this.#skipped) {
      this.#note(this.#expected(`"," or "${close}"`));
    }
    if (kind === "," || value === ";") this.#advance();
    this.#skipped = false;
  }

  /** Reads a key and its value. Undefined at a comma that separates nothing, which it leaves. */
  #member(): JsonMember | undefined {
    if (!this.#isWord()) {
      // A comma too many does no harm. Behind a bracket in this place, nothing is where it seems to be.
      if (this.#token.kind === ",") this.#note(this.#expected("a key"));
      else this.#stop(this.#expected("a key"));
      return undefined;
    }
    const key = this.#key();
    if (this.#token.kind === ":") {
      this.#advance();
      return { key, value: this.#value() };
    }
    if (this.#lastProblem !== key.offset) this.#note(this.#expected('":" behind the key'));
    if (this.#problems.line(key.offset) === this.#problems.line(this.#token.offset)) {
      const valueFollows = BEGINS.has(this.#token.kind);
      if (valueFollows && !this.#colonFollows()) return { key, value: this.#value() };
      if (!valueFollows) this.#skipWords();
    }
    return { key, value: { type: "broken", ...this.#span(key.offset) } };
  }

  #key(): JsonKey {
    const { kind, value, offset } = this.#token;
    if (kind === "string") this.#noteDamage();
    else this.#note(this.#expected("a key in double quotes"));
    this.#advance();
    const name = kind === "string" ? value : value.replaceAll("'", "");
    return { name, ...this.#span(offset) };
  }

  #scalar(scalar: Unplaced<JsonScalar>): JsonNode {
    const { offset, damage } = this.#token;
    this.#noteDamage();
    this.#advance();
    const span = this.#span(offset);
    // Letters and digits right behind it belong to it: 007, 0x1F, 1_000, "a "quoted" word".
    if (
      this.#token.offset === this.#lastEnd && this.#token.kind !== "string" &&
      /^\w/.test(this.#token.value)
    ) {
      const inString = scalar.type === "string";
      if (inString) {
        this.#note('a double quote inside a string is written "\\""', this.#lastEnd - 1);
      } else this.#note(`malformed ${scalar.type}`, offset);
      this.#skipWords();
    } else if (damage === undefined) return { ...scalar, ...span };
    return { type: "broken", ...span };
  }

  /** Goes to the next token. */
  #advance(): void {
    this.#lastEnd = this.#token.end;
    if (this.#stopped) return;
    this.#token = this.#reader.next();
    while (this.#token.kind === "comment") {
      this.#noteDamage();
      this.#token = this.#reader.next();
    }
  }

  /** Skips what is left of something broken: up to the next punctuation, or to the end of the line. */
  #skipWords(): void {
    const line = this.#problems.line(this.#token.offset);
    while (this.#isWord() && this.#problems.line(this.#token.offset) === line) {
      this.#skipped = true;
      this.#advance();
    }
  }

  #isWord(): boolean {
    return this.#token.kind === "word" ||
      (BEGINS.has(this.#token.kind) && this.#token.kind !== "{" && this.#token.kind !== "[");
  }

  #colonFollows(): boolean {
    const colon = /\s*:/y;
    colon.lastIndex = this.#token.end;
    return colon.test(this.#text);
  }

  #span(offset: number): Span {
    return { offset, length: Math.max(0, this.#lastEnd - offset) };
  }

  /** Says what was expected, and what kind of token is there: never its text, which may be a password without quotes. */
  #expected(what: string): string {
    return `expected ${what}, found ${describeToken(this.#token)}`;
  }

  #note(reason: string, offset = this.#token.offset): void {
    const isConsequence = offset === this.#lastProblem ||
      (this.#skipped && this.#token.kind === "end");
    if (this.#stopped || isConsequence) return;
    this.#lastProblem = offset;
    this.#problems.add(offset, [], reason);
    if (this.#problems.full) this.#stop(reason);
  }

  /** Notes what is wrong inside the token, if anything is. */
  #noteDamage(): void {
    const { damage, unclosed } = this.#token;
    if (damage !== undefined) this.#note(damage);
    if (unclosed) this.#skipped = true;
  }

  /** Notes a problem behind which nothing makes sense any more. */
  #stop(reason: string): void {
    this.#note(reason);
    this.#stopped = true;
    this.#token = { ...this.#token, kind: "end" };
  }
}

function describeToken({ kind, value }: Token): string {
  switch (kind) {
    case "string":
    case "number":
      return `a ${kind}`;
    case "word": {
      const first = String.fromCodePoint(value.codePointAt(0)!);
      return /[\p{L}\p{N}_]/u.test(first)
        ? "a word without quotes"
        : `the character ${quote(first)}`;
    }
    case "end":
      return "the end of the text";
    case "true":
    case "false":
    case "null":
      return kind;
    default:
      return `"${kind}"`;
  }
}
