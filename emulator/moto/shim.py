"""Starts moto's server with the operations it lacks.

The emulator's edge hands this program to python3 on standard input, with the
arguments of moto_server. Nothing of moto is changed on disk: each correction
below asks the classes that moto has loaded whether they lack what it adds, and
adds only that. A moto that has it keeps its own. A correction that moto's code
does not allow is reported and left out: the edge's self-test decides whether the
emulated AWS works without it.
"""

import hashlib
import json
import logging
import sys
import uuid
from urllib.parse import quote

import moto
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import JsonRESTError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.server import main


def application_auto_scaling_tags():
    """ListTagsForResource, TagResource and UntagResource, and tags at registration."""
    from moto.applicationautoscaling.models import applicationautoscaling_backends
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse as Response

    if all(hasattr(Response, name) for name in ("list_tags_for_resource", "tag_resource", "untag_resource")):
        return
    tags = {}
    register = Response.register_scalable_target

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

    # The three share their tags, so that one that is missing brings them all.
    Response.register_scalable_target = register_scalable_target
    Response.list_tags_for_resource = list_tags_for_resource
    Response.tag_resource = tag_resource
    Response.untag_resource = untag_resource


def redshift_availability():
    """The two cluster fields the Terraform provider insists on."""
    from moto.redshift.models import Cluster

    for name, value in (
        ("cluster_availability_status", "Available"),
        ("availability_zone_relocation_status", "disabled"),
    ):
        if not hasattr(Cluster, name):
            setattr(Cluster, name, value)


def ecs_security_groups():
    """A service's security groups are optional in AWS."""
    from moto.ecs.models import Service

    if not hasattr(Service, "_validate_network"):
        return
    validate = Service._validate_network

    def _validate_network(self, nc):
        try:
            return validate(self, nc)
        except Exception:
            if "securityGroups" in nc.get("awsvpcConfiguration", {}):
                raise
        nc["awsvpcConfiguration"]["securityGroups"] = []
        return validate(self, nc)

    Service._validate_network = _validate_network


def iam_simulation():
    """No policy is judged here, so nobody may ask for a judgement."""
    from moto.iam.exceptions import IAMException
    from moto.iam.responses import IamResponse

    class AccessDenied(IAMException):
        code = "AccessDenied"

    def simulate_principal_policy(self):
        raise AccessDenied("The emulated AWS judges no policies.")

    IamResponse.simulate_principal_policy = simulate_principal_policy


def security_group_descriptions():
    """The description of a rule that names a group instead of addresses."""
    from moto.ec2.models.security_groups import SecurityGroupRule as Rule

    own = Rule.description.fget if isinstance(getattr(Rule, "description", None), property) else lambda self: None

    def description(self):
        found = own(self)
        if found:
            return found
        for side in (self.ip_range, self.source_group):
            if side and side.get("Description"):
                return side["Description"]
        return None

    Rule.description = property(description)


def lambda_revisions():
    """Revision ids that change with what they name, and update status at once."""
    from moto.awslambda.models import LambdaBackend, LambdaFunction
    from moto.awslambda.responses import LambdaResponse

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


def own_paths():
    """GET /_moto/version answers moto's version, and
    GET /_moto/lambda-code/REGION/FUNCTION/QUALIFIER a zip's bytes."""
    from moto.awslambda.models import lambda_backends

    dispatch = DomainDispatcherApplication.__call__
    prefix = "/_moto/lambda-code/"

    def answer(start_response, media_type, content):
        start_response(
            "200 OK", [("Content-Type", media_type), ("Content-Length", str(len(content)))]
        )
        return [content]

    def call(self, environ, start_response):
        path = environ.get("PATH_INFO", "")
        if path == "/_moto/version":
            return answer(start_response, "text/plain", moto.__version__.encode())
        if not path.startswith(prefix):
            return dispatch(self, environ, start_response)
        try:
            region, name, qualifier = path[len(prefix) :].split("/")
            backend = lambda_backends[DEFAULT_ACCOUNT_ID][region]
            code = backend.get_function(name, qualifier).code_bytes
        except Exception as problem:  # the edge reports it as the reason
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [str(problem).encode()]
        return answer(start_response, "application/zip", code)

    DomainDispatcherApplication.__call__ = call


def s3_encoded_versions():
    """ListObjectVersions with its keys encoded where encoding-type=url asks for it."""
    from moto.s3.responses import S3Response

    plain = S3Response.list_object_versions

    def list_object_versions(self):
        if self.querystring.get("encoding-type", [None])[0] != "url":
            return plain(self)
        serialized = self.serialized

        def encoded(answer):
            if answer.result.get("EncodingType") != "url":
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


def correct(*corrections):
    """Makes each correction, and reports the ones that moto's code does not allow."""
    for correction in corrections:
        try:
            correction()
        except (ImportError, AttributeError) as problem:
            print(
                f"moto {moto.__version__}: the correction {correction.__name__} does not apply: {problem}",
                file=sys.stderr,
            )


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    own_paths()
    correct(
        application_auto_scaling_tags,
        redshift_availability,
        ecs_security_groups,
        iam_simulation,
        security_group_descriptions,
        lambda_revisions,
        s3_encoded_versions,
    )
    main()
