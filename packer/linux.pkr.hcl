# The machine image of the Linux runners, for both architectures.
#
#   make agent-wheel
#   packer init packer/
#   packer build -var region=us-east-1 packer/
#
# The ids it prints go into the stack's `spotrunner:images`.

packer {
  required_version = ">= 1.11.0"
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = "~> 1.3"
    }
  }
}

variable "region" {
  type        = string
  description = "Where the image is built and can be used."
}

variable "wheel_dir" {
  type        = string
  default     = "build/wheel"
  description = "Folder with exactly one wheel of the agent."
}

variable "runner_version" {
  type        = string
  description = "Release of GitHub's runner; set in runner.auto.pkrvars.hcl."
}

variable "runner_sha256" {
  type        = map(string)
  description = "Checksums of its archives, by architecture; set there too."
}

variable "subnet_id" {
  type        = string
  default     = ""
  description = "A subnet with a way to the internet; empty: the default VPC's."
}

variable "disk_gib" {
  type        = number
  default     = 20
  description = "Size of the image's disk; a stack's `diskGib` must not be smaller."
}

locals {
  stamp = formatdate("YYYYMMDD-hhmmss", timestamp())
}

source "amazon-ebs" "linux" {
  region       = var.region
  subnet_id    = var.subnet_id
  ssh_username = "ubuntu"
  ena_support  = true

  temporary_key_pair_type = "ed25519"

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  # A machine made from this image refuses the old, unauthenticated metadata service.
  imds_support = "v2.0"

  launch_block_device_mappings {
    device_name           = "/dev/sda1"
    volume_type           = "gp3"
    volume_size           = var.disk_gib
    throughput            = 250
    delete_on_termination = true
  }

  tags = {
    "spotrunner:runner" = var.runner_version
  }
}

build {
  source "amazon-ebs.linux" {
    name          = "x64"
    ami_name      = "spotrunner-linux-x64-${var.runner_version}-${local.stamp}"
    instance_type = "c7i.large"
    source_ami_filter {
      owners      = ["099720109477"] # Canonical
      most_recent = true
      filters = {
        name                = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"
        architecture        = "x86_64"
        virtualization-type = "hvm"
      }
    }
  }

  source "amazon-ebs.linux" {
    name          = "arm64"
    ami_name      = "spotrunner-linux-arm64-${var.runner_version}-${local.stamp}"
    instance_type = "c7g.large"
    source_ami_filter {
      owners      = ["099720109477"] # Canonical
      most_recent = true
      filters = {
        name                = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-*"
        architecture        = "arm64"
        virtualization-type = "hvm"
      }
    }
  }

  provisioner "shell" {
    inline = ["mkdir -p /tmp/spotrunner"]
  }

  provisioner "file" {
    source      = "${path.root}/files/"
    destination = "/tmp/spotrunner"
  }

  provisioner "file" {
    source      = "${var.wheel_dir}/"
    destination = "/tmp/spotrunner"
  }

  provisioner "shell" {
    script          = "${path.root}/files/provision.sh"
    execute_command = "sudo env {{ .Vars }} bash '{{ .Path }}'"
    environment_vars = [
      "UPLOADS=/tmp/spotrunner",
      "RUNNER_VERSION=${var.runner_version}",
      "RUNNER_ARCH=${source.name}",
      "RUNNER_SHA256=${lookup(var.runner_sha256, source.name, "missing")}",
    ]
  }

  post-processor "manifest" {
    output     = "build/images.json"
    strip_path = true
  }
}
