curl -X POST https://api-dev.quantleap.in/partner/broker-accounts \
  -H 'Authorization: Bearer pk_zebu_test_XXXXXXXX' \
  -H 'X-Partner-Secret: sk_zebu_test_YYYYYYYY' \
  -H 'Content-Type: application/json' \
  -d '{
    "user_email": "testuser@zebu.com",
    "broker_name": "zebu",
    "client_id": "TEST123",
    "api_key": "test_api_key",
    "api_secret": "test_api_secret"
  }'

# Expected: 201 Created

# Step 1: Initiate OAuth
curl -X POST https://api-dev.quantleap.in/partner/broker-accounts/TEST123/oauth/initiate \
  -H 'Authorization: Bearer pk_zebu_test_XXXXXXXX' \
  -H 'X-Partner-Secret: sk_zebu_test_YYYYYYYY' \
  -H 'Content-Type: application/json' \
  -d '{
    "user_email": "testuser@zebu.com"
  }'

# Expected: 200 OK with oauth_url

# Step 2: Complete OAuth (use mock request_token in dev)
curl -X POST https://api-dev.quantleap.in/partner/broker-accounts/TEST123/oauth/callback \
  -H 'Authorization: Bearer pk_zebu_test_XXXXXXXX' \
  -H 'X-Partner-Secret: sk_zebu_test_YYYYYYYY' \
  -H 'Content-Type: application/json' \
  -d '{
    "user_email": "testuser@zebu.com",
    "request_token": "mock_token_12345",
    "state": "state_from_step1"
  }'

# Expected: 200 OK with token expiry

curl -X POST https://api-dev.quantleap.in/partner/marketplace/subscribe \
  -H 'Authorization: Bearer pk_zebu_test_XXXXXXXX' \
  -H 'X-Partner-Secret: sk_zebu_test_YYYYYYYY' \
  -H 'Content-Type: application/json' \
  -d '{
    "user_email": "testuser@zebu.com",
    "template_id": "basket_admin_test_strategy",
    "broker_client_id": "TEST123",
    "lot_multiplier": 1.0
  }'

# Expected: 201 Created with subscription details

curl -X GET 'https://api-dev.quantleap.in/partner/subscriptions?user_email=testuser@zebu.com' \
  -H 'Authorization: Bearer pk_zebu_test_XXXXXXXX' \
  -H 'X-Partner-Secret: sk_zebu_test_YYYYYYYY'

# Expected: 200 OK with array of subscriptions
