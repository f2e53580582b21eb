/** Names whose values are likely to be secrets. */
const SECRET_NAME =
  /(?:^|_)(?:KEY|PW|PWD|PIN|DSN)$|PASS|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|AUTH|COOKIE|SALT/i;

/**
 * A variable of an environment as it may be shown. Values of names that look like secrets are left out (`*_KEY`, `*TOKEN*`,
 * `*PASS*`, `*SECRET*`, `*CREDENTIAL*`, `*PRIVATE*`, `*AUTH*`, `*_DSN`, …), and so are user names and passwords in URLs.
 */
export function showVariable(name: string, value: string): string {
  // The shell's own, which ends like a password.
  const isSecret = SECRET_NAME.test(name) && name !== "PWD" && name !== "OLDPWD";
  return `${name}=${isSecret ? "(not shown)" : value.replace(/:\/\/[^/?#\s]*@/g, "://")}`;
}
