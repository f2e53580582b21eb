/**
 * Writes control characters and line separators as JSON would. Much of what is logged or shown comes from outside (the
 * names in an image, say), and must neither forge lines nor command a terminal. A tab stays.
 */
export function escapeControls(text: string): string {
  return text.replace(/[^\P{Cc}\t]|[\p{Zl}\p{Zp}]/gu, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
