"""The platform without a server: what AWS Lambda calls, a few lines each over the package.

    delivery.handler     pictures and what is known of them, behind CloudFront (the maker)
    control.handler      `/v1`, behind API Gateway
    events.handler       what happened in the buckets, from a queue
    authorizer.handler   whether a caller of `/v1` may come in

Beside the command line, not above it: nothing imports these but the runtime that is told their names.
"""
