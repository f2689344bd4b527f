"""Roles, their policies, keys and secrets."""

from __future__ import annotations

import json
import secrets
import string

from tests.servers.cloudformation.resource import Json, Made, Request, makes


@makes("AWS::IAM::Role", name="RoleName")
def role(request: Request) -> Made:
    """A role with its inline and managed policies; moto checks the grammar of each document."""
    iam = request.client("iam")
    name = (request.take("RoleName") or request.name)[:64]
    inline = request.take("Policies", [])
    managed = request.take("ManagedPolicyArns", [])
    trust = json.dumps(request.take("AssumeRolePolicyDocument"))
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **request.rest())["Role"]
    for policy in inline:
        document = json.dumps(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
    for arn in managed:
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)

    def delete() -> None:
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for arn in managed:
            iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        iam.delete_role(RoleName=name)

    return Made(name, {"Arn": made["Arn"], "RoleId": made["RoleId"]}, delete)


@makes("AWS::IAM::Policy", name="PolicyName")
def policy(request: Request) -> Made:
    """A policy laid into each of its roles; it goes away with them."""
    iam = request.client("iam")
    name = request.take("PolicyName")
    document = json.dumps(request.take("PolicyDocument"))
    for one in request.take("Roles"):
        iam.put_role_policy(RoleName=one, PolicyName=name, PolicyDocument=document)
    return Made(name)


@makes("AWS::IAM::ManagedPolicy", name="ManagedPolicyName")
def managed_policy(request: Request) -> Made:
    """A policy of its own, attached to its roles."""
    iam = request.client("iam")
    roles = request.take("Roles", [])
    name = request.take("ManagedPolicyName") or request.name
    document = json.dumps(request.take("PolicyDocument"))
    arn = iam.create_policy(PolicyName=name, PolicyDocument=document, **request.rest())["Policy"]["Arn"]
    for one in roles:
        iam.attach_role_policy(RoleName=one, PolicyArn=arn)

    def delete() -> None:
        for entity in iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"]:
            iam.detach_role_policy(RoleName=entity["RoleName"], PolicyArn=arn)
        iam.delete_policy(PolicyArn=arn)

    return Made(arn, {}, delete)


@makes("AWS::KMS::Key")
def key(request: Request) -> Made:
    """A key with its policy and rotation."""
    kms = request.client("kms")
    rotated = request.take("EnableKeyRotation", False)
    days = request.take("PendingWindowInDays", 30)
    policy_ = json.dumps(request.take("KeyPolicy"))
    labels = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in request.take("Tags", [])]
    made = kms.create_key(Policy=policy_, Tags=labels, **request.rest())["KeyMetadata"]
    if rotated:
        kms.enable_key_rotation(KeyId=made["KeyId"])

    def delete() -> None:
        kms.schedule_key_deletion(KeyId=made["KeyId"], PendingWindowInDays=days)

    return Made(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]}, delete)


@makes("AWS::KMS::Alias", name="AliasName")
def alias(request: Request) -> Made:
    """Another name of a key."""
    kms = request.client("kms")
    name = request.take("AliasName")
    kms.create_alias(AliasName=name, TargetKeyId=request.take("TargetKeyId"))
    return Made(name, {}, lambda: kms.delete_alias(AliasName=name))


@makes("AWS::SecretsManager::Secret", name="Name")
def secret(request: Request) -> Made:
    """A secret; one that CloudFormation shall generate follows the rules of GenerateSecretString."""
    manager = request.client("secretsmanager")
    name = request.take("Name") or request.name
    rules = request.take("GenerateSecretString")
    text = request.take("SecretString") if rules is None else generated(rules)
    made = manager.create_secret(Name=name, SecretString=text, **request.rest())["ARN"]

    def delete() -> None:
        manager.delete_secret(SecretId=made, ForceDeleteWithoutRecovery=True)

    return Made(made, {"Id": made}, delete)


def generated(rules: dict[str, Json]) -> str:
    """Return a text by the rules; moto's own generator is not asked: it ignores most of them."""
    letters = "" if rules.get("ExcludeUppercase") else string.ascii_uppercase
    letters += "" if rules.get("ExcludeLowercase") else string.ascii_lowercase
    letters += "" if rules.get("ExcludeNumbers") else string.digits
    letters += "" if rules.get("ExcludePunctuation") else string.punctuation
    letters = "".join(set(letters) - set(rules.get("ExcludeCharacters", "")))
    text = "".join(secrets.choice(letters) for _ in range(rules.get("PasswordLength", 32)))
    if "GenerateStringKey" not in rules:
        return text
    return json.dumps(json.loads(rules["SecretStringTemplate"]) | {rules["GenerateStringKey"]: text})


@makes("AWS::SecretsManager::ResourcePolicy")
def secret_policy(request: Request) -> Made:
    """Who may read a secret."""
    manager = request.client("secretsmanager")
    arn = request.take("SecretId")
    request.take("BlockPublicPolicy")
    manager.put_resource_policy(SecretId=arn, ResourcePolicy=json.dumps(request.take("ResourcePolicy")))
    return Made(arn, {}, lambda: manager.delete_resource_policy(SecretId=arn))
