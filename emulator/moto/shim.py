"""Starts moto's server with the operations it lacks.

The emulator's edge hands this program to python3 on standard input, with the
arguments of moto_server. Nothing of moto is changed on disk: each section
below adds one thing to the classes moto has loaded.
"""

import hashlib
import json
import logging
import uuid
from urllib.parse import quote

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.awslambda.models import LambdaAlias, LambdaBackend, LambdaFunction, lambda_backends
from moto.awslambda.responses import LambdaResponse
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import JsonRESTError
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ecs.models import Service
from moto.iam.exceptions import IAMException
from moto.iam.responses import IamResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.redshift.models import Cluster as RedshiftCluster
from moto.s3.responses import S3Response
from moto.server import main


def application_auto_scaling_tags():
    """ListTagsForResource, TagResource and UntagResource, and tags at registration."""
    tags = {}
    register = ApplicationAutoScalingResponse.register_scalable_target

    def known(response, arn):
        backend = applicationautoscaling_backends[response.current_account][response.region]
        for by_id in backend.targets.values():
            if any(target.arn == arn for target in by_id.values()):
                return arn
        raise JsonRESTError(
            "ResourceNotFoundException", f"The resource {arn} does not exist."
        )

    def register_scalable_target(self):
        body = register(self)
        given = self._get_param("Tags")
        if given:
            tags.setdefault(json.loads(body)["ScalableTargetARN"], {}).update(given)
        return body

    def list_tags_for_resource(self):
        return json.dumps({"Tags": tags.get(known(self, self._get_param("ResourceARN")), {})})

    def tag_resource(self):
        arn = known(self, self._get_param("ResourceARN"))
        tags.setdefault(arn, {}).update(self._get_param("Tags") or {})
        return "{}"

    def untag_resource(self):
        arn = known(self, self._get_param("ResourceARN"))
        for key in self._get_param("TagKeys") or []:
            tags.get(arn, {}).pop(key, None)
        return "{}"

    ApplicationAutoScalingResponse.register_scalable_target = register_scalable_target
    ApplicationAutoScalingResponse.list_tags_for_resource = list_tags_for_resource
    ApplicationAutoScalingResponse.tag_resource = tag_resource
    ApplicationAutoScalingResponse.untag_resource = untag_resource


def redshift_availability():
    """The two cluster fields the Terraform provider insists on."""
    RedshiftCluster.cluster_availability_status = "Available"
    RedshiftCluster.availability_zone_relocation_status = "disabled"


def ecs_security_groups():
    """A service's security groups are optional in AWS."""
    validate = Service._validate_network

    def _validate_network(self, nc):
        nc["awsvpcConfiguration"].setdefault("securityGroups", [])
        return validate(self, nc)

    Service._validate_network = _validate_network


def iam_simulation():
    """No policy is judged here, so nobody may ask for a judgement."""

    class AccessDenied(IAMException):
        code = "AccessDenied"

    def simulate_principal_policy(self):
        raise AccessDenied("The emulated AWS judges no policies.")

    IamResponse.simulate_principal_policy = simulate_principal_policy


def security_group_descriptions():
    """The description of a rule that names a group instead of addresses."""

    def description(self):
        for side in (self.ip_range, self.source_group):
            if side and side.get("Description"):
                return side["Description"]
        return None

    SecurityGroupRule.description = property(description)


def lambda_revisions():
    """Revision ids that change with what they name, and update status at once."""
    configuration = LambdaFunction.get_configuration
    update_alias = LambdaBackend.update_alias
    alias_response = LambdaResponse.update_alias

    def get_configuration(self, on_create=False):
        config = configuration(self, False)
        content = json.dumps(config, sort_keys=True, default=str).encode()
        config["RevisionId"] = str(uuid.UUID(hashlib.md5(content).hexdigest()))
        return config

    def changed_update_alias(self, *args, **kwargs):
        alias = update_alias(self, *args, **kwargs)
        alias.revision_id = str(uuid.uuid4())
        return alias

    def checked_update_alias(self):
        given = json.loads(self.body).get("RevisionId") if self.body else None
        if given:
            path = self.path.rstrip("/").split("/")
            alias = self.backend.get_alias(path[-1], path[-3])
            if alias.revision_id != given:
                raise PreconditionFailed()
        return alias_response(self)

    class PreconditionFailed(JsonRESTError):
        code = 412

        def __init__(self):
            super().__init__(
                "PreconditionFailedException",
                "The RevisionId provided does not match the latest RevisionId. "
                "Call the GetAlias API to retrieve the latest RevisionId for your alias.",
            )

    LambdaFunction.get_configuration = get_configuration
    LambdaBackend.update_alias = changed_update_alias
    LambdaResponse.update_alias = checked_update_alias
    assert LambdaAlias.update


def lambda_code():
    """GET /_moto/lambda-code/REGION/FUNCTION/QUALIFIER answers the zip's bytes."""
    dispatch = DomainDispatcherApplication.__call__
    prefix = "/_moto/lambda-code/"

    def call(self, environ, start_response):
        path = environ.get("PATH_INFO", "")
        if not path.startswith(prefix):
            return dispatch(self, environ, start_response)
        try:
            region, name, qualifier = path[len(prefix) :].split("/")
            backend = lambda_backends[DEFAULT_ACCOUNT_ID][region]
            code = backend.get_function(name, qualifier).code_bytes
        except Exception as problem:  # the edge reports it as the reason
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [str(problem).encode()]
        start_response(
            "200 OK",
            [("Content-Type", "application/zip"), ("Content-Length", str(len(code)))],
        )
        return [code]

    DomainDispatcherApplication.__call__ = call


def s3_encoded_versions():
    """ListObjectVersions with its keys encoded where encoding-type=url asks for it."""
    plain = S3Response.list_object_versions

    def list_object_versions(self):
        if self.querystring.get("encoding-type", [None])[0] != "url":
            return plain(self)
        serialized = self.serialized

        def encoded(answer):
            for entry in answer.result["Versions"] + answer.result["DeleteMarkers"]:
                entry["Key"] = quote(entry["Key"])
            answer.result["EncodingType"] = "url"
            return serialized(answer)

        self.serialized = encoded
        try:
            return plain(self)
        finally:
            del self.serialized

    S3Response.list_object_versions = list_object_versions


logging.getLogger("werkzeug").setLevel(logging.ERROR)
application_auto_scaling_tags()
redshift_availability()
ecs_security_groups()
iam_simulation()
security_group_descriptions()
lambda_revisions()
lambda_code()
s3_encoded_versions()
main()
