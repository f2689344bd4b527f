set -eu
TEMPLATES="${TEMPLATES:-$(dirname "$0")}"
ZIPS="${ZIPS:-build/aws}"
# The functions' zips and the large templates go through a bucket of yours in this region. A bucket of
# that name in another account ends this: whoever owns it could change what the functions run.
ACCOUNT="$(aws sts get-caller-identity --query Account --output text)"
CODE="${CODE:-imagemill-code-$ACCOUNT}"
aws s3api head-bucket --bucket "$CODE" --expected-bucket-owner "$ACCOUNT" \
  || aws s3 mb "s3://$CODE" --region eu-west-1
# A zip is named after its content: new code is a new name, and so a new version of its functions.
DELIVERY_KEY="delivery-$(sha256sum "$ZIPS/imagemill-delivery-arm64.zip" | cut -c1-16).zip"
aws s3 cp "$ZIPS/imagemill-delivery-arm64.zip" "s3://$CODE/$DELIVERY_KEY" --region eu-west-1
CONTROL_KEY="control-$(sha256sum "$ZIPS/imagemill-control-arm64.zip" | cut -c1-16).zip"
aws s3 cp "$ZIPS/imagemill-control-arm64.zip" "s3://$CODE/$CONTROL_KEY" --region eu-west-1
# replica
aws cloudformation deploy --region eu-central-1 --stack-name imagemill-replica \
  --template-file "$TEMPLATES/replica.template.json" \
  --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset
# storage
aws cloudformation deploy --region eu-west-1 --stack-name imagemill-storage \
  --template-file "$TEMPLATES/storage.template.json" --s3-bucket "$CODE" \
  --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset
# edge
aws cloudformation deploy --region us-east-1 --stack-name imagemill-edge \
  --template-file "$TEMPLATES/edge.template.json" \
  --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset
WEB_ACL_ARN="$(aws cloudformation describe-stacks --region us-east-1 \
  --stack-name imagemill-edge --query "Stacks[0].Outputs[?OutputKey=='WebAclArn'].OutputValue" --output text)"
# delivery
aws cloudformation deploy --region eu-west-1 --stack-name imagemill-delivery \
  --parameter-overrides CodeBucket="$CODE" DeliveryCodeKey="$DELIVERY_KEY" WebAclArn="$WEB_ACL_ARN" \
  --template-file "$TEMPLATES/delivery.template.json" --s3-bucket "$CODE" \
  --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset
DISTRIBUTION_ID="$(aws cloudformation describe-stacks --region eu-west-1 \
  --stack-name imagemill-delivery --query "Stacks[0].Outputs[?OutputKey=='DistributionId'].OutputValue" --output text)"
# functions
aws cloudformation deploy --region eu-west-1 --stack-name imagemill-functions \
  --parameter-overrides CodeBucket="$CODE" ControlCodeKey="$CONTROL_KEY" \
  --template-file "$TEMPLATES/functions.template.json" --s3-bucket "$CODE" \
  --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset
# api
aws cloudformation deploy --region eu-west-1 --stack-name imagemill-api \
  --template-file "$TEMPLATES/api.template.json" --s3-bucket "$CODE" \
  --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset
# operations
aws cloudformation deploy --region eu-west-1 --stack-name imagemill-operations \
  --template-file "$TEMPLATES/operations.template.json" --s3-bucket "$CODE" \
  --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset
# edge-alarms
aws cloudformation deploy --region us-east-1 --stack-name imagemill-edge-alarms \
  --parameter-overrides DistributionId="$DISTRIBUTION_ID" \
  --template-file "$TEMPLATES/edge-alarms.template.json" \
  --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset
