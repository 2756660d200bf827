// Runs the snippets beside this file as they are: their addresses lead to the sandbox, `app` is the little of a web
// framework they use, and what a portal would do with the results is told as one line of JSON.

import { readFileSync } from "node:fs";

const { QUANTLEAP_URL, CLIENT_ID, EMAIL, TEMPLATE_ID, OTHER_TEMPLATE_ID } = process.env;
const snippet = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const run = (name, names, returned) => new Function(...Object.keys(names), `${snippet(name)}\nreturn ${returned};`)(...Object.values(names));

const sent = globalThis.fetch;
const toSandbox = (address) => address.replace(/^https:\/\/[^/]+(\/dev)?(?=\/partner)/, QUANTLEAP_URL);
globalThis.fetch = (address, options) => sent(toSandbox(address), options);

// The portal's backend: its routes, and its frontend's requests to them.
const routes = {};
const app = { get: (path, answer) => (routes[`GET ${path}`] = answer), post: (path, answer) => (routes[`POST ${path}`] = answer) };
run("backend.js", { app, process }, "null");
const portal = async (path, { method = "GET", body } = {}) => {
  let answered;
  const asked = { body: body && JSON.parse(body), user: { name: "Test User" } };
  await routes[`${method} ${path}`](asked, { json: (data) => (answered = data) });
  return { ok: answered.statusCode < 400, json: async () => answered };
};

const shown = [];
const currentUser = { email: EMAIL, zebuClientId: CLIENT_ID };
const widget = run("widget.js", { fetch: portal, currentUser, showSuccess: (text) => shown.push(text) }, "({ fetchMarketplace, handleSubscribe })");
const marketplace = await widget.fetchMarketplace();
await widget.handleSubscribe(TEMPLATE_ID, 1);

// The one function with error handling, once as it goes well, once for a second subscription.
const logged = [];
const names = { user: { brokerId: CLIENT_ID }, logError: (...all) => logged.push(all), process };
const subscribeUser = run("subscribe_user.js", names, "subscribeUser");
const first = await subscribeUser(EMAIL, OTHER_TEMPLATE_ID, 2);
const second = await subscribeUser(EMAIL, OTHER_TEMPLATE_ID, 2);

console.log(JSON.stringify({ marketplace, shown, first, second, logged }));
