"""What the stage tells its functions, by the names that `quantleap.runtime.settings` and our libraries read."""

from cdk_stack.stage import Stage


def environment(stage: Stage, *, table: str, plans: str, client: str, vault_key: str | None = None) -> dict[str, str]:
    """Return the variables every function has; what the stage lacks is left out."""
    told = {
        "STAGE": stage.name,
        "TABLE_NAME": table,
        "PLANS_BUCKET": plans,
        "USER_POOL_CLIENT_ID": client,
        "SECRET_PREFIX": stage.secret_prefix,
        "CREDENTIAL_VAULT": stage.credential_vault,
        "VAULT_KEY_ID": vault_key,
        "REAL_BROKERS": "true" if stage.real_brokers else "false",
        "SIMULATED_BROKER_URL": stage.simulated_broker_url,
        "MARKET_FEED_URL": stage.feed_url,
        "APP_URL": stage.app_url,
        "REDIRECT_URLS": " ".join(stage.redirect_urls),
        "MARKET_HOURS": stage.market_hours,
        "WARM_LEAD_S": str(stage.warm_lead_s),
        "LAST_LOOK_LEAD_S": str(stage.last_look_lead_s),
        "SANDBOX_LEAD_S": str(stage.sandbox_lead_s),
        "URGENT_LEAD_S": str(stage.urgent_lead_s),
        "MAX_LATENESS_S": str(stage.max_lateness_s),
        "SHARD_SIZE": str(stage.shard_size),
        "LOG_LEVEL": stage.log_level,
        "PYDANTIC_DISABLE_PLUGINS": "__all__",  # we have none; looking for them opens a file of every package we carry
    }
    return {name: value for name, value in told.items() if value is not None}
