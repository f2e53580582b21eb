/** The place of a value in a configuration, for people. */

/** The keys and list indices that lead to a value, outermost first. */
export type Path = readonly (string | number)[];

const LONGEST = 60;

/** Writes a path as one would in JavaScript: `containers[0].mounts["/data"]`. */
export function formatPath(path: Path): string {
  return path.map((step, index) => {
    if (typeof step === "number") return `[${step}]`;
    if (!/^[$A-Za-z_][$\w-]*$/.test(step) || step.length > LONGEST) return `[${quote(step)}]`;
    return index === 0 ? step : `.${step}`;
  }).join("");
}

/**
 * Quotes text for a message: short, on one line, and without characters that could confuse a terminal or the eye.
 */
export function quote(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  // Controls, formats (direction marks are among them) and every space but the one on the keyboard.
  return JSON.stringify(short).replace(
    /[[\p{C}\p{Z}]--[ ]]/gv,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}
