// One of the providers' own JavaScript clients, driven from a test. Each line that comes in is JSON: the first one says
// which client and where to, each other one is a call; each line that goes out is its answer.
"use strict";

const { readFileSync } = require("node:fs");
const readline = require("node:readline");

// What goes to stdout is answers; whatever a client prints goes beside them.
console.log = console.info = console.error;

const makers = {
  "@fal-ai/client": ({ options }) => require("@fal-ai/client").createFalClient(falOptions(options)),
  "@fal-ai/serverless-client": ({ options }) => {
    const fal = require("@fal-ai/serverless-client");
    fal.config(falOptions(options));
    return fal;
  },
  "@runware/sdk-js": ({ options }) => require("@runware/sdk-js").Runware.initialize(options),
};

// The middleware stands in docs/gateway.md, from where the test has cut it out.
function falOptions({ middleware, ...rest }) {
  return middleware ? { ...rest, requestMiddleware: new Function(`return ${middleware}`)() } : rest;
}

// What JSON can't carry: a file, a callback that collects what it is told, a signal that aborts.
function revive(value, seen) {
  if (Array.isArray(value)) return value.map((each) => revive(each, seen));
  if (value === null || typeof value !== "object") return value;
  if ("$file" in value) return new File([readFileSync(value.$file)], value.name, { type: value.type });
  if ("$zeros" in value) return new File([new Uint8Array(value.$zeros)], value.name, { type: value.type });
  if ("$seen" in value) return (told) => { seen.push(told); };
  if ("$abort" in value) return AbortSignal.timeout(value.$abort);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, revive(each, seen)]));
}

// An error's own fields: fal's classes have status and body, Runware's reject with a plain object.
function described(error) {
  if (!(error instanceof Error)) return typeof error === "string" ? { message: error } : error;
  return { name: error.name, message: error.message, ...error, isUserTimeout: error.isUserTimeout };
}

async function call(client, { path, given }) {
  const seen = [];
  try {
    const parts = path.split(".");
    const method = parts.pop();
    const owner = parts.reduce((at, part) => at[part], client);
    return { value: (await owner[method](...revive(given, seen))) ?? null, seen };
  } catch (error) {
    return { error: described(error), seen };
  }
}

async function main() {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  const wanted = JSON.parse((await lines.next()).value);
  let client;
  try {
    client = await makers[wanted.client](wanted);
    say({ value: null, seen: [] });
  } catch (error) {
    say({ error: described(error), seen: [] });
    process.exit();
  }
  for await (const line of lines) say(await call(client, JSON.parse(line)));
  process.exit();
}

main();
