"""The distribution and the maker behind it, as CloudFormation gets them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from deploy.aws.config import Config
from tests.deploy.deployments import Synthesised
from tests.deploy.distributions import behaviors, distribution, function, origins
from tests.deploy.reading import text

from imagemill.edge_config.cloudfront import opening_function

# --- which path gets what ---------------------------------------------------------------------------------------------


def test_static_first_then_the_maker(plain: Synthesised) -> None:
    """An origin group of exactly two; the maker is asked on 403, 404 and every 5xx that a bucket has."""
    groups = distribution(plain)["OriginGroups"]
    assert groups["Quantity"] == 1
    group = groups["Items"][0]
    assert [member["OriginId"] for member in group["Members"]["Items"]] == ["static", "maker"]
    assert group["Members"]["Quantity"] == 2
    assert group["FailoverCriteria"]["StatusCodes"] == {"Items": [403, 404, 500, 502, 503, 504], "Quantity": 6}


def test_narrower_paths_stand_before_wider_ones(full: Synthesised) -> None:
    """CloudFront takes the first pattern that fits."""
    assert [(pattern, one["TargetOriginId"]) for pattern, one in behaviors(full).items()] == [
        ("/img/*/users/*", "private-static-or-maker"),
        ("/info/users/*", "private-maker"),
        ("/img/*fm?avif*/*", "static-or-maker"),
        ("/img/*fm?webp*/*", "static-or-maker"),
        ("/img/*fm?jpeg*/*", "static-or-maker"),
        ("/img/*fm?jpg*/*", "static-or-maker"),
        ("/img/*fm?png*/*", "static-or-maker"),
        ("/img/*fm?gif*/*", "static-or-maker"),
        ("/img/*", "static-or-maker"),
        ("/info/*", "maker"),
    ]


def test_patterns_have_only_characters_that_cloudfront_takes(full: Synthesised) -> None:
    """So "fm=avif" is written with a "?" for its "="."""
    for pattern in behaviors(full):
        assert re.fullmatch(r"""[A-Za-z0-9_.*?$/~"'@:+&-]+""", pattern)


def test_everything_else_is_a_page_of_the_site_bucket(plain: Synthesised) -> None:
    """The root shows index.html; nothing of the default behaviour reaches the maker."""
    config = distribution(plain)
    assert config["DefaultCacheBehavior"]["TargetOriginId"] == "site"
    assert config["DefaultRootObject"] == "index.html"
    assert "FunctionAssociations" not in config["DefaultCacheBehavior"]


def test_an_origin_that_is_away_costs_few_seconds(full: Synthesised) -> None:
    """Two tries of two seconds for a bucket, of four for the maker: then the other one of the group is asked."""
    assert distribution(full)["Enabled"] is True
    patience = {
        name: (origin["ConnectionAttempts"], origin["ConnectionTimeout"], "S3OriginConfig" in origin)
        for name, origin in origins(full).items()
    }
    assert patience == {name: (2, 4, False) if "maker" in name else (2, 2, True) for name in patience}
    assert origins(full)["private-maker"]["CustomOriginConfig"] == origins(full)["maker"]["CustomOriginConfig"]
    hosts = {name: json.dumps(origin["DomainName"]) for name, origin in origins(full).items()}
    assert hosts["static"] == hosts["private-static"] != hosts["site"]
    assert hosts["maker"] == hosts["private-maker"]
    for name, role in (("static", "variants"), ("site", "site")):
        assert f"pictures-{role}-" in hosts[name]
        assert ".s3.eu-north-1." in hosts[name]


def test_only_reading_reaches_an_origin(full: Synthesised) -> None:
    """GET, HEAD and OPTIONS; to pages only the first two."""
    for behavior in behaviors(full).values():
        assert behavior["AllowedMethods"] == ["GET", "HEAD", "OPTIONS"]
        assert behavior["CachedMethods"] == ["GET", "HEAD"]
    assert distribution(full)["DefaultCacheBehavior"]["AllowedMethods"] == ["GET", "HEAD"]


