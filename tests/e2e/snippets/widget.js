// Zebu Frontend Code (React/Angular/Vue)

// Step 1: Fetch marketplace templates from Zebu backend
const fetchMarketplace = async () => {
  // Zebu backend calls Quantleap Partner API
  const response = await fetch('/zebu-api/marketplace/templates');
  return await response.json();
};

// Step 3: Handle subscription
const handleSubscribe = async (templateId, lotMultiplier) => {
  // Zebu backend calls Quantleap Partner API
  const response = await fetch('/zebu-api/marketplace/subscribe', {
    method: 'POST',
    body: JSON.stringify({
      template_id: templateId,
      user_email: currentUser.email,
      broker_client_id: currentUser.zebuClientId,
      lot_multiplier: lotMultiplier
    })
  });

  if (response.ok) {
    showSuccess('Subscribed successfully!');
  }
};
