#!/usr/bin/env bash
# Deploys a stage to AWS and offers to add an administrator. Safe to run again at any time.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
  cat <<TEXT
usage: ./deploy.sh -p PROJECT -e ENV -a PROFILE

  -p PROJECT   start of every name, e.g. quantleap
  -e ENV       stage of cdk.json, e.g. dev
  -a PROFILE   AWS profile; its region is deployed to
TEXT
}

fail() {
  printf 'deploy.sh: %s\n' "$1" >&2
  exit 1
}

check_tools() {
  local tool
  for tool in make node npx aws; do
    command -v "$tool" >/dev/null || fail "$tool is missing: install it first"
  done
}

check_stage() {
  local known
  known=$(node -p 'Object.keys(require("./cdk.json").context.stages).join(" ")')
  [[ " $known " == *" $1 "* ]] || fail "no stage '$1' in cdk.json; known: $known"
}

cdk() {
  npx --no-install cdk "$@" --no-notices
}

prepare_account() {
  local account region
  account=$(aws sts get-caller-identity --query Account --output text) || fail "profile '$AWS_PROFILE' cannot sign in"
  region=$(aws configure get region) || fail "profile '$AWS_PROFILE' names no region"
  aws cloudformation describe-stacks --stack-name CDKToolkit >/dev/null 2>&1 ||
    cdk bootstrap "aws://$account/$region" --app cdk.out
}

output() {
  node -p 'Object.values(require("./outputs.json"))[0][process.argv[1]]' "$1"
}

add_admin() {
  local pool=$1 email=$2
  [[ $email =~ ^[^@[:space:]]+@[^@[:space:]]+\.[^@[:space:]]+$ ]] || fail "'$email' is no e-mail address"
  aws cognito-idp admin-get-user --user-pool-id "$pool" --username "$email" >/dev/null 2>&1 ||
    aws cognito-idp admin-create-user --user-pool-id "$pool" --username "$email" \
      --user-attributes "Name=email,Value=$email" Name=email_verified,Value=true \
      --desired-delivery-mediums EMAIL >/dev/null
  aws cognito-idp admin-add-user-to-group --user-pool-id "$pool" --username "$email" --group-name Admins
  echo "$email is in group Admins; a new user's temporary password comes by e-mail"
}

offer_admin() {
  local answer email
  read -r -p "Would you like to add an admin user now? (y/N): " answer || answer=N
  [[ $answer == [Yy]* ]] || return 0
  read -r -p "Enter admin email: " email
  add_admin "$(output UserPoolId)" "$email"
}

project='' stage='' profile=''
while getopts 'p:e:a:h' option; do
  case $option in
    p) project=$OPTARG ;;
    e) stage=$OPTARG ;;
    a) profile=$OPTARG ;;
    h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
done
[[ -n $project && -n $stage && -n $profile ]] || { usage >&2 && exit 2; }

export AWS_PROFILE=$profile
check_tools
check_stage "$stage"
make --silent setup
cdk synth --quiet -c "project=$project" -c "stage=$stage"
prepare_account
cdk deploy --app cdk.out --outputs-file outputs.json
offer_admin
