"""What leaves the API: the shapes of the answers, as partners' documents have them."""
