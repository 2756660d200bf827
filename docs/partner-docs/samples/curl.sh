#!/usr/bin/env bash
# A partner's backend with curl: from the key to a filled order, in the sandbox. Needs bash, curl and python3 (to read
# JSON). Run it on a server only: whoever has the secret can trade for all of your users.
#
#   QUANTLEAP_URL=... QUANTLEAP_API_KEY=pk_... QUANTLEAP_SECRET=sk_... bash curl.sh
set -euo pipefail

attempts=8
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT

# The secrets go to curl by a file of our own, not by its command line, which other users of the machine can see.
(umask 077 && printf 'header = "Authorization: Bearer %s"\nheader = "X-Partner-Secret: %s"\n' \
  "$QUANTLEAP_API_KEY" "$QUANTLEAP_SECRET" >"$here/credentials")

# field EXPRESSION: what a Python expression of the answer `a` comes to.
field() { python3 -c "import json; a = json.load(open('$here/body')); print($1)"; }

# ask METHOD PATH [BODY]: send one request until it is answered; its answer is in $here/body, its status in $status.
# A POST carries one Idempotency-Key through all its attempts.
ask() {
  local method=$1 path=$2 attempt wait
  local -a more=(-H "Content-Type: application/json")
  [ "$method" = POST ] && more+=(-H "Idempotency-Key: $(python3 -c 'import uuid; print(uuid.uuid4())')")
  [ $# -gt 2 ] && more+=(--data "$3")
  for ((attempt = 1; ; attempt++)); do
    status=$(curl -sS --max-time 30 -K "$here/credentials" -X "$method" "${more[@]}" -D "$here/headers" \
      -o "$here/body" -w '%{http_code}' "$QUANTLEAP_URL$path") || status=000
    wait=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]*\).*/\1/p' "$here/headers" 2>/dev/null || true)
    case $method:$status in
      *:2??) return 0 ;;
      # 429 and 503 changed nothing. Without an answer nobody knows, so only what is safe to repeat is sent again.
      *:429 | *:503 | GET:000 | POST:000 | GET:504 | POST:504) ;;
      *) return 1 ;;
    esac
    [ "$attempt" -lt "$attempts" ] || return 1
    echo "$status: again in ${wait:-$attempt} s"
    sleep "${wait:-$attempt}"
  done
}

# refused: end the program with what the answer says.
refused() {
  [ "$status" = 000 ] && echo "no answer" >&2 || echo "$status $(field 'a["code"], a["message"], a["request_id"]')" >&2
  exit 1
}

ask GET /partner/me || refused
echo "key of $(field 'a["partner_name"]'), $(field 'a["environment"]')"
ask GET "/partner/marketplace/templates?category=NIFTY&pricing_type=PAID&per_page=1" || refused
template=$(field 'a["templates"][0]["template_id"]')
echo "offers $(field 'a["templates"][0]["name"]')"

mark=$(python3 -c 'import secrets; print(secrets.token_hex(4))')
email="asha.$mark@example.com" client="CURL${mark^^}" account="/partner/broker-accounts/CURL${mark^^}"
ask POST /partner/broker-accounts "{\"user_email\": \"$email\", \"broker_name\": \"zebu\", \"client_id\": \"$client\",
  \"api_key\": \"test_api_key\", \"api_secret\": \"test_api_secret\"}" || refused

# Today's login. The mock token stands for the code that the user's browser brings back from oauth_url.
ask POST "$account/oauth/initiate" "{\"user_email\": \"$email\"}" || refused
ask POST "$account/oauth/callback" "{\"user_email\": \"$email\", \"state\": \"$(field 'a["state"]')\",
  \"request_token\": \"mock_token_curl\"}" || refused
echo "logged in until $(field 'a["valid_until"]')"

# subscribe: put the id of the user's subscription, begun now or before, into $subscription.
subscribe() {
  if ask POST /partner/marketplace/subscribe "{\"user_email\": \"$email\", \"template_id\": \"$template\",
    \"broker_client_id\": \"$client\", \"lot_multiplier\": 2}"; then
    subscription=$(field 'a["subscription_id"]')
  elif [ "$(field 'a["code"]')" = already_subscribed ]; then
    subscription=$(field 'a["existing_subscription_id"]')
  else
    refused
  fi
}
subscribe
first=$subscription
subscribe
[ "$first" = "$subscription" ] || { echo "a second subscription to one template" >&2; exit 1; }

ask PUT "/partner/subscriptions/$subscription/pause" || refused
echo "paused: $(field 'a["status"]')"
ask PUT "/partner/subscriptions/$subscription/resume" || refused
echo "resumed: $(field 'a["status"]')"

# Fire the template now, for this partner's users alone, and wait until the run is over. A busy sandbox may come too
# late to its own boundary, a live one does not.
mine="next((s for s in a['subscriptions'] if s['subscription_id'] == '$subscription'), {'skipped': 'no report'})"
skipped=worker_late
for ((runs = 0; runs < 3; runs++)); do
  [ "$skipped" = worker_late ] || break
  ask POST /partner/sandbox/executions "{\"template_id\": \"$template\"}" || refused
  run=$(field 'a["status_url"]')
  until ask GET "$run" && [ "$(field 'a["status"]')" = completed ]; do
    [ "$status" = 200 ] || refused
    sleep 3
  done
  skipped=$(field "$mine['skipped']")
done
[ "$skipped" = None ] || { echo "nothing was traded: $skipped" >&2; exit 1; }
field "'\\n'.join(f\"{o['side']} {o['quantity']} {o['symbol']}: {o['state']}\" for o in $mine['orders'])"
echo "report: $(field 'json.dumps(a["report"]["counts"])')"

wrong=$(curl -sS -o "$here/body" -w '%{http_code}' "$QUANTLEAP_URL/partner/me" \
  -H "Authorization: Bearer $QUANTLEAP_API_KEY" -H "X-Partner-Secret: sk_wrong")
[ "$wrong" = 401 ] || { echo "a wrong secret was taken" >&2; exit 1; }
echo "401 $(field 'a["code"]'): not repeated, a person has to look"
ask DELETE "/partner/subscriptions/$subscription" || refused
echo "ended: $(field 'a["status"]')"
