// Zebu Backend Code (Node.js/Python/Java)

// Configuration
const QUANTLEAP_API_KEY = process.env.QUANTLEAP_API_KEY;
const QUANTLEAP_SECRET = process.env.QUANTLEAP_SECRET;
const QUANTLEAP_BASE_URL = 'https://257y9owov2.execute-api.ap-south-1.amazonaws.com/dev';

// Browse marketplace
app.get('/zebu-api/marketplace/templates', async (req, res) => {
  const response = await fetch(`${QUANTLEAP_BASE_URL}/partner/marketplace/templates`, {
    headers: {
      'Authorization': `Bearer ${QUANTLEAP_API_KEY}`,
      'X-Partner-Secret': QUANTLEAP_SECRET
    }
  });

  const data = await response.json();
  res.json(data);
});

// Subscribe user
app.post('/zebu-api/marketplace/subscribe', async (req, res) => {
  const { template_id, user_email, broker_client_id, lot_multiplier } = req.body;

  const response = await fetch(`${QUANTLEAP_BASE_URL}/partner/marketplace/subscribe`, {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${QUANTLEAP_API_KEY}`,
      'X-Partner-Secret': QUANTLEAP_SECRET,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      template_basket_id: template_id,
      user_email: user_email,
      user_name: req.user.name,
      broker_client_id: broker_client_id,
      lot_multiplier: lot_multiplier,
      auto_link_broker: true
    })
  });

  const data = await response.json();
  res.json(data);
});
