// SPDX-License-Identifier: Apache-2.0
// `melon capacity`: how many more of a pod fit into a cluster in files.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/cluster_files.h"
#include "cli/commands.h"
#include "cli/exit_code.h"

namespace melon::cli {
namespace {

struct Flags {
  ClusterFlags cluster = {};
  std::vector<std::string> more_files = {};
};

Result<int> capacity(Session& session, const ClusterFlags& flags) {
  if (flags.files.empty() || flags.pods.empty())
    return fail(Code::kInvalidArgument, "capacity needs the cluster's files and a pod",
                "melon capacity -f CLUSTER --pod POD");
  MELON_TRY(OpenedCluster cluster, open_cluster(flags));
  warn(session, cluster.set_aside);
  if (cluster.pods.size() != 1)
    return fail(Code::kInvalidArgument,
                fmt::format("--pod names {} pods, expected one", cluster.pods.size()),
                "name a file with one pod that can be read");
  MELON_RETURN_IF_ERROR(refuse_csv(session, "capacity"));
  const kube::Capacity found = cluster.what_if.capacity(cluster.pods.front());
  if (session.structured()) {
    Json json = kube::to_json(found);
    json["set_aside"] = kube::to_json(cluster.set_aside);
    session.print({}, json);
    return kOk;
  }
  *session.out << fmt::format("{}{} more fit\n", found.at_least ? "at least " : "", found.fit)
               << to_text(found.by_node);
  *session.out << "the next one\n" << to_text(found.next);
  return kOk;
}

}  // namespace

Command capacity_command() {
  auto flags = std::make_shared<Flags>();
  std::vector<Parameter> parameters = flags->cluster.parameters();
  parameters.push_back({.names = "FILE",
                        .target = &flags->more_files,
                        .text = "Further files of the cluster, behind -f"});
  return {
      .name = "capacity",
      .summary = "Say how many more of a pod fit into a cluster",
      .description =
          "The cluster is in files, as kubectl get nodes,pods -A -o yaml prints it. Says how many\n"
          "of the pod fit, where, and what blocks the one after them.",
      .parameters = std::move(parameters),
      .examples = {{"melon capacity -f cluster.yaml --pod web.yaml",
                    "How many more of it, and what blocks the next"}},
      .run = [flags](Session& session) {
        ClusterFlags cluster = flags->cluster;
        cluster.files.insert(cluster.files.end(), flags->more_files.begin(),
                             flags->more_files.end());
        return capacity(session, cluster);
      }};
}

}  // namespace melon::cli
