// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "kube/answer.h"
#include "kube/objects.h"
#include "kube/what_if.h"
#include "vendors/descriptor.h"

namespace melon::cli {

/// The flags of commands that ask about a cluster in files.
struct ClusterFlags {
  std::vector<std::string> files = {};
  std::vector<std::string> pods = {};
  std::string policy = {};
  std::string compat = "none";
  std::string vendors_folder = {};

  /// -f, --pod, --policy, --compat and --vendors.
  std::vector<Parameter> parameters();
};

/// A cluster read from files, and the pods that are asked about.
struct OpenedCluster {
  kube::WhatIf what_if;
  std::vector<kube::Pod> pods = {};
  std::map<std::string, std::int64_t> beside_pods = {};  // other kinds in the files of pods
  std::vector<kube::SetAside> set_aside = {};
};

/// Reads the files. Errors: those of reading; kInvalidArgument for a policy or compatibility that
/// there is none of.
Result<OpenedCluster> open_cluster(const ClusterFlags& flags);

/// An error unless --pod names one pod, or with `or_several` one at least: kInvalidArgument naming
/// the files, what is in them instead, and the remedy; `of_several` is that for more than one.
Result<> check_pods(const OpenedCluster& cluster, const ClusterFlags& flags, bool or_several,
                    std::string_view of_several = {});

Result<std::vector<vendors::Descriptor>> load_vendors(const ClusterFlags& flags);

/// Says on standard error what was set aside, a line each.
void warn(const Session& session, const std::vector<kube::SetAside>& set_aside);

/// An error where the output is CSV, which is for tables alone.
Result<> refuse_csv(const Session& session, std::string_view command);

/// How many pods on which nodes, for people: the first lines.
std::string to_text(const std::vector<kube::Reason>& by_node);

/// An answer for people, several lines. Control characters of names are not among them.
std::string to_text(const kube::Answer& given);

}  // namespace melon::cli
