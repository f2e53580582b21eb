/** Splits JSON with comments into tokens, with what is wrong inside of them. */
import { createScanner, type JSONScanner } from "jsonc-parser";

/**
 * Punctuation and keywords are called as they are written. A "word" is what is no JSON; a "comment" is a wrong one, since
 * good ones are left out.
 */
export type TokenKind =
  | "{"
  | "}"
  | "["
  | "]"
  | ","
  | ":"
  | "null"
  | "true"
  | "false"
  | "string"
  | "number"
  | "word"
  | "comment"
  | "end";

/** A piece of the text. */
export interface Token {
  readonly kind: TokenKind;
  /** Where it begins, in UTF-16 code units. */
  readonly offset: number;
  /** Where it ends. */
  readonly end: number;
  /** A string with its escapes resolved; of every other token the text. */
  readonly value: string;
  /** What is wrong with it, if anything is. */
  readonly damage?: string;
  /** True for a string or a comment that does not end where it should, and so took what follows with it. */
  readonly unclosed?: true;
}

/**
 * jsonc-parser's `SyntaxKind` by number, without the spaces, line breaks and comments (12 to 15). It is declared as a
 * `const enum`, which a module that is compiled by itself cannot read (TypeScript error 2748); so is `ScanError`.
 */
const KINDS: { readonly [syntaxKind: number]: TokenKind } = {
  1: "{",
  2: "}",
  3: "[",
  4: "]",
  5: ",",
  6: ":",
  7: "null",
  8: "true",
  9: "false",
  10: "string",
  11: "number",
  16: "word",
  17: "end",
};

/** By jsonc-parser's `ScanError`. */
const DAMAGES: { readonly [scanError: number]: Pick<Token, "damage" | "unclosed"> } = {
  1: { damage: 'expected "*/" at the end of the comment', unclosed: true },
  2: { damage: "expected a closing double quote on the same line", unclosed: true },
  3: { damage: "malformed number" },
  4: { damage: 'expected four hexadecimal digits behind the "\\u" in this string' },
  5: { damage: 'unknown escape in this string, a backslash itself is written "\\\\"' },
  6: { damage: "control character in this string, write it as an escape" },
};

/** Gives the tokens of a text, one by one. */
export class TokenReader {
  readonly #text: string;
  readonly #scanner: JSONScanner;

  /** @param text JSON with comments */
  constructor(text: string) {
    this.#text = text;
    this.#scanner = createScanner(text);
  }

  /** The next token; "end" for ever once the text has ended. */
  next(): Token {
    while (true) {
      const kind = KINDS[this.#scanner.scan()];
      const offset = this.#scanner.getTokenOffset();
      const damage = DAMAGES[this.#scanner.getTokenError()];
      if (kind === "word") return this.#word(offset);
      if (kind === undefined && damage === undefined) continue;
      const value = this.#scanner.getTokenValue();
      const end = this.#scanner.getPosition();
      return { kind: kind ?? "comment", offset, end, value, ...damage };
    }
  }

  /** Comments and strings as other languages write them are taken as a whole, or their contents would look like JSON. */
  #word(offset: number): Token {
    const isComment = this.#text[offset] === "#";
    const foreign = isComment ? /.*/y : /'[^'\r\n]*'/y;
    foreign.lastIndex = offset;
    if (foreign.test(this.#text)) this.#scanner.setPosition(foreign.lastIndex);
    const end = this.#scanner.getPosition();
    const value = this.#text.slice(offset, end);
    if (isComment) {
      return { kind: "comment", offset, end, value, damage: 'a comment begins with "//"' };
    }
    return { kind: "word", offset, end, value };
  }
}
