// One journey with the types that openapi-typescript made: `node journey.mjs URL KEY SECRET SIGN_IN`.
// An `@ts-expect-error` whose line has no error is one itself: what is typed loosely does not compile.

import createClient from "openapi-fetch";
import type { paths } from "./api.js";

declare const process: { argv: string[] };

const [url, key, secret, signIn] = process.argv.slice(2) as [string, string, string, string];
const partner = createClient<paths>({
  baseUrl: url,
  headers: { Authorization: `Bearer ${key}`, "X-Partner-Secret": secret },
});
const administrator = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${signIn}` } });

const user_email = "devi@example.com";
const client_id = "ZEBU888";

function same<T>(found: T, expected: T): void {
  if (found !== expected) throw new Error(`${found} is not ${expected}`);
}

function given<T>({ data, error }: { data?: T; error?: unknown }): T {
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

const shelf = given(await partner.GET("/partner/marketplace/templates"));
const template_id: string = shelf.templates[0]!.template_id;
const account = { user_email, broker_name: "zebu", client_id, api_key: "the app's key", api_secret: "the app's secret" };
given(await partner.POST("/partner/broker-accounts", { body: account }));

const wanted = { user_email, template_id, broker_client_id: client_id };
const { subscription_id } = given(await partner.POST("/partner/marketplace/subscribe", { body: wanted }));
const { error } = await partner.POST("/partner/marketplace/subscribe", { body: wanted });
if (error?.code !== "already_subscribed") throw new Error(JSON.stringify(error));
const existing: string | undefined = error.existing_subscription_id;
// @ts-expect-error - the id is text
const count: number | undefined = error.existing_subscription_id;
same(existing, subscription_id);

const params = { path: { subscription_id } };
given(await partner.PATCH("/partner/subscriptions/{subscription_id}", { params, body: { lot_multiplier: 3 } }));
// @ts-expect-error - a multiplier is a number
const wrong = () => partner.PATCH("/partner/subscriptions/{subscription_id}", { params, body: { lot_multiplier: "3" } });
const read = given(await partner.GET("/partner/subscriptions/{subscription_id}", { params }));
same(read.subscription.broker_allocation.lot_multiplier, 3);

const basket = given(
  await administrator.POST("/options/baskets", {
    body: {
      name: "Bull put spread",
      category: "INCOME",
      strategies: [
        {
          index: "NIFTY",
          entry_time: "09:20",
          exit_time: "15:20",
          legs: [
            { side: "SELL", right: "PE", strike: { rule: "ATM", offset: -4 } },
            { side: "BUY", right: "PE", strike: { rule: "ATM", offset: -8 } },
          ],
        },
      ],
    },
  }),
);
same(typeof basket.basket_id, "string");
