"""Where a run's plan lies between planning and firing, and brokers' lists of contracts beside it."""

from collections.abc import Iterable

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

DAYS_KEPT = 30


class PlansBucket(Construct):
    """Private, encrypted, reached over TLS only; plans vanish by themselves."""

    def __init__(self, scope: Construct, id_: str, *, keep: bool) -> None:
        super().__init__(scope, id_)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(DAYS_KEPT),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )

    def grant(self, grantee: iam.IGrantable, *actions: str) -> None:
        """Allow exactly these actions on the objects (CDK's own grants use wildcards)."""
        self._grant(grantee, actions, self.bucket.arn_for_objects("*"))

    def grant_masters(self, grantee: iam.IGrantable, *actions: str) -> None:
        """Allow these actions on lists of contracts, and to be told of one that is not there (else S3 says 403)."""
        self._grant(grantee, actions, self.bucket.arn_for_objects("masters/*"))
        self._grant(grantee, ("s3:ListBucket",), self.bucket.bucket_arn)

    def _grant(self, grantee: iam.IGrantable, actions: Iterable[str], resource: str) -> None:
        iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[resource])
