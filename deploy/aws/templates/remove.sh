set -eu
aws cloudformation delete-stack --region us-east-1 --stack-name imagemill-edge-alarms
aws cloudformation wait stack-delete-complete --region us-east-1 --stack-name imagemill-edge-alarms
aws cloudformation delete-stack --region eu-west-1 --stack-name imagemill-operations
aws cloudformation wait stack-delete-complete --region eu-west-1 --stack-name imagemill-operations
aws cloudformation delete-stack --region eu-west-1 --stack-name imagemill-api
aws cloudformation wait stack-delete-complete --region eu-west-1 --stack-name imagemill-api
aws cloudformation delete-stack --region eu-west-1 --stack-name imagemill-functions
aws cloudformation wait stack-delete-complete --region eu-west-1 --stack-name imagemill-functions
aws cloudformation delete-stack --region eu-west-1 --stack-name imagemill-delivery
aws cloudformation wait stack-delete-complete --region eu-west-1 --stack-name imagemill-delivery
aws cloudformation delete-stack --region us-east-1 --stack-name imagemill-edge
aws cloudformation wait stack-delete-complete --region us-east-1 --stack-name imagemill-edge
aws cloudformation delete-stack --region eu-west-1 --stack-name imagemill-storage
aws cloudformation wait stack-delete-complete --region eu-west-1 --stack-name imagemill-storage
aws cloudformation delete-stack --region eu-central-1 --stack-name imagemill-replica
aws cloudformation wait stack-delete-complete --region eu-central-1 --stack-name imagemill-replica
