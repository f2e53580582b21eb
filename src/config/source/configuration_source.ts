/** Somewhere that the text of a configuration can be read, again and again. */
export interface ConfigurationSource {
  /** What to call it in messages: a path, a URL without credentials and query, a secret's name. */
  readonly description: string;
  /**
   * Reads the text as it is now.
   *
   * @param signal ends the reading; the promise is then rejected with its reason
   * @throws {Error} if it cannot be had
   */
  load(signal?: AbortSignal): Promise<string>;
}
