// SPDX-License-Identifier: Apache-2.0
// `melon explain -f`: what would become of pods that come to a cluster in files.
#include "cli/explain_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/exit_code.h"
#include "kube/scenario.h"

namespace melon::cli {
namespace {

Json scenario_json(const std::string& file, const kube::ScenarioResult& result) {
  return {{"file", file},
          {"name", result.name},
          {"pods", result.pods},
          {"holds", result.failures.empty()},
          {"failures", result.failures}};
}

Table table_of(const std::vector<kube::Answer>& answers) {
  Table table{.columns = {{.header = "POD"},
                          {.header = "NODE"},
                          {.header = "DEVICES"},
                          {.header = "WHY NOT"}},
              .rows = {}};
  for (const kube::Answer& answer : answers) {
    std::string devices;
    for (const kube::PlacedContainer& container : answer.containers)
      for (const kube::PlacedDevice& device : container.devices)
        devices += (devices.empty() ? "" : " ") + device.uuid;
    const std::string reason = answer.reasons.empty() ? "" : answer.reasons.front().text;
    table.rows.push_back(
        {answer.pod, answer.node, devices, answer.refusal.empty() ? reason : answer.refusal});
  }
  return table;
}

Result<int> explain_gang(Session& session, OpenedCluster& cluster, std::int64_t count) {
  const kube::GangFit gang = cluster.what_if.gang(cluster.pods.front(), count);
  if (session.structured()) {
    Json json = kube::to_json(gang);
    json["set_aside"] = kube::to_json(cluster.set_aside);
    session.print({}, json);
  } else {
    *session.out << fmt::format("{} of {} fit{}\n", gang.fit, gang.asked,
                                gang.is_placed() ? "" : "; together none starts")
                 << to_text(gang.by_node);
    if (gang.next) *session.out << "the next one\n" << to_text(*gang.next);
  }
  return gang.is_placed() ? kOk : kConflict;
}

}  // namespace

Result<int> explain_pod(Session& session, const ClusterFlags& flags, const PodQuestion& question) {
  MELON_RETURN_IF_ERROR(refuse_csv(session, "explain"));
  MELON_TRY(OpenedCluster cluster, open_cluster(flags));
  warn(session, cluster.set_aside);
  MELON_RETURN_IF_ERROR(check_pods(cluster, flags, false, "use --place-all for several pods"));
  const kube::Pod& pod = cluster.pods.front();
  if (question.gang) return explain_gang(session, cluster, *question.gang);
  MELON_TRY(const kube::Answer answer,
            question.preempt ? cluster.what_if.ask_preempting(pod) : cluster.what_if.ask(pod));
  if (session.structured()) {
    Json json = kube::to_json(answer);
    json["set_aside"] = kube::to_json(cluster.set_aside);
    session.print({}, json);
  } else {
    *session.out << to_text(answer);
  }
  return answer.is_placed() ? kOk : kConflict;
}

Result<int> place_all(Session& session, const ClusterFlags& flags) {
  MELON_TRY(OpenedCluster cluster, open_cluster(flags));
  warn(session, cluster.set_aside);
  if (!flags.pods.empty()) MELON_RETURN_IF_ERROR(check_pods(cluster, flags, true));
  std::vector<kube::Answer> answers;
  const std::vector<kube::Pod> pods =
      flags.pods.empty() ? cluster.what_if.unscheduled() : cluster.pods;
  answers.resize(pods.size());
  for (const std::vector<std::size_t>& together : kube::placing_order(pods)) {
    if (pods[together.front()].gang.empty()) {
      answers[together.front()] = cluster.what_if.place(pods[together.front()]);
      continue;
    }
    std::vector<kube::Pod> gang;
    for (const std::size_t i : together) gang.push_back(pods[i]);
    std::vector<kube::Answer> found = cluster.what_if.place_together(gang);
    for (std::size_t i = 0; i < together.size(); ++i) answers[together[i]] = std::move(found[i]);
  }
  const auto placed = std::ranges::count_if(answers, &kube::Answer::is_placed);
  Json json = {{"placed", placed}, {"pods", Json::array()}};
  for (const kube::Answer& answer : answers) json["pods"].push_back(kube::to_json(answer));
  json["set_aside"] = kube::to_json(cluster.set_aside);
  session.print(table_of(answers), json);
  return placed == std::ssize(answers) ? kOk : kConflict;
}

Result<int> play_scenarios(Session& session, const ClusterFlags& flags,
                           const std::vector<std::string>& files) {
  MELON_TRY(const auto descriptors, load_vendors(flags));
  Table table{.columns = {{.header = "SCENARIO"}, {.header = "HOLDS"}, {.header = "WHY NOT"}},
              .rows = {}};
  Json json = Json::array();
  bool all_hold = true;
  for (const std::string& file : files) {
    MELON_TRY(const kube::ScenarioResult result, kube::play_scenario_file(file, descriptors));
    json.push_back(scenario_json(file, result));
    const bool holds = result.failures.empty();
    all_hold = all_hold && holds;
    if (holds) table.rows.push_back({file, {"yes", Tone::kGood}, ""});
    for (const std::string& failure : result.failures)
      table.rows.push_back({file, {"no", Tone::kBad}, failure});
  }
  session.print(table, json);
  return all_hold ? kOk : kFailed;
}

}  // namespace melon::cli
