#!/usr/bin/env bash
# Makes an AMI of disk.img with the aws CLI: docs/ami.md.
set -euo pipefail

usage() {
  cat <<EOF
usage: aws/ami.sh import --name NAME --bucket BUCKET [OPTIONS]
         uploads the disk to a bucket, imports it as a snapshot and registers that

       aws/ami.sh write --name NAME --target INSTANCE [OPTIONS]
         for accounts without VM Import: runs as root on an instance, writes the disk over the root volume of another one
         in the same availability zone, and makes an image of that. What was on the volume is gone.

options:
  --disk FILE       default output/quick/disk.img
  --region REGION   default: that of the aws CLI's configuration
  --arch ARCH       x86_64 (default) or arm64; import only
  --self INSTANCE   this instance, where the machine does not say; write only
  --copy-to REGION  a region that the AMI is copied to; may be given several times
EOF
}

say() { printf '%s\n' "ami.sh: $*" >&2; }
die() { say "$*"; exit 1; }

# So often and with so many seconds between is a thing looked at that takes its time.
PATIENCE=${AMI_PATIENCE:-240}
PAUSE=${AMI_PAUSE:-15}

DISK=output/quick/disk.img
REGION=''
ARCHITECTURE=x86_64
NAME='' BUCKET='' TARGET='' SELF=''
COPY_TO=()

ec2() { aws ec2 "$@" --region "$REGION" --output text; }

# Waits until an image can be used: the CLI's own waiter gives up after ten minutes.
await_image() {
  local image="$1" region="$2" state i
  for ((i = 0; i < PATIENCE; i++)); do
    state=$(aws ec2 describe-images --image-ids "$image" --query 'Images[0].State' --region "$region" --output text)
    case "$state" in
      available) return ;;
      pending) sleep "$PAUSE" ;;
      *) die "$image in $region is $state" ;;
    esac
  done
  die "$image in $region is still not available"
}

# The snapshot that an import has come to.
await_import() {
  local task="$1" status message snapshot i
  for ((i = 0; i < PATIENCE; i++)); do
    IFS=$'\t' read -r status snapshot message < <(ec2 describe-import-snapshot-tasks --import-task-ids "$task" --query \
      'ImportSnapshotTasks[0].SnapshotTaskDetail.[Status,SnapshotId,StatusMessage]')
    case "$status" in
      completed) printf '%s\n' "$snapshot" && return ;;
      active) say "importing: ${message:-}" && sleep "$PAUSE" ;;
      *) die "the import $task is $status: ${message:-}" ;;
    esac
  done
  die "the import $task is still not completed"
}

import_disk() {
  local key task snapshot image mode=uefi-preferred
  [ -n "$BUCKET" ] || die "--bucket names a bucket for the upload"
  # There is no other way to start a machine with this processor.
  [ "$ARCHITECTURE" != arm64 ] || mode=uefi
  key="frontloader-$NAME.img"
  say "uploading $DISK to s3://$BUCKET/$key"
  aws s3 cp "$DISK" "s3://$BUCKET/$key" --region "$REGION" --only-show-errors
  task=$(ec2 import-snapshot --description "$NAME" --disk-container "Format=RAW,UserBucket={S3Bucket=$BUCKET,S3Key=$key}" \
    --query ImportTaskId)
  snapshot=$(await_import "$task")
  aws s3 rm "s3://$BUCKET/$key" --region "$REGION" --only-show-errors
  # Of instance metadata only version 2 is there: a container that can be made to fetch a URL does not get at the machine's role.
  image=$(ec2 register-image --name "$NAME" --architecture "$ARCHITECTURE" --virtualization-type hvm --ena-support \
    --boot-mode "$mode" --imds-support v2.0 --root-device-name /dev/xvda --block-device-mappings \
    "DeviceName=/dev/xvda,Ebs={SnapshotId=$snapshot,VolumeType=gp3,DeleteOnTermination=true}" --query ImageId)
  say "registered $image from $snapshot"
  await_image "$image" "$REGION"
  finish "$image"
}

