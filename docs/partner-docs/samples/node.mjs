// A partner's backend in one file: from the key to a filled order, in the sandbox. Node 20 or later, no packages.
//
//   QUANTLEAP_URL=... QUANTLEAP_API_KEY=pk_... QUANTLEAP_SECRET=sk_... node node.mjs
//
// Run it on a server only: whoever has the secret can trade for all of your users.

import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const { QUANTLEAP_URL, QUANTLEAP_API_KEY, QUANTLEAP_SECRET } = process.env;
const ATTEMPTS = 8;

/** A refusal that no repetition can help; switch on `code`. */
class Refused extends Error {
  constructor(status, body) {
    super(`${status} ${body.code}: ${body.message} (request ${body.request_id})`);
    Object.assign(this, { status, code: body.code, body });
  }
}

/** Send one request until it is answered; a POST carries one Idempotency-Key through all its attempts. */
async function ask(method, path, body, secret = QUANTLEAP_SECRET) {
  const headers = { Authorization: `Bearer ${QUANTLEAP_API_KEY}`, "X-Partner-Secret": secret };
  if (body) headers["Content-Type"] = "application/json";
  if (method === "POST") headers["Idempotency-Key"] = randomUUID();
  const repeatable = method === "GET" || method === "POST";
  for (let attempt = 1; ; attempt++) {
    let answer, said;
    try {
      const signal = AbortSignal.timeout(30_000);
      answer = await fetch(QUANTLEAP_URL + path, { method, headers, body: body && JSON.stringify(body), signal });
      said = await answer.json();
    } catch (lost) {
      if (!repeatable || attempt === ATTEMPTS) throw lost;
      await sleep(200 * 2 ** attempt * Math.random());
      continue;
    }
    if (answer.ok) return said;
    // 429 and 503 changed nothing. After a 504 nobody knows, so only what is safe to repeat is sent again.
    const again = answer.status === 429 || answer.status === 503 || (answer.status === 504 && repeatable);
    if (!again || attempt === ATTEMPTS) throw new Refused(answer.status, said);
    const wait = Number(answer.headers.get("Retry-After") ?? 2 ** attempt * Math.random());
    console.log(`${answer.status} ${said.code}: again in ${wait.toFixed(1)} s`);
    await sleep(wait * 1000);
  }
}

/** Every template of a category, page after page. */
async function templates(category) {
  const found = [];
  let query = `category=${category}&per_page=50`;
  for (;;) {
    const page = await ask("GET", `/partner/marketplace/templates?${query}`);
    found.push(...page.templates);
    if (page.next_token === null) return found;
    query = `category=${category}&per_page=50&next_token=${page.next_token}`;
  }
}

/** Today's login. The mock token stands for the code that the user's browser brings back from `oauth_url`. */
async function logIn(email, clientId) {
  const path = `/partner/broker-accounts/${clientId}/oauth`;
  const { oauth_url, state } = await ask("POST", `${path}/initiate`, { user_email: email });
  console.log(`in production the browser goes to ${new URL(oauth_url).pathname}`);
  return ask("POST", `${path}/callback`, { user_email: email, state, request_token: "mock_token_node" });
}

/** The id of the user's subscription, begun now or before. */
async function subscribe(wanted) {
  try {
    return (await ask("POST", "/partner/marketplace/subscribe", wanted)).subscription_id;
  } catch (refusal) {
    if (refusal.code !== "already_subscribed") throw refusal;
    return refusal.body.existing_subscription_id;
  }
}

/** Fire a template now, for this partner's users alone, and return the run once it is over. */
async function execute(templateId) {
  const { status_url } = await ask("POST", "/partner/sandbox/executions", { template_id: templateId });
  for (;;) {
    const run = await ask("GET", status_url);
    if (run.status === "completed") return run;
    await sleep(3000);
  }
}

/** A run in which the subscription traded; a busy sandbox may come too late to its own boundary, a live one does not. */
async function traded(templateId, subscriptionId) {
  for (let attempt = 1; ; attempt++) {
    const run = await execute(templateId);
    const mine = run.subscriptions.find((each) => each.subscription_id === subscriptionId);
    if (!mine) throw new Error("the run never reported on the subscription");
    if (!mine.skipped) return { report: run.report, orders: mine.orders };
    if (mine.skipped !== "worker_late" || attempt === 3) throw new Error(`nothing was traded: ${mine.skipped}`);
  }
}

const me = await ask("GET", "/partner/me");
console.log(`key of ${me.partner_name}, ${me.environment}`);

const template = (await templates("NIFTY")).find((each) => each.pricing.type === "PAID");
console.log(`offers ${template.name}, ${template.pricing.monthly_fee} ${template.pricing.currency} a month`);

const mark = randomBytes(4).toString("hex");
const [email, clientId] = [`asha.${mark}@example.com`, `NODE${mark.toUpperCase()}`];
const app = { api_key: "test_api_key", api_secret: "test_api_secret" };
await ask("POST", "/partner/broker-accounts", { user_email: email, broker_name: "zebu", client_id: clientId, ...app });
console.log(`logged in until ${(await logIn(email, clientId)).valid_until}`);

const wanted = { user_email: email, template_id: template.template_id, broker_client_id: clientId, lot_multiplier: 2 };
const subscriptionId = await subscribe(wanted);
if ((await subscribe(wanted)) !== subscriptionId) throw new Error("a second subscription to one template");
const subscription = `/partner/subscriptions/${subscriptionId}`;
console.log(`paused: ${(await ask("PUT", `${subscription}/pause`)).status}`);
console.log(`resumed: ${(await ask("PUT", `${subscription}/resume`)).status}`);

const { report, orders } = await traded(template.template_id, subscriptionId);
for (const order of orders) console.log(`${order.side} ${order.quantity} ${order.symbol}: ${order.state}`);
console.log(`report: ${JSON.stringify(report.counts)}`);

const refused = await ask("GET", "/partner/me", undefined, "sk_wrong").catch((refusal) => refusal);
if (refused.status !== 401) throw new Error("a wrong secret was taken");
console.log(`401 ${refused.code}: not repeated, a person has to look`);
console.log(`ended: ${(await ask("DELETE", subscription)).status}`);
