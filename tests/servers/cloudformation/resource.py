"""Resource types for moto's CloudFormation, made of calls to the services that moto really plays.

moto knows 100 types, leaves out the others without a word and drops most properties even of those it knows (an
`AWS::S3::Bucket` gets no versioning, no lifecycle, no policy). So each type of our templates is added, or replaced,
here: a *maker* gets the resolved properties, creates the thing through boto3, which checks the names and types of
the parameters, and says what `Ref` and `Fn::GetAtt` give. What moto has no service for is *recorded* with its
resolved properties. Either way a property that nobody reads is an error: nothing is dropped silently.
"""

from __future__ import annotations

import copy
import json
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Self

import boto3
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

Json = Any
"""What a JSON document is made of."""

DYNAMIC = re.compile(
    r"\{\{resolve:secretsmanager:(?P<arn>arn:[^:]+:secretsmanager:[^:]*:\d+:secret:[^:}]+)"
    r":SecretString:(?P<field>[^:}]*)(:(?P<stage>[^:}]*)(:(?P<version>[^:}]*))?)?\}\}"
)


@cache
def client(service: str, region: str) -> Any:
    """Return a boto3 client; one for each service and region, they take 50 ms to make."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client(service, region_name=region, **keys)


@dataclass
class Request:
    """One resource to make: where, under which name, and its properties, each of which must be taken once."""

    type: str
    logical_id: str
    name: str
    region: str
    account: str
    properties: dict[str, Json]

    def client(self, service: str) -> Any:
        """Return the boto3 client of `service` in the stack's region."""
        return client(service, self.region)

    def take(self, name: str, default: Json = None) -> Json:
        """Remove and return a property."""
        return self.properties.pop(name, default)

    def rest(self) -> dict[str, Json]:
        """Remove and return every property that is left: those that are named like the API's parameters."""
        rest, self.properties = self.properties, {}
        return rest


@dataclass
class Made:
    """What came of a request: its `Ref`, its attributes and how it goes away."""

    ref: str
    attributes: Mapping[str, Json] = field(default_factory=dict)
    delete: Callable[[], object] = lambda: None


@dataclass
class Recorded:
    """A resource as it was created: for types that moto has no service for, the only trace."""

    type: str
    logical_id: str
    region: str
    ref: str
    properties: dict[str, Json]
    stack: str = ""
    retained: bool = False
    """Whether it stays when its stack is deleted (DeletionPolicy)."""


class Account:
    """What the rehearsal has created and not deleted, in order of creation."""

    def __init__(self) -> None:
        self.resources: list[Recorded] = []
        self.later: list[Callable[[], object]] = []
        """What is done once the stack stands: moto asks for more than AWS does at the time of a call."""

    def of_type(self, type_: str) -> list[Recorded]:
        """Return the resources of a type that exist."""
        return [one for one in self.resources if one.type == type_]


ACCOUNT = Account()
"""The one of the process, as moto's backends are; `fresh` empties it."""

Maker = Callable[[Request], Made]
MODELS: dict[str, type[CloudFormationModel]] = {}


def resolved(value: Json, region: str) -> Json:
    """Return `value` with the secrets that it refers to in their place, and without `AWS::NoValue` in lists."""
    if isinstance(value, dict):
        return {key: resolved(one, region) for key, one in value.items()}
    if isinstance(value, list):
        return [resolved(one, region) for one in value if one is not None]
    return DYNAMIC.sub(lambda found: secret(found, region), value) if isinstance(value, str) else value


def secret(found: re.Match[str], region: str) -> str:
    """Return what a dynamic reference stands for."""
    words = {"VersionStage": found["stage"], "VersionId": found["version"]}
    which = {name: word for name, word in words.items() if word}
    text: str = client("secretsmanager", region).get_secret_value(SecretId=found["arn"], **which)["SecretString"]
    return str(json.loads(text)[found["field"]]) if found["field"] else text


def makes(type_: str, *, name: str = "") -> Callable[[Maker], Maker]:
    """Say that the decorated function makes resources of `type_`, whose name is the property `name`."""

    def add(maker: Maker) -> Maker:
        MODELS[type_] = model(type_, name, maker)
        return maker

    return add


