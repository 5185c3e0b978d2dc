// SPDX-License-Identifier: Apache-2.0
// `melon explain`: why a workload runs where it does, or why it waits; where a pod would go.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/explain_cluster.h"
#include "cli/grant_table.h"

namespace melon::cli {
namespace {

constexpr int kMostMembers = 1'000'000;  // nobody counts further

struct Flags {
  std::vector<std::string> names = {};  // a workload; behind -f further files
  ClusterFlags cluster = {};
  std::vector<std::string> scenarios = {};
  bool place_all = false;
  PodQuestion question = {};
};

Result<int> explain_workload(Session& session, const std::string& name) {
  MELON_TRY(const Json answer, get(session, grant_target(name, "/explain")));
  if (session.structured()) {
    session.print({}, answer);
    return kOk;
  }
  const std::string reason = text_of(answer, "reason");
  *session.out << fmt::format("{} ({}){}\n", text_of(answer, "name"), text_of(answer, "state"),
                              reason.empty() ? "" : ": " + printable(reason));
  for (const Json& slice : list_of(answer, "placements"))
    *session.out << fmt::format("  {}: {}, compute booked {}, at most {}\n",
                                text_of(slice, "device"),
                                memory_text(number_of(slice, "memory_mib")), booked_text(slice),
                                compute_text(number_of(slice, "ceiling_permille")));
  if (answer.contains("refusal") && answer["refusal"].is_object())
    *session.out << refusal_text(answer["refusal"]).substr(1) << '\n';
  return kOk;
}

/// Of -f: one question at a time.
Result<> check(const Flags& flags) {
  const std::optional<int>& gang = flags.question.gang;
  if (int{flags.place_all} + int{flags.question.preempt} + int{gang.has_value()} > 1)
    return fail(Code::kInvalidArgument, "--place-all, --preempt and --gang are several questions",
                "ask one of them at a time");
  if (gang && (*gang < 1 || *gang > kMostMembers))
    return fail(Code::kInvalidArgument,
                fmt::format("--gang {}: expected 1 to {} pods", *gang, kMostMembers),
                "say how many of the pod start together");
  return {};
}

/// A scenario says all of it itself.
Result<> check_scenario(const Flags& flags) {
  const ClusterFlags& cluster = flags.cluster;
  if (cluster.files.empty() && cluster.pods.empty() && cluster.policy.empty() &&
      cluster.compat == ClusterFlags().compat && !flags.place_all && !flags.question.preempt &&
      !flags.question.gang)
    return {};
  return fail(
      Code::kInvalidArgument,
      "--scenario has a cluster and questions of its own: of -f, --pod, --policy, --compat, "
      "--place-all, --preempt and --gang none goes with it",
      "write them into the scenario, or ask without --scenario");
}

Result<int> explain(Session& session, Flags flags) {
  if (!flags.scenarios.empty()) {
    MELON_RETURN_IF_ERROR(check_scenario(flags));
    flags.scenarios.insert(flags.scenarios.end(), flags.names.begin(), flags.names.end());
    return play_scenarios(session, flags.cluster, flags.scenarios);
  }
  if (!flags.cluster.files.empty()) {
    // A shell writes `-f *.yaml` out as one option and further words.
    flags.cluster.files.insert(flags.cluster.files.end(), flags.names.begin(), flags.names.end());
    MELON_RETURN_IF_ERROR(check(flags));
    if (flags.place_all) return place_all(session, flags.cluster);
    if (!flags.cluster.pods.empty()) return explain_pod(session, flags.cluster, flags.question);
    return fail(Code::kInvalidArgument, "explain -f needs --pod or --place-all",
                "name the file of the pod that is asked about");
  }
  if (flags.place_all || !flags.cluster.pods.empty() || flags.question.preempt ||
      flags.question.gang)
    return fail(Code::kInvalidArgument,
                "--pod, --place-all, --preempt and --gang need the cluster's files",
                "name them with -f");
  if (flags.names.size() != 1)
    return fail(Code::kInvalidArgument, "explain needs the NAME of one workload, or -f and --pod",
                "see melon explain --help");
  return explain_workload(session, flags.names.front());
}

std::vector<Parameter> parameters(Flags& flags) {
  std::vector<Parameter> all = {
      {.names = "NAME", .target = &flags.names, .text = "A workload's name or id"}};
  for (Parameter& parameter : flags.cluster.parameters()) all.push_back(std::move(parameter));
  all.push_back({.names = "--place-all",
                 .target = &flags.place_all,
                 .text = "Place every pod of --pod in order, or those of -f without a node"});
  all.push_back(
      {.names = "--preempt",
       .target = &flags.question.preempt,
       .text = "Where the pod has no place: which pods of lower priority would have to end"});
  all.push_back({.names = "--gang",
                 .target = &flags.question.gang,
                 .value = "N",
                 .text = "Whether so many of the pod start together, or none"});
  all.push_back({.names = "--scenario",
                 .target = &flags.scenarios,
                 .value = "FILE",
                 .text = "Play a scenario: a cluster, pods and what is expected of them"});
  return all;
}

}  // namespace

Command explain_command() {
  auto flags = std::make_shared<Flags>();
  return {
      .name = "explain",
      .summary = "Say why a workload runs where it does, or where a pod would go",
      .description =
          "With a NAME, about a workload of the daemon. With -f, about a Kubernetes cluster in\n"
          "files, as kubectl get nodes,pods -A -o yaml prints it: no cluster is asked or changed.\n"
          "Status 4 says that a pod has no place.",
      .parameters = parameters(*flags),
      .examples = {{"melon explain web-1", "The device and the reason, or what is in the way"},
                   {"melon explain -f cluster.yaml --pod web.yaml",
                    "Where the pod would go, or why nowhere and what would fit"},
                   {"melon explain -f cluster.yaml --pod web.yaml --preempt",
                    "And whose end would make room"},
                   {"melon explain -f cluster.yaml --pod worker.yaml --gang 64",
                    "Whether 64 of it start together, and what blocks the next"},
                   {"melon explain -f cluster.yaml --place-all", "Every pod that waits"},
                   {"melon explain --scenario tests/scenarios/t47-binpack.yaml",
                    "Whether a case holds"}},
      .run = [flags](Session& session) { return explain(session, *flags); }};
}

}  // namespace melon::cli