def test_every_viewer_is_sent_to_https(full: Synthesised) -> None:
    """On every path."""
    every = [*behaviors(full).values(), distribution(full)["DefaultCacheBehavior"]]
    assert {one["ViewerProtocolPolicy"] for one in every} == {"redirect-to-https"}


def test_the_function_stands_before_every_path_that_reaches_the_maker(full: Synthesised) -> None:
    """Without it a viewer could name another path in x-imagemill-uri and have it cached under this one."""
    for pattern, behavior in behaviors(full).items():
        private = behavior["TargetOriginId"].startswith("private")
        assert f'const MAKER = "{"private-maker" if private else "maker"}";' in function(full, pattern)


def test_the_functions_are_the_generators_text_and_fit(full: Synthesised) -> None:
    """CloudFront takes 10 KB, of runtime 2.0."""
    functions = full.resources("delivery", "AWS::CloudFront::Function")
    texts = {one["Properties"]["Name"]: one["Properties"]["FunctionCode"] for one in functions.values()}
    assert sorted(texts) == ["pictures-open", "pictures-opened", "pictures-private"]
    for one in functions.values():
        properties = one["Properties"]
        assert properties["AutoPublish"] is True
        assert properties["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"
        assert len(properties["FunctionCode"].encode()) <= 10_240
    assert "/default/" in texts["pictures-open"]
    assert "/default/" in texts["pictures-private"]
    assert texts["pictures-opened"] == opening_function()


def test_without_private_keys_there_is_no_private_function_and_no_key_group(plain: Synthesised) -> None:
    """And no origin that knows the edge's secret."""
    functions = plain.resources("delivery", "AWS::CloudFront::Function").values()
    assert sorted(one["Properties"]["Name"] for one in functions) == ["imagemill-open", "imagemill-opened"]
    assert not plain.resources("delivery", "AWS::CloudFront::KeyGroup")
    assert set(origins(plain)) == {"static", "maker", "site"}
    assert "EdgeSecret" not in json.dumps(distribution(plain))


# --- names, certificates, countries -----------------------------------------------------------------------------------


def test_a_domain_has_its_certificate_and_both_records(full: Synthesised) -> None:
    """IPv4 and IPv6, TLS 1.2 and newer."""
    config = distribution(full)
    assert config["Aliases"] == ["img.example.com"]
    assert config["ViewerCertificate"] == {
        "AcmCertificateArn": {"Ref": "CertificateArn"},
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SslSupportMethod": "sni-only",
    }
    records = [one["Properties"] for one in full.resources("delivery", "AWS::Route53::RecordSet").values()]
    assert {record["Type"] for record in records} == {"A", "AAAA"}
    for record in records:
        assert record["Name"] == "img.example.com"
        assert record["AliasTarget"]["HostedZoneId"] == "Z2FDTNDATAQYW2"
        assert record["AliasTarget"]["DNSName"]["Fn::GetAtt"][1] == "DomainName"


def test_without_a_domain_cloudfronts_own_name_serves(plain: Synthesised) -> None:
    """Nothing asks for a certificate."""
    assert distribution(plain)["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
    assert "Aliases" not in distribution(plain)
    assert not plain.resources("delivery", "AWS::Route53::RecordSet")


def test_http_2_and_3_over_ipv4_and_ipv6(plain: Synthesised) -> None:
    """What a browser of today speaks."""
    assert distribution(plain)["HttpVersion"] == "http2and3"
    assert distribution(plain)["IPV6Enabled"] is True


def test_countries_are_the_configurations(plain: Synthesised, full: Synthesised) -> None:
    """All of them unless it names some."""
    assert distribution(plain)["Restrictions"] == {"GeoRestriction": {"RestrictionType": "none"}}
    assert distribution(full)["Restrictions"] == {
        "GeoRestriction": {"Locations": ["DE", "FR"], "RestrictionType": "whitelist"}
    }


def test_the_price_class_is_the_configurations(plain: Synthesised, full: Synthesised) -> None:
    """The cheap one by default."""
    assert distribution(plain)["PriceClass"] == "PriceClass_100"
    assert distribution(full)["PriceClass"] == "PriceClass_All"


def test_nothing_is_deployed_without_the_firewall_that_the_configuration_asks_for(plain: Synthesised) -> None:
    """Its ARN is a parameter without a default, and must be one of CloudFront's."""
    parameter = plain.templates["delivery"]["Parameters"]["WebAclArn"]
    assert distribution(plain)["WebACLId"] == {"Ref": "WebAclArn"}
    assert "Default" not in parameter
    right = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/imagemill-edge/473e64fd-f30b-4765-81a0-62ad96dd167a"
    assert re.fullmatch(parameter["AllowedPattern"], right)
    assert not re.fullmatch(parameter["AllowedPattern"], right.replace("global", "regional"))


# --- the maker's address ----------------------------------------------------------------------------------------------


def test_every_origin_answers_to_signed_requests_of_cloudfront_only(full: Synthesised) -> None:
    """Origin access control, always signing; buckets as S3, makers as Lambda."""
    controls = full.resources("delivery", "AWS::CloudFront::OriginAccessControl")
    kinds = {
        name: control["Properties"]["OriginAccessControlConfig"]["OriginAccessControlOriginType"]
        for name, control in controls.items()
    }
    for control in controls.values():
        assert control["Properties"]["OriginAccessControlConfig"]["SigningBehavior"] == "always"
        assert control["Properties"]["OriginAccessControlConfig"]["SigningProtocol"] == "sigv4"
    assert {name: kinds[origin["OriginAccessControlId"]["Ref"]] for name, origin in origins(full).items()} == {
        "static": "s3",
        "maker": "lambda",
        "private-static": "s3",
        "private-maker": "lambda",
        "site": "s3",
    }


def test_the_makers_address_is_for_signed_callers(plain: Synthesised) -> None:
    """Of the alias that is rolled out gradually, never of an unwatched version."""
    url = plain.one("delivery", "AWS::Lambda::Url")
    assert url["AuthType"] == "AWS_IAM"
    assert url["Qualifier"] == "live"
    assert "Cors" not in url


def test_only_this_distribution_may_call_the_maker_and_only_by_its_url(plain: Synthesised) -> None:
    """The two permissions that Lambda asks for since October 2025."""
    permissions = [one["Properties"] for one in plain.resources("delivery", "AWS::Lambda::Permission").values()]
    alias = next(iter(plain.resources("delivery", "AWS::Lambda::Alias")))
    here = next(iter(plain.resources("delivery", "AWS::CloudFront::Distribution")))
    assert {permission["Action"] for permission in permissions} == {
        "lambda:InvokeFunctionUrl",
        "lambda:InvokeFunction",
    }
    for permission in permissions:
        assert permission["Principal"] == "cloudfront.amazonaws.com"
        assert permission["FunctionName"] == {"Ref": alias}
        assert permission["SourceArn"]["Fn::Join"][1][-1] == {"Ref": here}
        by_url = permission["Action"] == "lambda:InvokeFunction"
        assert permission.get("InvokedViaFunctionUrl", False) is by_url


def test_the_maker_answers_before_cloudfront_gives_up(plain: Synthesised) -> None:
    """So a viewer gets the maker's own words."""
    maker = plain.one("delivery", "AWS::Lambda::Function")
    assert maker["Timeout"] < origins(plain)["maker"]["CustomOriginConfig"]["OriginReadTimeout"]
    assert maker["Handler"] == "imagemill.functions.delivery.handler"
    assert maker["ReservedConcurrentExecutions"] == 50


def test_the_maker_is_as_the_configuration_says(full: Synthesised) -> None:
    """Memory (and with it CPU), processor, room for a large original in /tmp, JSON log of its own, traced."""
    maker = full.one("delivery", "AWS::Lambda::Function")
    assert (maker["MemorySize"], maker["Architectures"]) == (3008, ["x86_64"])
    assert maker["Runtime"] == "python3.13"
    assert maker["EphemeralStorage"]["Size"] >= 512
    assert (maker["LoggingConfig"]["LogFormat"], text(maker["LoggingConfig"]["LogGroup"])) == (
        "JSON",
        "<MakingMakerLog>",
    )
    assert maker["TracingConfig"] == {"Mode": "Active"}
    assert text(maker["Role"]) == "<MakingMakerRole>"


def test_the_maker_is_reached_over_tls_only(plain: Synthesised) -> None:
    """Function URLs speak nothing else."""
    config = origins(plain)["maker"]["CustomOriginConfig"]
    assert config["OriginProtocolPolicy"] == "https-only"
    assert config["OriginSSLProtocols"] == ["TLSv1.2"]


def test_the_maker_reads_the_replica_in_need(full: Synthesised) -> None:
    """In the other region; the bucket's name says where."""
    variables = full.one("delivery", "AWS::Lambda::Function")["Environment"]["Variables"]
    replica = json.dumps(variables["IMAGEMILL_ORIGINALS__REPLICA_URL"])
    assert "pictures-replica-" in replica
    assert "region=us-west-2" in replica


def test_two_deployments_of_one_account_share_no_name(plain: Synthesised, full: Synthesised) -> None:
    """Policies, functions and keys of CloudFront have one name space in an account."""
    names = [
        {
            value["Name"]
            for resource in one.templates["delivery"]["Resources"].values()
            if resource["Type"].startswith("AWS::CloudFront::")
            for value in (resource["Properties"], *resource["Properties"].values())
            if isinstance(value, dict) and "Name" in value
        }
        for one in (plain, full)
    ]
    assert {"imagemill-open", "imagemill-pictures", "imagemill-negotiated", "imagemill-s3"} <= names[0]
    assert not names[0] & names[1]


# --- what is dynamic --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("access", ["presets", "signed"])
def test_a_site_whose_rules_the_edge_cannot_judge_is_told_so(access: str) -> None:
    """Synthesis warns with the setting's name and what it means."""
    from aws_cdk import App
    from aws_cdk.assertions import Annotations, Match
    from deploy.aws.app import FLAGS
    from deploy.aws.delivery import DeliveryStack
    from deploy.aws.names import bucket_arn
    from deploy.aws.storage import StorageStack

    app = App(context=FLAGS)
    config = Config(settings={"delivery.access": access})
    storage = StorageStack(app, "storage", config=config, replica_bucket_arn=bucket_arn(config, "replica"))
    stack = DeliveryStack(app, "delivery", config=config, storage=storage)
    assert stack.dynamic
    said = Annotations.from_stack(stack).find_warning(
        "*", Match.string_like_regexp(rf'Nothing is static at the edge.*delivery\.access = "{access}"')
    )
    assert len(said) == 1


def test_a_site_that_is_static_warns_of_nothing() -> None:
    """Open pictures and listed sizes are judged at the edge."""
    from deploy.aws.edge_function import edge_rules

    for access in ("open", "sizes"):
        assert edge_rules(Config(settings={"delivery.access": access})).reasons == ()


def test_the_table_of_a_synthesis_says_what_is_not_static(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Under the stack that it is about; the templates are written all the same."""
    from deploy.aws.__main__ import main

    config = tmp_path / "config.toml"
    config.write_text('[settings.delivery]\naccess = "presets"\n')
    assert main(["--config", str(config), "--out", str(tmp_path / "out")]) == 0
    lines = capfd.readouterr().out.splitlines()
    said = next(number for number, line in enumerate(lines) if "not static at the edge: delivery.access" in line)
    assert lines[said - 1].startswith("delivery ")
    assert (tmp_path / "out" / "delivery.template.json").is_file()
