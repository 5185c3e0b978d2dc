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
  bool defragment = false;
  std::optional<int> moves = {};
};

constexpr int kMoves = 10;
constexpr int kMostMoves = 1000;

std::string move_text(std::size_t number, const kube::PodMove& move) {
  std::string text = fmt::format("  {}. {}\n", number, printable(to_text(move)));
  for (const kube::NodeDevice& freed : move.frees)
    text += fmt::format("     frees {} on {}\n", printable(freed.device), printable(freed.node));
  return text;
}

std::string advice_text(const kube::MoveAdvice& advice) {
  const auto plural = [](std::size_t count) { return count == 1 ? "" : "s"; };
  std::string text =
      fmt::format("{} move{} free{} {} whole devices: {} before, {} after\n", advice.moves.size(),
                  plural(advice.moves.size()), advice.moves.size() == 1 ? "s" : "",
                  advice.free_after - advice.free_before, advice.free_before, advice.free_after);
  for (std::size_t i = 0; i < advice.moves.size(); ++i) text += move_text(i + 1, advice.moves[i]);
  if (!advice.kept.empty()) text += "pods that stay\n";
  for (const kube::Reason& reason : advice.kept)
    text += fmt::format("  {}: {} ({})\n", reason.nodes, printable(reason.text),
                        printable(reason.example));
  return text;
}

Result<int> defragment(Session& session, const ClusterFlags& flags, int moves) {
  if (flags.files.empty() || !flags.pods.empty())
    return fail(Code::kInvalidArgument,
                "capacity --defragment needs the cluster's files and no pod",
                "melon capacity -f CLUSTER --defragment");
  if (moves < 1 || moves > kMostMoves)
    return fail(Code::kInvalidArgument,
                fmt::format("--moves {}: expected 1 to {}", moves, kMostMoves),
                "say how many pods may move");
  if (!flags.policy.empty())
    return fail(Code::kInvalidArgument,
                fmt::format("--policy {}: --defragment searches by ways of its own", flags.policy),
                "ask for moves without --policy");
  MELON_RETURN_IF_ERROR(refuse_csv(session, "capacity"));
  MELON_TRY(OpenedCluster cluster, open_cluster(flags));
  warn(session, cluster.set_aside);
  MELON_TRY(const kube::MoveAdvice advice,
            cluster.what_if.defragment(static_cast<std::size_t>(moves)));
  if (session.structured()) {
    Json json = kube::to_json(advice);
    json["set_aside"] = kube::to_json(cluster.set_aside);
    session.print({}, json);
  } else {
    *session.out << advice_text(advice);
  }
  return kOk;
}

Result<int> capacity(Session& session, const ClusterFlags& flags) {
  if (flags.files.empty() || flags.pods.empty())
    return fail(Code::kInvalidArgument, "capacity needs the cluster's files and a pod",
                "melon capacity -f CLUSTER --pod POD");
  MELON_TRY(OpenedCluster cluster, open_cluster(flags));
  warn(session, cluster.set_aside);
  MELON_RETURN_IF_ERROR(check_pods(cluster, flags, false, "leave one of them in the file"));
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
  parameters.push_back({.names = "--defragment",
                        .target = &flags->defragment,
                        .text = "Instead: which moves of running pods free whole devices"});
  parameters.push_back({.names = "--moves",
                        .target = &flags->moves,
                        .value = "N",
                        .text = "Of --defragment: at most so many; 10 by default"});
  return {
      .name = "capacity",
      .summary = "Say how many more of a pod fit into a cluster",
      .description =
          "The cluster is in files, as kubectl get nodes,pods -A -o yaml prints it. Says how many\n"
          "of the pod fit, where, and what blocks the one after them. With --defragment, which\n"
          "moves of running pods would leave whole devices to nobody.",
      .parameters = std::move(parameters),
      .examples = {{"melon capacity -f cluster.yaml --pod web.yaml",
                    "How many more of it, and what blocks the next"},
                   {"melon capacity -f cluster.yaml --defragment --moves 5",
                    "Which moves, in this order, free whole devices"}},
      .run = [flags](Session& session) {
        ClusterFlags cluster = flags->cluster;
        cluster.files.insert(cluster.files.end(), flags->more_files.begin(),
                             flags->more_files.end());
        if (flags->moves && !flags->defragment)
          return Result<int>(fail(Code::kInvalidArgument, "--moves is of --defragment",
                                  "ask for moves with --defragment"));
        return flags->defragment ? defragment(session, cluster, flags->moves.value_or(kMoves))
                                 : capacity(session, cluster);
      }};
}

}  // namespace melon::cli
