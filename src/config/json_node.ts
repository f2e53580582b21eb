/** The tree that JSON is read into: the values, and where in the text they stand. */

/** A part of the text: `length` UTF-16 code units from `offset` on. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

/** The name of a member of an object. */
export interface JsonKey extends Span {
  readonly name: string;
}

/** A member of an object; a key may occur more than once. */
export interface JsonMember {
  readonly key: JsonKey;
  readonly value: JsonNode;
}

/** An object, its members in the order of the text. */
export interface JsonObject extends Span {
  readonly type: "object";
  readonly members: readonly JsonMember[];
}

/** A list. */
export interface JsonArray extends Span {
  readonly type: "array";
  readonly items: readonly JsonNode[];
}

/** A string, escapes resolved. */
export interface JsonString extends Span {
  readonly type: "string";
  readonly value: string;
}

/** A number; infinite if the text names one that a double cannot hold. */
export interface JsonNumber extends Span {
  readonly type: "number";
  readonly value: number;
  /** As it was written. */
  readonly text: string;
}

/** true, false or null. */
export interface JsonKeyword extends Span {
  readonly type: "boolean" | "null";
  readonly value: boolean | null;
}

/** Something that is no value; what is wrong with it has been noted. */
export interface JsonBroken extends Span {
  readonly type: "broken";
}

/** A value without parts. */
export type JsonScalar = JsonString | JsonNumber | JsonKeyword;

/** A value in the text. */
export type JsonNode =
  | JsonObject
  | JsonArray
  | JsonScalar
  | JsonBroken;
