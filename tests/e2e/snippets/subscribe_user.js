async function subscribeUser(userEmail, templateId, lotMultiplier) {
  try {
    const response = await fetch('https://api.quantleap.in/partner/marketplace/subscribe', {
      method: 'POST',
      headers: {
        'Authorization': `Bearer ${process.env.QUANTLEAP_API_KEY}`,
        'X-Partner-Secret': process.env.QUANTLEAP_SECRET_KEY,
        'Content-Type': 'application/json'
      },
      body: JSON.stringify({
        user_email: userEmail,
        template_id: templateId,
        broker_client_id: user.brokerId,
        lot_multiplier: lotMultiplier
      })
    });

    const data = await response.json();

    if (!response.ok) {
      // Handle specific error codes
      if (response.status === 409) {
        return {
          success: false,
          error: 'DUPLICATE_SUBSCRIPTION',
          message: 'You are already subscribed to this strategy'
        };
      }

      if (response.status === 401) {
        return {
          success: false,
          error: 'OAUTH_REQUIRED',
          message: 'Please complete daily broker login first'
        };
      }

      // Generic error
      throw new Error(data.message || 'Subscription failed');
    }

    return { success: true, data };

  } catch (error) {
    console.error('Subscription error:', error);

    // Log to your monitoring system
    logError('subscription_failed', {
      user_email: userEmail,
      template_id: templateId,
      error: error.message
    });

    return {
      success: false,
      error: 'UNKNOWN_ERROR',
      message: 'Something went wrong. Please try again.'
    };
  }
}
