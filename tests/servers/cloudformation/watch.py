"""What watches: logs, alarms, dashboards, topics, the trail, the budget."""

from __future__ import annotations

import json

from tests.servers.cloudformation.resource import Made, Request, lower_first, makes, record, tag_map


@makes("AWS::Logs::LogGroup", name="LogGroupName")
def log_group(request: Request) -> Made:
    """A group with its retention."""
    logs = request.client("logs")
    name, days = request.take("LogGroupName") or request.name, request.take("RetentionInDays")
    key, labels = request.take("KmsKeyId"), tag_map(request.take("Tags"))
    request.take("LogGroupClass")
    logs.create_log_group(logGroupName=name, tags=labels, **({"kmsKeyId": key} if key else {}))
    if days is not None:
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    arn = f"arn:aws:logs:{request.region}:{request.account}:log-group:{name}:*"
    return Made(name, {"Arn": arn}, lambda: logs.delete_log_group(logGroupName=name))


@makes("AWS::Logs::MetricFilter", name="FilterName")
def metric_filter(request: Request) -> Made:
    """A count of lines of a log."""
    logs = request.client("logs")
    name, group = request.take("FilterName") or request.name, request.take("LogGroupName")
    given = lower_first(request.rest())
    for change in given["metricTransformations"]:
        for entry in change.pop("dimensions", []):
            change.setdefault("dimensions", {})[entry["key"]] = entry["value"]
        change["metricValue"] = str(change["metricValue"])
    logs.put_metric_filter(filterName=name, logGroupName=group, **given)
    return Made(name, {}, lambda: logs.delete_metric_filter(filterName=name, logGroupName=group))


@makes("AWS::Logs::ResourcePolicy", name="PolicyName")
def log_policy(request: Request) -> Made:
    """Who else may write to logs."""
    logs = request.client("logs")
    name = request.take("PolicyName")
    logs.put_resource_policy(policyName=name, policyDocument=request.take("PolicyDocument"))
    return Made(name, {}, lambda: logs.delete_resource_policy(policyName=name))


record("AWS::Logs::DeliverySource", "Arn=arn:aws:logs:{region}:{account}:delivery-source:{name}", name="Name")
record("AWS::Logs::DeliveryDestination", "Arn=arn:aws:logs:{region}:{account}:delivery-destination:{name}", name="Name")
record("AWS::Logs::Delivery", "Arn=arn:aws:logs:{region}:{account}:delivery:{name}", "DeliveryId={name}")
record("AWS::Logs::QueryDefinition", "QueryDefinitionId={name}", name="Name")


@makes("AWS::CloudWatch::Alarm", name="AlarmName")
def alarm(request: Request) -> Made:
    """An alarm."""
    watch = request.client("cloudwatch")
    name = request.take("AlarmName") or request.name
    watch.put_metric_alarm(AlarmName=name, **request.rest())
    arn = f"arn:aws:cloudwatch:{request.region}:{request.account}:alarm:{name}"
    return Made(name, {"Arn": arn}, lambda: watch.delete_alarms(AlarmNames=[name]))


record("AWS::CloudWatch::CompositeAlarm", "Arn=arn:aws:cloudwatch:{region}:{account}:alarm:{name}", name="AlarmName")


@makes("AWS::CloudWatch::Dashboard", name="DashboardName")
def dashboard(request: Request) -> Made:
    """A dashboard; its body must be JSON."""
    watch = request.client("cloudwatch")
    name, body = request.take("DashboardName") or request.name, request.take("DashboardBody")
    request.take("Tags")  # the record has them
    json.loads(body)
    watch.put_dashboard(DashboardName=name, DashboardBody=body)
    return Made(name, {}, lambda: watch.delete_dashboards(DashboardNames=[name]))


@makes("AWS::SNS::Topic", name="TopicName")
def topic(request: Request) -> Made:
    """A topic."""
    sns = request.client("sns")
    name, labels = request.take("TopicName") or request.name, request.take("Tags", [])
    subscribed = request.take("Subscription", [])
    attributes = {key: str(value) for key, value in request.rest().items()}
    arn = sns.create_topic(Name=name, Attributes=attributes, Tags=labels)["TopicArn"]
    for one in subscribed:
        sns.subscribe(TopicArn=arn, Protocol=one["Protocol"], Endpoint=one["Endpoint"])
    return Made(arn, {"TopicArn": arn, "TopicName": name}, lambda: sns.delete_topic(TopicArn=arn))


@makes("AWS::SNS::TopicPolicy")
def topic_policy(request: Request) -> Made:
    """Who may publish to topics."""
    sns = request.client("sns")
    text = json.dumps(request.take("PolicyDocument"))
    for arn in request.take("Topics"):
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=text)
    return Made(request.name)


@makes("AWS::SNS::Subscription")
def subscription(request: Request) -> Made:
    """Who is told."""
    sns = request.client("sns")
    made = sns.subscribe(ReturnSubscriptionArn=True, **request.rest())["SubscriptionArn"]
    return Made(made, {"Arn": made}, lambda: sns.unsubscribe(SubscriptionArn=made))


@makes("AWS::CloudTrail::Trail", name="TrailName")
def trail(request: Request) -> Made:
    """A trail; its bucket must exist."""
    trails = request.client("cloudtrail")
    name, logging = request.take("TrailName") or request.name, request.take("IsLogging")
    selectors, detailed = request.take("EventSelectors"), request.take("AdvancedEventSelectors")
    words = {"EnableLogFileValidation": request.take("EnableLogFileValidation")}
    words = {key: value for key, value in words.items() if value is not None}
    labels = request.take("Tags", [])
    key = request.take("KMSKeyId")
    if key:
        words["KmsKeyId"] = key
    made = trails.create_trail(Name=name, TagsList=labels, **words, **request.rest())
    if selectors:
        flat = [
            {
                ("IncludeManagementEvents" if key == "IncludeManagementEvents" else key): value
                for key, value in one.items()
            }
            for one in selectors
        ]
        trails.put_event_selectors(TrailName=name, EventSelectors=flat)
    if detailed:
        trails.put_event_selectors(TrailName=name, AdvancedEventSelectors=detailed)
    if logging:
        trails.start_logging(Name=name)
    return Made(name, {"Arn": made["TrailARN"]}, lambda: trails.delete_trail(Name=name))


@makes("AWS::Budgets::Budget")
def budget(request: Request) -> Made:
    """A budget of the account."""
    budgets = request.client("budgets")
    given, notices = request.take("Budget"), request.take("NotificationsWithSubscribers", [])
    request.take("ResourceTags")
    given = given | {"BudgetName": given.get("BudgetName", request.name)}
    limit = given["BudgetLimit"]
    given["BudgetLimit"] = {"Amount": str(limit["Amount"]), "Unit": limit["Unit"]}
    budgets.create_budget(AccountId=request.account, Budget=given, NotificationsWithSubscribers=notices)
    name = given["BudgetName"]
    return Made(name, {}, lambda: budgets.delete_budget(AccountId=request.account, BudgetName=name))
