import assert from "node:assert/strict";
import { showVariable } from "../../src/container/show_variable.ts";

const HIDDEN_NAMES = `
  KEY API_KEY APIKEY SSH_KEY SSHKEY aws_access_key_id AWS_SECRET_ACCESS_KEY ENCRYPTION_KEY private_key PRIVATE_KEY_PEM Stripe-Api-Key
  DB_PASSWORD PASSWORD password PASSWD DB_PASS MYSQL_PWD DBPWD DB_PW PGPASSWORD PASSPHRASE LOGIN_PIN
  SECRET CLIENT_SECRET SECRET_KEY_BASE app.secret GITHUB_TOKEN TOKEN tokens NPM_TOKEN_READ CREDENTIALS GOOGLE_APPLICATION_CREDENTIALS
  AUTH BASIC_AUTH AUTHORIZATION OAUTH_CLIENT SESSION_COOKIE PASSWORD_SALT SENTRY_DSN JWT JWT_SIGNING SLACK_WEBHOOK_URL REQUEST_SIGNATURE
  WALLET_MNEMONIC TOTP_SEED TWILIO_SID`.trim().split(/\s+/);

for (const name of HIDDEN_NAMES) {
  Deno.test(`the value of ${name} is not shown`, () => {
    assert.equal(showVariable(name, "v4lue"), `${name}=(not shown)`);
  });
}

const SHOWN_NAMES = `
  PATH HOME PWD OLDPWD PORT LANG TZ HOSTNAME KEYBOARD_LAYOUT MONGO_HOST LOG_LEVEL PGHOST USER NODE_ENV SPINDLES DESIGN
  ASSIGNMENT INSIDE`.trim().split(/\s+/);

for (const name of SHOWN_NAMES) {
  Deno.test(`the value of ${name} is shown`, () => {
    assert.equal(
      showVariable(name, "v4lue, with = and : in it"),
      `${name}=v4lue, with = and : in it`,
    );
  });
}

const values: readonly (readonly [value: string, shown: string])[] = [
  ["", ""],
  ["http://host:8080/path?a=b#c", "http://host:8080/path?a=b#c"],
  ["postgres://user:hunter2@host/db", "postgres://(not shown)@host/db"],
  ["redis://:hunter2@host", "redis://(not shown)@host"],
  ["https://hunter2@host/a", "https://(not shown)@host/a"],
  ["amqp://u:hun/ter#2?@host/a", "amqp://(not shown)@host/a"],
  ["a://u:hunter2@b@host c://u:hunter2@d", "a://(not shown)@host c://(not shown)@d"],
  ["user:hunter2@tcp(host:3306)/db", "(not shown)@tcp(host:3306)/db"],
  ["host=db user=u password=hunter2 port=1", "host=db user=u password=(not shown) port=1"],
  ["host=db password = 'hunter 2' x=1", "host=db password = (not shown) x=1"],
  ["Server=a;Password=hunter2;X=1", "Server=a;Password=(not shown);X=1"],
  ["https://host/?a=1&token=hunter2&b=2", "https://host/?a=1&token=(not shown)&b=2"],
  ["https://s3/?X-Amz-Signature=hunter2", "https://s3/?X-Amz-Signature=(not shown)"],
  ["-Dapi.key=hunter2 -Xmx1g", "-Dapi.key=(not shown) -Xmx1g"],
  ["Bearer hunter2hunter2", "(not shown)"],
  ["Authorization: Basic aHVudGVyMjo=", "(not shown)"],
  ["-----BEGIN RSA PRIVATE KEY-----\nhunter2", "(not shown)"],
  ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.hunter2", "(not shown)"],
  ['{"db":{"host":"h","password":"hunter2"}}', '{"db":{"host":"h","password":"(not shown)"}}'],
  ['[{"apiKey":{"a":"hunter2"}},1]', '[{"apiKey":"(not shown)"},1]'],
  ['{"url":"a://u:hunter2@h","n":1}', '{"url":"a://(not shown)@h","n":1}'],
  ['{"password": "hunter2"', '{"password": (not shown)'],
  ["user: u\npassword: hunter2\nport: 1", "user: u\npassword: (not shown)\nport: 1"],
  ["[not JSON]", "[not JSON]"],
  ["someone@example.com", "someone@example.com"],
  ["12:30", "12:30"],
];

for (const [value, shown] of values) {
  Deno.test(`${JSON.stringify(value)} is shown as ${JSON.stringify(shown)}`, () => {
    assert.equal(showVariable("OTHER", value), `OTHER=${shown}`);
  });
}
