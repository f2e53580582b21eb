/** Names whose values are likely to be secrets. */
const SECRET_NAME =
  /(?:^|[_.-])(?:PW|PIN|OTP|SID|SIG|DSN|SEED)$|KEY$|PWD$|PASS|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|AUTH|COOKIE|SALT|SIGNATURE|SIGNING|JWT|BEARER|MNEMONIC|WEBHOOK/i;

/** The shell's own, which end like passwords. */
const NO_SECRETS = ["PWD", "OLDPWD"];

/** Values that are secrets whatever they are called: private keys, what goes into an Authorization header, JSON Web Tokens. */
const SECRET_VALUE =
  /-----BEGIN [A-Z ]*PRIVATE KEY|\b(?:Bearer|Basic)\s+\S{8}|\beyJ[\w-]+\.[\w-]+\./i;

const NOT_SHOWN = "(not shown)";

/**
 * A variable of an environment as it may be shown. Values of names that look like secrets are left out (`*_KEY`, `*TOKEN*`,
 * `*PASS*`, `*SECRET*`, `*CREDENTIAL*`, `*PRIVATE*`, `*AUTH*`, `*_DSN`, …), and so is what looks like one in other values: who
 * logs in at a URL, `password=` in a list of options, a member of that name in JSON. Rather too much is left out than too little.
 */
export function showVariable(name: string, value: string): string {
  return `${name}=${isSecretName(name) ? NOT_SHOWN : withoutSecrets(value)}`;
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !NO_SECRETS.includes(name);
}

function withoutSecrets(value: string): string {
  if (/^\s*[[{]/.test(value)) {
    try {
      return JSON.stringify(JSON.parse(value), (name, member) => {
        if (isSecretName(name)) return NOT_SHOWN;
        return typeof member === "string" ? withoutSecretParts(member) : member;
      });
    } catch {
      // It only looks like JSON: it is text.
    }
  }
  return withoutSecretParts(value);
}

function withoutSecretParts(text: string): string {
  if (SECRET_VALUE.test(text)) return NOT_SHOWN;
  return text
    // Up to the last "@": passwords with "/" or "#" in them are not written as they should be, but they are written.
    .replace(/:\/\/\S*@/g, `://${NOT_SHOWN}@`)
    // user:password@host without a scheme
    .replace(/(^|[\s,;])[^\s,;:/@]+:[^\s,;/@]+@/g, `$1${NOT_SHOWN}@`)
    .replace(
      /([\w.-]+)(["']?\s*=\s*|["']\s*:\s*|:\s+)("[^"]*"|'[^']*'|[^\s&;,"']+)/g,
      (all, name, equals) => isSecretName(name) ? `${name}${equals}${NOT_SHOWN}` : all,
    );
}
