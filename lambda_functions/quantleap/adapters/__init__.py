"""What stands behind the ports: DynamoDB, secrets, brokers, the clock of the machine."""