# The device of a volume that is attached to this machine: NVMe has its name, with older machines it is where it was asked for.
await_device() {
  local volume="$1" asked="$2" directory=${AMI_DEVICES:-/dev} i device
  for ((i = 0; i < PATIENCE; i++)); do
    for device in "$directory/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume/-/}" "$directory/$asked" "$directory/xvd${asked#sd}"; do
      if [ -e "$device" ]; then printf '%s\n' "$device" && return; fi
    done
    sleep 1
  done
  die "no device for $volume has come up"
}

write_disk() {
  local volume root device image
  [ -n "$TARGET" ] || die "--target names the instance whose root volume is written"
  [ -n "$SELF" ] || SELF=$(cat /sys/devices/virtual/dmi/id/board_asset_tag 2>/dev/null) || true
  case "$SELF" in
    "$TARGET") die "$TARGET is this machine: its disk cannot be written while it runs" ;;
    i-*) ;;
    *) die "this machine does not say which instance of EC2 it is: --self does" ;;
  esac
  read -r root volume < <(ec2 describe-instances --instance-ids "$TARGET" --query \
    'Reservations[0].Instances[0].[RootDeviceName,BlockDeviceMappings[0].Ebs.VolumeId]')
  say "writing $DISK over $volume, the root volume of $TARGET"
  ec2 stop-instances --instance-ids "$TARGET" >/dev/null
  ec2 wait instance-stopped --instance-ids "$TARGET"
  ec2 modify-instance-attribute --instance-id "$TARGET" --ena-support
  ec2 detach-volume --volume-id "$volume" >/dev/null
  ec2 wait volume-available --volume-ids "$volume"
  ec2 attach-volume --volume-id "$volume" --instance-id "$SELF" --device /dev/sdf >/dev/null
  ec2 wait volume-in-use --volume-ids "$volume"
  device=$(await_device "$volume" sdf)
  dd if="$DISK" of="$device" bs=4M conv=fsync status=none
  ec2 detach-volume --volume-id "$volume" >/dev/null
  ec2 wait volume-available --volume-ids "$volume"
  ec2 attach-volume --volume-id "$volume" --instance-id "$TARGET" --device "$root" >/dev/null
  ec2 wait volume-in-use --volume-ids "$volume"
  image=$(ec2 create-image --instance-id "$TARGET" --name "$NAME" --query ImageId)
  say "made $image of $TARGET"
  await_image "$image" "$REGION"
  ec2 modify-image-attribute --image-id "$image" --imds-support v2.0
  finish "$image"
}

# Copies an image, and says which there are: a line for each region.
finish() {
  local image="$1" region copy
  printf '%s %s\n' "$REGION" "$image"
  for region in "${COPY_TO[@]}"; do
    copy=$(aws ec2 copy-image --source-image-id "$image" --source-region "$REGION" --name "$NAME" --query ImageId \
      --region "$region" --output text)
    await_image "$copy" "$region"
    printf '%s %s\n' "$region" "$copy"
  done
}

command=${1:-}
[ $# -eq 0 ] || shift
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || { usage >&2 && exit 2; }
  case "$1" in
    --disk) DISK=$2 ;;
    --region) REGION=$2 ;;
    --arch) ARCHITECTURE=$2 ;;
    --name) NAME=$2 ;;
    --bucket) BUCKET=$2 ;;
    --target) TARGET=$2 ;;
    --self) SELF=$2 ;;
    --copy-to) COPY_TO+=("$2") ;;
    *) usage >&2 && exit 2 ;;
  esac
  shift 2
done
case "$command" in import | write) ;; *) usage >&2 && exit 2 ;; esac
command -v aws >/dev/null || die "the aws CLI is not installed"
[ -n "$NAME" ] || die "--name names the AMI"
[ -f "$DISK" ] || die "there is no $DISK: build it with './build.sh' or './build.sh quick'"
[ -n "$REGION" ] || REGION=$(aws configure get region) || die "--region names the region"
"${command}_disk"
