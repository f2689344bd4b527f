"""Imagemill without servers: the CDK app that turns the platform into CloudFormation."""