class StackResource:
    """How a made resource answers moto's CloudFormation: its reference, its attributes, its end."""

    TYPE: ClassVar[str]
    MAKER: ClassVar[tuple[Maker]]  # in a tuple, or Python would take it for a method

    def __init__(self, recorded: Recorded, made: Made) -> None:
        self.recorded = recorded
        self.made = made

    @property
    def physical_resource_id(self) -> str:
        """What `Ref` gives."""
        return self.made.ref

    def get_cfn_attribute(self, attribute: str) -> Json:
        """What `Fn::GetAtt` gives; an attribute that does not exist is an error, not an empty text."""
        if attribute not in self.made.attributes:
            raise AssertionError(f"{self.TYPE} {self.recorded.logical_id} has no attribute {attribute}")
        return self.made.attributes[attribute]

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Whether outputs may name it: seen when it is read."""
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Json], account_id: str, region_name: str, **kwargs: Json
    ) -> Self:
        """Make it, and see that every property was read."""
        properties = resolved(cloudformation_json.get("Properties", {}), region_name)
        logical_id = kwargs["LogicalId"]
        request = Request(cls.TYPE, logical_id, resource_name, region_name, account_id, copy.deepcopy(properties))
        made = cls.MAKER[0](request)
        if request.properties:
            raise AssertionError(f"{cls.TYPE} {logical_id}: nobody reads {sorted(request.properties)}")
        retained = cloudformation_json.get("DeletionPolicy") == "Retain"
        recorded = Recorded(cls.TYPE, logical_id, region_name, made.ref, properties, kwargs["StackId"], retained)
        ACCOUNT.resources.append(recorded)
        return cls(recorded, made)

    def delete(self, account_id: str, region_name: str) -> None:
        """Unmake it, later ones of its stack first, as CloudFormation does; moto comes again after an error."""
        mine = [one for one in ACCOUNT.resources if one.stack == self.recorded.stack and not one.retained]
        if mine[-1] is not self.recorded:
            raise RuntimeError(f"{mine[-1].logical_id} goes before {self.recorded.logical_id}")
        try:
            self.made.delete()
        except (TypeError, AttributeError) as error:  # moto would take these two for "has no delete"
            raise AssertionError(f"{self.TYPE} {self.recorded.logical_id} cannot be deleted: {error}") from error
        ACCOUNT.resources.remove(self.recorded)

    def is_created(self) -> bool:
        """It is, once it was made."""
        return True


def model(type_: str, name_property: str, maker: Maker) -> type[CloudFormationModel]:
    """Return the class by which moto's CloudFormation knows a type: a direct subclass, which is how it looks."""
    words = {
        "TYPE": type_,
        "MAKER": (maker,),
        "cloudformation_type": staticmethod(lambda: type_),
        "cloudformation_name_type": staticmethod(lambda: name_property),
    }
    made: type[CloudFormationModel] = types.new_class(
        type_.replace("::", ""), (StackResource, CloudFormationModel), exec_body=lambda names: names.update(words)
    )
    return made


def record(type_: str, *attributes: str, ref: str = "{name}", name: str = "") -> None:
    """Say that resources of `type_` are only recorded; `ref` and "Attribute=pattern" are their answers.

    A pattern may hold {name}, {region} and {account}.
    """

    def maker(request: Request) -> Made:
        words = {"name": request.name, "region": request.region, "account": request.account}
        given = (one.partition("=")[::2] for one in attributes)
        request.rest()
        return Made(ref.format(**words), {key: pattern.format(**words) for key, pattern in given})

    makes(type_, name=name)(maker)


def learned() -> Iterator[str]:
    """Make moto look at its list of types again, and give those that were added."""
    parsing.get_model_list.cache_clear()
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()
    yield from MODELS


def lower_first(value: Json, *, keep: frozenset[str] = frozenset()) -> Json:
    """Return `value` with the parameter names of APIs that write them `likeThis`; maps named in `keep` stay."""
    if isinstance(value, list):
        return [lower_first(one, keep=keep) for one in value]
    if isinstance(value, dict):
        return {
            key[0].lower() + key[1:]: one if key in keep else lower_first(one, keep=keep) for key, one in value.items()
        }
    return value


def tag_map(tags: list[dict[str, str]] | None) -> dict[str, str]:
    """Return CloudFormation's list of tags as the map that some APIs take."""
    return {tag["Key"]: tag["Value"] for tag in tags or []}
