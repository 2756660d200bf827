"""The REST API: the route table, and who stands at each door."""

import json

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_stack.constructs.functions import Functions
from cdk_stack.constructs.gateway_responses import add_gateway_responses
from cdk_stack.routes import ENTRANCES, Auth
from cdk_stack.stage import Stage

CREDENTIALS_REMEMBERED = Duration.seconds(60)
"""How long the gateway trusts a verified pair; functions read the key anew, so revoking it acts at once."""

# The route as declared, never the path as sent: a path can hold names, a header a secret.
_LOGGED = {
    "request_id": "$context.requestId",
    "at": "$context.requestTimeEpoch",
    "ip": "$context.identity.sourceIp",
    "caller": "$context.authorizer.principalId",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "refusal": "$context.error.responseType",
    "latency_ms": "$context.responseLatency",
    "function_ms": "$context.integrationLatency",
    "bytes": "$context.responseLength",
}


class PartnerApi(Construct):
    """One resource and one method for each path, one authorizer for each kind of caller."""

    def __init__(
        self, scope: Construct, id_: str, *, stage: Stage, functions: Functions, pool: cognito.IUserPool
    ) -> None:
        super().__init__(scope, id_)
        self.api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=f"{stage.prefix}-api",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=RemovalPolicy.RETAIN,  # one for the account, used by others
            deploy_options=self._stage_options(stage),
        )
        add_gateway_responses(self.api)
        signed_in = self._administrators(pool)
        self._doors = {
            Auth.PUBLIC: apigateway.MethodOptions(authorization_type=apigateway.AuthorizationType.NONE),
            Auth.PARTNER: apigateway.MethodOptions(authorizer=self._partners(functions)),
            Auth.USER: apigateway.MethodOptions(authorizer=signed_in),
            Auth.ADMIN: apigateway.MethodOptions(authorizer=signed_in),
        }
        self._add_routes(functions)

    def _stage_options(self, stage: Stage) -> apigateway.StageOptions:
        log = logs.LogGroup(
            self,
            "AccessLog",
            log_group_name=f"/aws/apigateway/{stage.prefix}",
            retention=logs.RetentionDays[stage.log_retention],
            removal_policy=RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY,
        )
        return apigateway.StageOptions(
            stage_name=stage.name,
            throttling_rate_limit=stage.throttle.rate_per_second,
            throttling_burst_limit=stage.throttle.burst,
            metrics_enabled=True,
            data_trace_enabled=False,
            access_log_destination=apigateway.LogGroupLogDestination(log),
            access_log_format=apigateway.AccessLogFormat.custom(json.dumps(_LOGGED)),
        )

    def _partners(self, functions: Functions) -> apigateway.RequestAuthorizer:
        headers = ("Authorization", "X-Partner-Secret")
        return apigateway.RequestAuthorizer(
            self,
            "Partners",
            handler=functions["partner-auth"],
            identity_sources=[apigateway.IdentitySource.header(name) for name in headers],
            results_cache_ttl=CREDENTIALS_REMEMBERED,
        )

    def _administrators(self, pool: cognito.IUserPool) -> apigateway.CognitoUserPoolsAuthorizer:
        return apigateway.CognitoUserPoolsAuthorizer(self, "Administrators", cognito_user_pools=[pool])

    def _add_routes(self, functions: Functions) -> None:
        """Every method of a path goes to its function, which alone can say which of them the path has."""
        answers = {
            name: apigateway.LambdaIntegration(functions[name], allow_test_invoke=False)
            for name in dict.fromkeys(entrance.function for entrance in ENTRANCES)
        }
        for entrance in ENTRANCES:
            door = self._doors[entrance.auth]
            self.api.root.resource_for_path(entrance.path).add_method(
                "ANY",
                answers[entrance.function],
                authorizer=door.authorizer,
                authorization_type=door.authorization_type,
            )
